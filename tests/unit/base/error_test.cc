// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: what a builder puts into a status is what FactsOf() gives back, whatever
// the text. Method: round trips through the payload.

#include "server/base/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mmfault::base {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(ErrorTest, KeepsCodeMessageReasonAndMetadata) {
  const absl::Status status =
      MakeError(absl::StatusCode::kAborted, "WORLD_RESET", "world was reset",
                {{"world", "worlds/w"}, {"step", "184"}});
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(status.message(), "world was reset");
  EXPECT_EQ(ReasonOf(status), "WORLD_RESET");
  EXPECT_THAT(FactsOf(status).metadata,
              ElementsAre(Pair("world", "worlds/w"), Pair("step", "184")));
}

TEST(ErrorTest, TextWithSeparatorsSurvives) {
  const std::string odd = "a=b\nc\\n\\\nd=";
  const absl::Status status =
      InvalidFieldError(odd, "BAD", "text", {{"value", odd}});
  const ErrorFacts facts = FactsOf(status);
  EXPECT_EQ(facts.field, odd);
  EXPECT_THAT(facts.metadata,
              ElementsAre(Pair("value", odd), Pair("field", odd)));
}

TEST(ErrorTest, EachBuilderHasItsCode) {
  EXPECT_EQ(InvalidFieldError("f", "R", "m").code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(MissingResourceError("worlds/w", "R", "m").code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(WrongStateError("worlds/w", "R", "m").code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(QuotaError("server", "R", "max_worlds", 3, "m").code(),
            absl::StatusCode::kResourceExhausted);
}

TEST(ErrorTest, QuotaErrorNamesTheLimitAndItsValue) {
  const ErrorFacts facts =
      FactsOf(QuotaError("server", "WORLDS_EXHAUSTED", "max_worlds", 3, "m"));
  EXPECT_EQ(facts.subject, "server");
  EXPECT_THAT(facts.metadata,
              ElementsAre(Pair("subject", "server"),
                          Pair("limit", "max_worlds"), Pair("max", "3")));
}

TEST(ErrorTest, KeepsTheRetryDelay) {
  ErrorFacts facts;
  facts.reason = "DRAINING";
  facts.retry_after = std::chrono::milliseconds(1500);
  const absl::Status status = MakeErrorWithFacts(absl::StatusCode::kUnavailable,
                                                 "server is draining", facts);
  EXPECT_EQ(FactsOf(status).retry_after, std::chrono::milliseconds(1500));
}

TEST(ErrorTest, StatusOfOthersHasNoFacts) {
  EXPECT_EQ(ReasonOf(absl::InternalError("x")), "");
  EXPECT_EQ(ReasonOf(absl::OkStatus()), "");
  EXPECT_THAT(FactsOf(absl::InternalError("x")).metadata, IsEmpty());
}

}  // namespace
}  // namespace mmfault::base
