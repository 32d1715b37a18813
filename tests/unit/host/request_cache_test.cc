// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: a repeated call gets its first answer, for ten minutes and no longer.

#include "server/host/request_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mmfault/v1/run_service.pb.h"
#include "server/base/error.h"
#include "tests/support/matchers.h"

namespace mmfault::host {
namespace {

using ::mmfault::testing_support::IsOkAndHolds;

v1::GetRunRequest Request(const std::string& name) {
  v1::GetRunRequest request;
  request.set_name(name);
  return request;
}

v1::GetRunResponse Response(const std::string& name) {
  v1::GetRunResponse response;
  response.mutable_run()->set_name(name);
  return response;
}

class RequestCacheTest : public ::testing::Test {
 protected:
  RequestCache cache_;
  v1::GetRunResponse found_;
  RequestCache::Clock::time_point start_{};
};

TEST_F(RequestCacheTest, GivesTheFirstAnswerAgain) {
  cache_.Keep("id", Request("a"), Response("runs/a"), start_);
  EXPECT_THAT(cache_.Find("id", Request("a"), &found_, start_),
              IsOkAndHolds(true));
  EXPECT_EQ(found_.run().name(), "runs/a");
}

TEST_F(RequestCacheTest, KnowsNothingOfWhatIsNew) {
  EXPECT_THAT(cache_.Find("id", Request("a"), &found_, start_),
              IsOkAndHolds(false));
}

TEST_F(RequestCacheTest, AnEmptyIdIsNeverKept) {
  cache_.Keep("", Request("a"), Response("runs/a"), start_);
  EXPECT_THAT(cache_.Find("", Request("a"), &found_, start_),
              IsOkAndHolds(false));
}

TEST_F(RequestCacheTest, RefusesTheIdWithAnotherRequest) {
  cache_.Keep("id", Request("a"), Response("runs/a"), start_);
  const auto other = cache_.Find("id", Request("b"), &found_, start_);
  EXPECT_EQ(base::ReasonOf(other.status()), "REQUEST_ID_REUSED");
}

TEST_F(RequestCacheTest, RefusesTheIdAtAnotherRpc) {
  cache_.Keep("id", Request(""), Response("runs/a"), start_);
  const auto other = cache_.Find("id", v1::ListRunsRequest(), &found_, start_);
  EXPECT_EQ(base::ReasonOf(other.status()), "REQUEST_ID_REUSED");
}

TEST_F(RequestCacheTest, RefusesLongIds) {
  const auto found =
      cache_.Find(std::string(RequestCache::kMaxIdBytes + 1, 'x'), Request("a"),
                  &found_, start_);
  EXPECT_EQ(base::ReasonOf(found.status()), "FIELD_OUT_OF_RANGE");
}

TEST_F(RequestCacheTest, ForgetsAfterTenMinutes) {
  cache_.Keep("id", Request("a"), Response("runs/a"), start_);
  const auto last = start_ + RequestCache::kKeptFor;
  EXPECT_THAT(cache_.Find("id", Request("a"), &found_, last),
              IsOkAndHolds(true));
  const auto late = last + std::chrono::seconds(1);
  EXPECT_THAT(cache_.Find("id", Request("b"), &found_, late),
              IsOkAndHolds(false));
}

TEST_F(RequestCacheTest, ForgetsTheOldestWhenThereAreTooMany) {
  for (size_t i = 0; i <= RequestCache::kMaxEntries; ++i) {
    cache_.Keep("id" + std::to_string(i), Request("a"), Response("r"), start_);
  }
  EXPECT_THAT(cache_.Find("id0", Request("a"), &found_, start_),
              IsOkAndHolds(false));
  EXPECT_THAT(cache_.Find("id1", Request("a"), &found_, start_),
              IsOkAndHolds(true));
}

}  // namespace
}  // namespace mmfault::host
