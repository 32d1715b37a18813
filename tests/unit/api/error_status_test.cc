// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: what the engine says about an error is what a C++ client reads, and no
// text can make the details unreadable. Method: encode with the server's codec,
// decode with the client's.

#include "server/api/error_status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "clients/cpp/error_details.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "server/base/error.h"

namespace mmfault::api {
namespace {

using ::testing::EndsWith;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

google::rpc::Status Details(const grpc::Status& status) {
  google::rpc::Status details;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  return details;
}

TEST(ErrorStatusTest, OkStaysOk) {
  const grpc::Status status = ToGrpcStatus(absl::OkStatus());
  EXPECT_TRUE(status.ok());
  EXPECT_THAT(status.error_details(), IsEmpty());
  EXPECT_THAT(client::Reason(status), IsEmpty());
}

TEST(ErrorStatusTest, EveryCodeKeepsItsValue) {
  for (int code = 1; code <= 16; ++code) {
    const grpc::Status status = ToGrpcStatus(
        base::MakeError(static_cast<absl::StatusCode>(code), "R", "m"));
    EXPECT_EQ(static_cast<int>(status.error_code()), code);
    EXPECT_EQ(Details(status).code(), code);
  }
}

TEST(ErrorStatusTest, InvalidFieldIsReadBackByTheClient) {
  const grpc::Status status = ToGrpcStatus(base::InvalidFieldError(
      "step.munmap.range.end", "RANGE_EMPTY", "end must be above start",
      {{"start", "0x3000"}, {"end", "0x1000"}}));
  EXPECT_EQ(status.error_message(), "end must be above start");
  const client::ErrorDetails details = client::DetailsOf(status);
  EXPECT_EQ(details.reason, "RANGE_EMPTY");
  EXPECT_EQ(details.field, "step.munmap.range.end");
  EXPECT_THAT(
      details.metadata,
      UnorderedElementsAre(Pair("start", "0x3000"), Pair("end", "0x1000"),
                           Pair("field", "step.munmap.range.end")));
  EXPECT_EQ(client::MetadataValue(status, "end"), "0x1000");
  EXPECT_EQ(client::MetadataValue(status, "absent"), "");
  EXPECT_EQ(client::Describe(status),
            "INVALID_ARGUMENT (RANGE_EMPTY): end must be above start");
}

TEST(ErrorStatusTest, WrongStateHasAPreconditionFailure) {
  const grpc::Status status = ToGrpcStatus(
      base::WrongStateError("worlds/w/mms/m0", "MM_ALREADY_FREED", "freed"));
  google::rpc::PreconditionFailure failure;
  ASSERT_THAT(Details(status).details(), SizeIs(2));
  ASSERT_TRUE(Details(status).details(1).UnpackTo(&failure));
  EXPECT_EQ(failure.violations(0).type(), "MM_ALREADY_FREED");
  EXPECT_EQ(failure.violations(0).subject(), "worlds/w/mms/m0");
  EXPECT_EQ(client::DetailsOf(status).subject, "worlds/w/mms/m0");
}

TEST(ErrorStatusTest, QuotaNamesItsHolderAndLimit) {
  const grpc::Status status = ToGrpcStatus(base::QuotaError(
      "worlds/w", "MMS_EXHAUSTED", "max_mms_per_world", 64, "64 mms exist"));
  const client::ErrorDetails details = client::DetailsOf(status);
  EXPECT_EQ(details.subject, "worlds/w");
  EXPECT_EQ(details.metadata.at("limit"), "max_mms_per_world");
  EXPECT_EQ(details.metadata.at("max"), "64");
}

TEST(ErrorStatusTest, RetryDelayKeepsMilliseconds) {
  base::ErrorFacts facts;
  facts.reason = "DRAINING";
  facts.retry_after = std::chrono::milliseconds(1500);
  const grpc::Status status = ToGrpcStatus(base::MakeErrorWithFacts(
      absl::StatusCode::kUnavailable, "draining", facts));
  EXPECT_EQ(client::DetailsOf(status).retry_after,
            std::chrono::milliseconds(1500));
}

TEST(ErrorStatusTest, StatusWithoutReasonGetsItsCodesName) {
  EXPECT_EQ(client::Reason(ToGrpcStatus(absl::InternalError("bug"))),
            "INTERNAL");
}

TEST(ErrorStatusTest, DetailsOfAnotherServerAreIgnored) {
  const grpc::Status plain(grpc::StatusCode::UNAVAILABLE, "connection reset");
  EXPECT_EQ(client::Reason(plain), "");
  EXPECT_EQ(client::Describe(plain), "UNAVAILABLE: connection reset");
  EXPECT_EQ(client::Reason(grpc::Status(grpc::StatusCode::UNKNOWN, "m",
                                        "\xff not a proto")),
            "");
  google::rpc::ErrorInfo info;
  info.set_domain("example.com");
  info.set_reason("THEIRS");
  google::rpc::Status foreign;
  foreign.add_details()->PackFrom(info);
  EXPECT_EQ(client::Reason(grpc::Status(grpc::StatusCode::UNKNOWN, "m",
                                        foreign.SerializeAsString())),
            "");
}

// gRPC refuses more than 8 KiB of metadata: grpc-message is percent-encoded
// (three bytes for one), the details are base64 (four for three).
TEST(ErrorStatusTest, WorstCaseFitsIntoTheMetadata) {
  const std::string huge(100'000, '\x01');
  base::ErrorMetadata metadata;
  for (int i = 0; i < 100; ++i) {
    metadata.emplace_back(std::to_string(i) + huge, huge);
  }
  for (const absl::Status& error :
       {base::InvalidFieldError(huge, huge, huge, metadata),
        base::WrongStateError(huge, huge, huge, metadata)}) {
    const grpc::Status status = ToGrpcStatus(error);
    const size_t wire_bytes = status.error_message().size() * 3 +
                              status.error_details().size() * 4 / 3;
    EXPECT_LT(wire_bytes, 7u * 1024);
    EXPECT_THAT(status.error_message(), EndsWith("..."));
    EXPECT_NE(client::Reason(status), "");
  }
}

TEST(ErrorStatusTest, TextIsMadeValidUtf8) {
  const auto message = [](std::string_view text) {
    return ToGrpcStatus(base::MakeError(absl::StatusCode::kInternal, "R", text))
        .error_message();
  };
  EXPECT_EQ(message("na\xc3\xafve \xe2\x82\xac \xf0\x9f\x98\x80"),
            "na\xc3\xafve \xe2\x82\xac \xf0\x9f\x98\x80");
  EXPECT_EQ(message("a\xff"
                    "b"),
            "a?b");
  EXPECT_EQ(message("\xc0\xaf"), "??");            // Overlong.
  EXPECT_EQ(message("\xed\xa0\x80"), "???");       // A surrogate.
  EXPECT_EQ(message("\xf4\x90\x80\x80"), "????");  // Beyond U+10FFFF.
  EXPECT_EQ(message("cut \xe2\x82"), "cut ??");
}

TEST(ErrorStatusTest, CutsBetweenCharacters) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "\xe2\x82\xac";
  const grpc::Status status =
      ToGrpcStatus(base::MakeError(absl::StatusCode::kInternal, "R", text));
  std::string kept = status.error_message();
  ASSERT_THAT(kept, EndsWith("..."));
  kept.resize(kept.size() - 3);
  EXPECT_EQ(kept.size() % 3, 0u);
  EXPECT_EQ(kept, text.substr(0, kept.size()));
}

}  // namespace
}  // namespace mmfault::api
