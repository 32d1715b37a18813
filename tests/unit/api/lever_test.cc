// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: a safety lever stops what it covers and refuses it until it is lifted,
// with the reason. Method: levers pulled under holds, over the in-process
// channel.

#include "tests/unit/api/fault_fixture.h"

namespace mmfault::api {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Stub = v1::FaultService::Stub;

class LeverTest : public FaultTest {
 protected:
  v1::PullSafetyLeverResponse Pull(const std::string& client,
                                   const std::string& reason) {
    v1::PullSafetyLeverRequest request;
    request.mutable_lever()->set_client(client);
    request.mutable_lever()->set_reason(reason);
    v1::PullSafetyLeverResponse response;
    const grpc::Status status =
        Call(*faults_, &Stub::PullSafetyLever, request, &response);
    EXPECT_TRUE(status.ok()) << client::Describe(status);
    return response;
  }
  bool Lift(const std::string& client) {
    v1::LiftSafetyLeverRequest request;
    request.set_client(client);
    v1::LiftSafetyLeverResponse response;
    EXPECT_TRUE(
        Call(*faults_, &Stub::LiftSafetyLever, request, &response).ok());
    return response.lifted();
  }
  static v1::ArmFaultRequest Held(const std::string& id, const HeldLease& lease,
                                  const std::string& trigger = "off") {
    v1::ArmFaultRequest request = Rule(id, kAfterStart, trigger);
    request.mutable_fault()->set_lease(lease.name());
    return request;
  }
};

TEST_F(LeverTest, TheServersStopsEverything) {
  ASSERT_TRUE(Arm(Rule("h", kAfterStart, "1*hold")).ok());
  std::future<int32_t> unmapped = UnmapElsewhere();
  EXPECT_TRUE(WaitFor(kAfterStart).reached());
  const v1::PullSafetyLeverResponse pulled = Pull("", "the pager rang");
  EXPECT_EQ(pulled.disarmed_count(), 1);
  EXPECT_EQ(pulled.resumed_count(), 1);
  EXPECT_EQ(unmapped.get(), 0);
  EXPECT_THAT(Armed(), IsEmpty());
  const grpc::Status status = Arm(Rule("h", kAfterStart, "1*hold"));
  EXPECT_EQ(Why(status), "FAILED_PRECONDITION (SAFETY_LEVER_PULLED)");
  EXPECT_THAT(status.error_message(), HasSubstr("the pager rang"));
  v1::ListSafetyLeversResponse listed;
  ASSERT_TRUE(Call(*faults_, &Stub::ListSafetyLevers,
                   v1::ListSafetyLeversRequest(), &listed)
                  .ok());
  ASSERT_THAT(listed.levers(), SizeIs(1));
  EXPECT_EQ(listed.levers(0).reason(), "the pager rang");
  EXPECT_TRUE(Lift(""));
  EXPECT_FALSE(Lift(""));
  EXPECT_TRUE(Arm(Rule("h", kAfterStart, "1*hold")).ok());
}

TEST_F(LeverTest, AClientsStopsThatClient) {
  HeldLease kvm(*faults_, "kvm");
  HeldLease vfio(*faults_, "vfio");
  ASSERT_TRUE(Arm(Held("k", kvm, "1*hold")).ok());
  ASSERT_TRUE(Arm(Held("v", vfio)).ok());
  ASSERT_TRUE(Arm(Rule("n", kAfterStart, "off")).ok());
  std::future<int32_t> unmapped = UnmapElsewhere();
  EXPECT_TRUE(WaitFor(kAfterStart).reached());
  EXPECT_EQ(Pull("kvm", "").disarmed_count(), 1);
  EXPECT_EQ(unmapped.get(), 0);
  EXPECT_EQ(kvm.Read().safety_lever().client(), "kvm");
  EXPECT_THAT(Armed(), SizeIs(2));
  EXPECT_EQ(Why(Arm(Held("k", kvm))),
            "FAILED_PRECONDITION (SAFETY_LEVER_PULLED)");
  EXPECT_TRUE(Arm(Held("v2", vfio)).ok());
  EXPECT_TRUE(Arm(Rule("n2", kAfterStart, "off")).ok());
  EXPECT_TRUE(Lift("kvm"));
  EXPECT_TRUE(Arm(Held("k", kvm)).ok());
}

TEST_F(LeverTest, APlanIsRefusedWhole) {
  HeldLease kvm(*faults_, "kvm");
  Pull("kvm", "enough");
  v1::ApplyPlanRequest request;
  request.set_parent("worlds/w");
  *request.mutable_plan()->add_faults() = Rule("", kAfterStart, "off").fault();
  *request.mutable_plan()->add_faults() = Held("", kvm).fault();
  v1::ApplyPlanResponse response;
  EXPECT_EQ(Why(Call(*faults_, &Stub::ApplyPlan, request, &response)),
            "FAILED_PRECONDITION (SAFETY_LEVER_PULLED)");
  EXPECT_THAT(Armed(), IsEmpty());
}

// Rules of a scenario are faults that nobody holds.
TEST_F(LeverTest, ScenariosAreStoppedToo) {
  v1::CreateWorldRequest request;
  request.set_world_id("s");
  *request.mutable_settings() = Settings();
  v1::MmSetup* mm = request.mutable_scenario()->add_mm();
  mm->set_id("m0");
  v1::FaultRule* rule = request.mutable_scenario()->add_fault();
  rule->set_point("kernel/kmalloc/alloc");
  rule->set_trigger("error(ENOMEM)");
  v1::CreateWorldResponse response;
  const auto create = [&] {
    return Call(*worlds_, &v1::WorldService::Stub::CreateWorld, request,
                &response);
  };
  ASSERT_TRUE(create().ok());
  v1::RunStepResponse step;
  ASSERT_TRUE(RunStep("s", Register("n0", "m0"), &step, "t").ok());
  EXPECT_EQ(step.result().rc(), -12);
  Pull("", "enough");
  ASSERT_TRUE(RunStep("s", Register("n0", "m0"), &step, "t").ok());
  EXPECT_EQ(step.result().rc(), 0);
  request.set_world_id("s2");
  EXPECT_EQ(Why(create()), "FAILED_PRECONDITION (SAFETY_LEVER_PULLED)");
  v1::ResetWorldRequest reset;
  reset.set_name("worlds/s");
  v1::ResetWorldResponse again;
  EXPECT_EQ(
      Why(Call(*worlds_, &v1::WorldService::Stub::ResetWorld, reset, &again)),
      "FAILED_PRECONDITION (SAFETY_LEVER_PULLED)");
  Lift("");
  EXPECT_TRUE(create().ok());
}

TEST_F(LeverTest, TheCapabilityIsNotTakenAway) {
  Pull("", "enough");
  v1::SetCapabilityRequest request;
  request.set_name("worlds/w/tasks/-");
  v1::SetCapabilityResponse response;
  EXPECT_EQ(Why(Call(*faults_, &Stub::SetCapability, request, &response)),
            "FAILED_PRECONDITION (SAFETY_LEVER_PULLED)");
  request.set_granted(true);
  EXPECT_TRUE(Call(*faults_, &Stub::SetCapability, request, &response).ok());
}

}  // namespace
}  // namespace mmfault::api
