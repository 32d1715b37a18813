// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// The status matchers, shown both ways: what each must accept, and what it must
// not. A matcher that accepts too much makes every other test worthless.

#include "tests/support/matchers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mmfault::testing_support {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

const absl::StatusOr<std::string> kValue = std::string("m0");
const absl::StatusOr<std::string> kError = absl::NotFoundError("no mm m1");

TEST(MatchersTest, IsOkAcceptsOnlyOk) {
  EXPECT_OK(absl::OkStatus());
  EXPECT_OK(kValue);
  EXPECT_THAT(absl::InternalError(""), Not(IsOk()));
  EXPECT_THAT(kError, Not(IsOk()));
}

TEST(MatchersTest, StatusIsComparesCodeAndMessage) {
  EXPECT_THAT(kError, StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(kError.status(),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("m1")));
  EXPECT_THAT(kError, Not(StatusIs(absl::StatusCode::kInternal)));
  EXPECT_THAT(kError,
              Not(StatusIs(absl::StatusCode::kNotFound, HasSubstr("m2"))));
}

TEST(MatchersTest, IsOkAndHoldsLooksAtTheValue) {
  EXPECT_THAT(kValue, IsOkAndHolds("m0"));
  EXPECT_THAT(kValue, IsOkAndHolds(StartsWith("m")));
  EXPECT_THAT(kValue, Not(IsOkAndHolds("m1")));
  EXPECT_THAT(kError, Not(IsOkAndHolds("m0")));
}

TEST(MatchersTest, FailureNamesTheStatus) {
  ::testing::StringMatchResultListener listener;
  EXPECT_FALSE(::testing::ExplainMatchResult(IsOk(), kError, &listener));
  EXPECT_THAT(listener.str(), HasSubstr("NOT_FOUND: no mm m1"));
}

}  // namespace
}  // namespace mmfault::testing_support
