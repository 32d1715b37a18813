// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: a plan is armed whole, at one epoch, or not at all, and a dry run only
// says what would be. Method: plans with and without a mistake, over the
// in-process channel.

#include "tests/unit/api/fault_fixture.h"

namespace mmfault::api {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;
using Stub = v1::FaultService::Stub;

class PlanTest : public FaultTest {
 protected:
  // Faults `a`, `b` and one without a name, on three points.
  static v1::ApplyPlanRequest Plan() {
    v1::ApplyPlanRequest request;
    request.set_parent("worlds/w");
    Add(&request, "a", kAfterStart, "1*hold");
    Add(&request, "b", "kernel/kmalloc/alloc", "2 * error(12)");
    Add(&request, "", "mm/exit_mmap/enter", "off");
    return request;
  }
  static void Add(v1::ApplyPlanRequest* request, const std::string& name,
                  const std::string& point, const std::string& trigger) {
    v1::Fault& fault = *request->mutable_plan()->add_faults();
    fault.set_name(name);
    fault.add_rules()->set_point(point);
    fault.mutable_rules(0)->set_trigger(trigger);
  }

  grpc::Status Apply(const v1::ApplyPlanRequest& request,
                     v1::ApplyPlanResponse* response) {
    response->Clear();
    return Call(*faults_, &Stub::ApplyPlan, request, response);
  }

  int64_t Epoch() {
    v1::ListFaultsRequest request;
    request.set_parent("worlds/w");
    v1::ListFaultsResponse response;
    EXPECT_TRUE(Call(*faults_, &Stub::ListFaults, request, &response).ok());
    return response.epoch();
  }
};

TEST_F(PlanTest, IsOneEpoch) {
  const int64_t before = Epoch();
  v1::ApplyPlanResponse response;
  ASSERT_TRUE(Apply(Plan(), &response).ok());
  EXPECT_TRUE(response.armed());
  EXPECT_EQ(response.epoch(), before + 1);
  ASSERT_EQ(response.faults_size(), 3);
  EXPECT_EQ(response.faults(1).name(), "worlds/w/faults/b");
  EXPECT_EQ(response.faults(1).rules(0).trigger(), "2*error(ENOMEM)");
  EXPECT_EQ(response.faults(2).name(), "worlds/w/faults/fault-1");
  for (const v1::Fault& fault : response.faults()) {
    EXPECT_EQ(fault.epoch(), before + 1);
  }
  EXPECT_THAT(Armed(), SizeIs(3));
  Disarm("a");
  EXPECT_EQ(Epoch(), before + 2);
  Disarm("a");
  EXPECT_EQ(Epoch(), before + 2);
  Disarm("-");
  EXPECT_EQ(Epoch(), before + 3);
}

TEST_F(PlanTest, ADryRunChangesNothing) {
  const int64_t before = Epoch();
  v1::ApplyPlanRequest request = Plan();
  request.set_dry_run(true);
  v1::ApplyPlanResponse dry;
  ASSERT_TRUE(Apply(request, &dry).ok());
  EXPECT_FALSE(dry.armed());
  EXPECT_EQ(dry.epoch(), before);
  ASSERT_EQ(dry.faults_size(), 3);
  EXPECT_THAT(Armed(), IsEmpty());
  v1::RunStepResponse step;
  ASSERT_TRUE(RunStep("w", Munmap(0x100000, 0x101000), &step, "t").ok());
  // What it said is what is armed then.
  v1::ApplyPlanResponse armed;
  ASSERT_TRUE(Apply(Plan(), &armed).ok());
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(dry.faults(i).name(), armed.faults(i).name());
    EXPECT_EQ(dry.faults(i).rules(0).trigger(),
              armed.faults(i).rules(0).trigger());
  }
}

// The mistake is in the last one: those before it have been resolved by then.
TEST_F(PlanTest, AMistakeAnywhereArmsNothing) {
  const int64_t before = Epoch();
  v1::ApplyPlanResponse response;
  v1::ApplyPlanRequest request = Plan();
  Add(&request, "c", kAfterStart, "1*hodl");
  const grpc::Status status = Apply(request, &response);
  EXPECT_EQ(Why(status), "INVALID_ARGUMENT (TRIGGER_MALFORMED)");
  EXPECT_EQ(client::DetailsOf(status).field, "plan.faults[3].rules[0].trigger");
  request = Plan();
  Add(&request, "a", kAfterStart, "off");
  EXPECT_EQ(Why(Apply(request, &response)), "ALREADY_EXISTS (FAULT_EXISTS)");
  request = Plan();
  request.mutable_plan()->mutable_faults(2)->set_lease("leases/none");
  EXPECT_EQ(Why(Apply(request, &response)), "NOT_FOUND (LEASE_NOT_FOUND)");
  request = Plan();
  request.mutable_plan()->mutable_faults(2)->mutable_rules(0)->set_client("x");
  EXPECT_EQ(Why(Apply(request, &response)), "NOT_FOUND (CLIENT_NOT_FOUND)");
  request.clear_plan();
  EXPECT_EQ(Why(Apply(request, &response)),
            "INVALID_ARGUMENT (FIELD_OUT_OF_RANGE)");
  EXPECT_THAT(Armed(), IsEmpty());
  EXPECT_EQ(Epoch(), before);
  v1::RunStepResponse step;
  ASSERT_TRUE(RunStep("w", Munmap(0x100000, 0x101000), &step, "t").ok());
  EXPECT_EQ(step.result().rc(), 0);
}

TEST_F(PlanTest, OneLeaseHoldsAllOfIt) {
  v1::ApplyPlanRequest request = Plan();
  HeldLease lease(*faults_, "kvm");
  request.set_lease(lease.name());
  v1::ApplyPlanResponse response;
  ASSERT_TRUE(Apply(request, &response).ok());
  EXPECT_EQ(response.faults(0).client(), "kvm");
  lease.HalfClose();
  EXPECT_TRUE(lease.Finish().ok());
  EXPECT_THAT(Armed(), IsEmpty());
}

TEST_F(PlanTest, ARepeatedRequestIsAppliedOnce) {
  v1::ApplyPlanRequest request = Plan();
  request.set_request_id("once");
  v1::ApplyPlanResponse first;
  v1::ApplyPlanResponse second;
  ASSERT_TRUE(Apply(request, &first).ok());
  ASSERT_TRUE(Apply(request, &second).ok());
  EXPECT_EQ(first.epoch(), second.epoch());
  EXPECT_THAT(Armed(), SizeIs(3));
}

}  // namespace
}  // namespace mmfault::api
