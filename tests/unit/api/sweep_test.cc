// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: a sweep over the API: its cells come in order, it can be ended and gone
// on with, and what is no sweep is refused. Method: the in-process channel.

#include <string>
#include <vector>

#include "mmfault/v1/run_service.grpc.pb.h"
#include "tests/support/run_fixture.h"
#include "tests/unit/api/api_fixture.h"

namespace mmfault::api {
namespace {

using ::mmfault::testing_support::kMapAndUnmap;
using ::testing::HasSubstr;

class SweepServiceTest : public ApiTest {
 protected:
  SweepServiceTest()
      : runs_(v1::RunService::NewStub(server_->InProcessChannel())) {}

  v1::SweepRequest Asked() {
    v1::SweepRequest request;
    request.add_scenarios()->set_text(kMapAndUnmap);
    request.mutable_sweep()->add_points("notifier/");
    request.mutable_sweep()->set_schedule_count(2);
    return request;
  }

  // Reads at most `most` messages, then hangs up.
  grpc::Status Sweep(const v1::SweepRequest& request, int most = 1 << 20) {
    cells_.clear();
    cases_.clear();
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kPatience);
    const auto reader = runs_->Sweep(&context, request);
    v1::SweepResponse response;
    for (int i = 0; i < most && reader->Read(&response); ++i) {
      if (response.has_started_case()) {
        cases_.push_back(response.started_case());
      }
      for (const v1::SweepCell& cell : response.cells()) {
        cells_.push_back(cell.ShortDebugString());
        last_ = cell;
      }
    }
    if (most != 1 << 20) context.TryCancel();
    return reader->Finish();
  }

  std::string Refusal(const v1::SweepRequest& request) {
    const grpc::Status status = Sweep(request);
    EXPECT_FALSE(status.ok());
    return client::DetailsOf(status).reason;
  }

  std::unique_ptr<v1::RunService::Stub> runs_;
  std::vector<v1::SweepCase> cases_;
  std::vector<std::string> cells_;
  v1::SweepCell last_;
};

TEST_F(SweepServiceTest, StreamsTheCaseAndItsCells) {
  const grpc::Status status = Sweep(Asked());
  ASSERT_TRUE(status.ok()) << client::Describe(status);
  ASSERT_EQ(cases_.size(), 1U);
  EXPECT_EQ(cases_[0].scenario(), "map_and_unmap");
  EXPECT_EQ(cases_[0].seed(), 7);  // the scenario's
  EXPECT_GT(cells_.size(), 20U);
  const std::vector<std::string> first = cells_;
  ASSERT_TRUE(Sweep(Asked()).ok());
  EXPECT_EQ(cells_, first);
}

TEST_F(SweepServiceTest, GoesOnBehindACellThatIsKnown) {
  ASSERT_TRUE(Sweep(Asked()).ok());
  const std::vector<std::string> all = cells_;
  v1::SweepRequest request = Asked();
  *request.mutable_after() = last_;
  ASSERT_TRUE(Sweep(request).ok());
  EXPECT_TRUE(cells_.empty());
  Sweep(Asked(), 1);
  request.mutable_after()->clear_faults();
  request.mutable_after()->set_case_index(0);
  request.mutable_after()->set_group(0);
  ASSERT_TRUE(Sweep(request).ok());
  EXPECT_EQ(cells_, std::vector<std::string>(all.begin() + 1, all.end()));
}

TEST_F(SweepServiceTest, AReaderThatLeavesEndsIt) {
  v1::SweepRequest request = Asked();
  request.mutable_sweep()->set_swarm_count(1'000'000);
  EXPECT_EQ(Sweep(request, 2).error_code(), grpc::StatusCode::CANCELLED);
  // The worker is free again, sooner or later: this needs one.
  ASSERT_TRUE(Sweep(Asked()).ok());
}

TEST_F(SweepServiceTest, RefusesWhatIsNoSweep) {
  v1::SweepRequest request = Asked();
  request.mutable_options()->set_remote(true);
  EXPECT_EQ(Refusal(request), "UNSUPPORTED_SETTING");
  request = Asked();
  request.mutable_options()->set_require_fired(true);
  EXPECT_EQ(Refusal(request), "UNSUPPORTED_SETTING");
  request = Asked();
  request.mutable_sweep()->add_points("no/such/point");
  EXPECT_EQ(Refusal(request), "FIELD_OUT_OF_RANGE");
  request = Asked();
  request.mutable_sweep()->set_pair_count(-1);
  EXPECT_EQ(Refusal(request), "FIELD_OUT_OF_RANGE");
  request = Asked();
  request.mutable_options()->set_shard_count(2);
  request.mutable_options()->set_shard_index(2);
  EXPECT_EQ(Refusal(request), "FIELD_OUT_OF_RANGE");
  request = Asked();
  request.mutable_after()->set_case_index(1);
  EXPECT_EQ(Refusal(request), "FIELD_OUT_OF_RANGE");
  request = Asked();
  request.mutable_after()->set_group(1);  // a chain, and no fault
  EXPECT_EQ(Refusal(request), "FIELD_OUT_OF_RANGE");
  request = Asked();
  request.mutable_scenarios(0)->set_text("id: ");
  EXPECT_EQ(Refusal(request), "SCENARIO_MALFORMED");
}

}  // namespace
}  // namespace mmfault::api
