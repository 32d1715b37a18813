// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: faults over the API: armed together or not at all, counted, waited for,
// held, resumed, disarmed with their client. Method: every service over the
// in-process channel.

#include <future>

#include "tests/unit/api/fault_fixture.h"

namespace mmfault::api {
namespace {

using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using Stub = v1::FaultService::Stub;

using FaultServiceTest = FaultTest;

TEST_F(FaultServiceTest, TheCatalogueNeedsNoWorld) {
  v1::ListFaultPointsRequest request;
  request.set_prefix("mm/exit_mmap/");
  request.set_page_size(2);
  v1::ListFaultPointsResponse response;
  ASSERT_TRUE(Call(*faults_, &Stub::ListFaultPoints, request, &response).ok());
  ASSERT_EQ(response.points_size(), 2);
  EXPECT_EQ(response.points(0).point(), "mm/exit_mmap/after_release");
  EXPECT_THAT(response.points(0).actions(), Contains("hold"));
  EXPECT_THAT(response.points(0).actions(), Not(Contains("error")));
  request.set_page_token(response.next_page_token());
  ASSERT_TRUE(Call(*faults_, &Stub::ListFaultPoints, request, &response).ok());
  ASSERT_EQ(response.points_size(), 1);
  EXPECT_EQ(response.points(0).point(), "mm/exit_mmap/enter");
  EXPECT_THAT(response.next_page_token(), IsEmpty());
  request.set_prefix("mm/");
  EXPECT_EQ(Why(Call(*faults_, &Stub::ListFaultPoints, request, &response)),
            "INVALID_ARGUMENT (PAGE_TOKEN_INVALID)");
}

TEST_F(FaultServiceTest, TheCatalogueIsSearched) {
  v1::ListFaultPointsRequest request;
  request.set_query(" users exit_mmap ");
  v1::ListFaultPointsResponse response;
  ASSERT_TRUE(Call(*faults_, &Stub::ListFaultPoints, request, &response).ok());
  ASSERT_EQ(response.points_size(), 1);
  EXPECT_EQ(response.points(0).point(), "mm/exit_mmap/enter");
  request.set_query("mm/exit_mmap/entre");
  const grpc::Status status =
      Call(*faults_, &Stub::ListFaultPoints, request, &response);
  EXPECT_EQ(Why(status), "NOT_FOUND (FAULT_POINT_NOT_FOUND)");
  EXPECT_THAT(status.error_message(), HasSubstr("mm/exit_mmap/enter"));
}

TEST_F(FaultServiceTest, AFailedAllocationIsSeenByTheCaller) {
  v1::Fault fault;
  ASSERT_TRUE(
      Arm(Rule("nomem", "kernel/kmalloc/alloc", "1*error(ENOMEM)"), &fault)
          .ok());
  EXPECT_EQ(fault.name(), "worlds/w/faults/nomem");
  EXPECT_EQ(fault.rules(0).trigger(), "1*error(ENOMEM)");
  v1::RunStepResponse response;
  ASSERT_TRUE(RunStep("w", Register("n0", "m0"), &response, "t").ok());
  EXPECT_EQ(response.result().rc(), -12);
  ASSERT_TRUE(RunStep("w", Register("n0", "m0"), &response, "t").ok());
  EXPECT_EQ(response.result().rc(), 0);
  v1::GetFaultRequest request;
  request.set_name("worlds/w/faults/nomem");
  v1::GetFaultResponse got;
  ASSERT_TRUE(Call(*faults_, &Stub::GetFault, request, &got).ok());
  EXPECT_THAT(got.fault().fire_counts(), ElementsAre(1));
  EXPECT_GE(got.fault().hit_counts(0), 2);
  EXPECT_GT(got.fault().last_fire_steps(0), 0);
  v1::ListFaultPointsRequest list;
  list.set_parent("worlds/w");
  list.set_prefix("kernel/kmalloc/");
  v1::ListFaultPointsResponse points;
  ASSERT_TRUE(Call(*faults_, &Stub::ListFaultPoints, list, &points).ok());
  EXPECT_EQ(points.points(0).fire_count(), 1);
  EXPECT_GE(points.points(0).hit_count(), 2);
  EXPECT_EQ(points.points(0).last_fire_step(), got.fault().last_fire_steps(0));
}

TEST_F(FaultServiceTest, AHeldTaskIsWaitedForListedAndResumed) {
  ASSERT_TRUE(Arm(Rule("h", kAfterStart, "1*hold")).ok());
  std::future<int32_t> unmapped = UnmapElsewhere();
  const v1::WaitForHitResponse hit = WaitFor(kAfterStart);
  EXPECT_TRUE(hit.reached());
  EXPECT_EQ(hit.hit_count(), 1);
  EXPECT_EQ(hit.hold().task(), "t");
  v1::ListHoldsRequest list;
  list.set_parent("worlds/w");
  v1::ListHoldsResponse holds;
  ASSERT_TRUE(Call(*faults_, &Stub::ListHolds, list, &holds).ok());
  ASSERT_EQ(holds.holds_size(), 1);
  EXPECT_EQ(holds.holds(0).point(), kAfterStart);
  EXPECT_THAT(holds.holds(0).held_locks(), Not(IsEmpty()));
  v1::ResumeHoldRequest resume;
  resume.set_name(holds.holds(0).name());
  v1::ResumeHoldResponse resumed;
  ASSERT_TRUE(Call(*faults_, &Stub::ResumeHold, resume, &resumed).ok());
  EXPECT_EQ(unmapped.get(), 0);
  EXPECT_EQ(Why(Call(*faults_, &Stub::ResumeHold, resume, &resumed)),
            "NOT_FOUND (HOLD_NOT_FOUND)");
}

TEST_F(FaultServiceTest, DisarmingResumesAndMayBeRepeated) {
  ASSERT_TRUE(Arm(Rule("h", kAfterStart, "1*hold")).ok());
  std::future<int32_t> unmapped = UnmapElsewhere();
  WaitFor(kAfterStart);
  const v1::DisarmFaultResponse first = Disarm("h");
  EXPECT_EQ(unmapped.get(), 0);
  ASSERT_EQ(first.faults_size(), 1);
  EXPECT_THAT(first.faults(0).fire_counts(), ElementsAre(1));
  EXPECT_THAT(Disarm("h").faults(), IsEmpty());
  EXPECT_THAT(Disarm("-").faults(), IsEmpty());
  v1::DisarmFaultRequest request;
  request.set_name("worlds/w/faults/never");
  v1::DisarmFaultResponse response;
  EXPECT_EQ(Why(Call(*faults_, &Stub::DisarmFault, request, &response)),
            "NOT_FOUND (FAULT_NOT_FOUND)");
}

TEST_F(FaultServiceTest, AllRulesAreArmedOrNone) {
  v1::ArmFaultRequest request = Rule("f", kAfterStart, "hold");
  v1::FaultRule& second = *request.mutable_fault()->add_rules();
  second.set_point(kAfterStart);
  second.set_trigger("1*hodl");
  const grpc::Status status = Arm(request);
  EXPECT_EQ(Why(status), "INVALID_ARGUMENT (TRIGGER_MALFORMED)");
  EXPECT_EQ(client::MetadataValue(status, "column"), "3");
  EXPECT_EQ(client::DetailsOf(status).field, "fault.rules[1].trigger");
  EXPECT_THAT(Armed(), IsEmpty());
  v1::RunStepResponse response;
  ASSERT_TRUE(RunStep("w", Munmap(0x100000, 0x101000), &response, "t").ok());
  EXPECT_EQ(response.result().rc(), 0);
}

TEST_F(FaultServiceTest, WhatCannotBeArmedIsRefused) {
  grpc::Status status = Arm(Rule("", "mm/exit_mmap/entre", "hold"));
  EXPECT_EQ(Why(status), "NOT_FOUND (FAULT_POINT_NOT_FOUND)");
  EXPECT_THAT(status.error_message(), HasSubstr("mm/exit_mmap/enter"));
  EXPECT_EQ(Why(Arm(Rule("", kAfterStart, "error(ENOMEM)"))),
            "INVALID_ARGUMENT (ACTION_NOT_ALLOWED)");
  v1::ArmFaultRequest request = Rule("", kAfterStart, "hold");
  request.mutable_fault()->mutable_rules(0)->set_task("nobody");
  EXPECT_EQ(Why(Arm(request)), "NOT_FOUND (TASK_NOT_FOUND)");
  request = Rule("", kAfterStart, "hold");
  request.mutable_fault()->set_client("nobody");
  EXPECT_EQ(Why(Arm(request)), "NOT_FOUND (CLIENT_NOT_FOUND)");
  request.set_parent("worlds/none");
  EXPECT_EQ(Why(Arm(request)), "NOT_FOUND (WORLD_NOT_FOUND)");
  request.set_parent("worlds");
  EXPECT_EQ(Why(Arm(request)), "INVALID_ARGUMENT (NAME_MALFORMED)");
  request = Rule("f", kAfterStart, "hold");
  request.mutable_fault()->clear_rules();
  EXPECT_EQ(Why(Arm(request)), "INVALID_ARGUMENT (FIELD_MISSING)");
}

TEST_F(FaultServiceTest, ValidatingArmsNothing) {
  v1::ArmFaultRequest request = Rule("f", kAfterStart, "2*hold");
  request.set_validate_only(true);
  EXPECT_TRUE(Arm(request).ok());
  EXPECT_THAT(Armed(), IsEmpty());
}

TEST_F(FaultServiceTest, ARepeatedRequestArmsOnce) {
  v1::ArmFaultRequest request = Rule("", kAfterStart, "off");
  request.set_request_id("once");
  v1::Fault first;
  v1::Fault second;
  ASSERT_TRUE(Arm(request, &first).ok());
  ASSERT_TRUE(Arm(request, &second).ok());
  EXPECT_EQ(first.name(), second.name());
  EXPECT_THAT(Armed(), SizeIs(1));
  request.set_fault_id("other");
  EXPECT_EQ(Why(Arm(request)), "FAILED_PRECONDITION (REQUEST_ID_REUSED)");
  EXPECT_TRUE(Arm(Rule("f", kAfterStart, "off")).ok());
  EXPECT_EQ(Why(Arm(Rule("f", kAfterStart, "off"))),
            "ALREADY_EXISTS (FAULT_EXISTS)");
}

TEST_F(FaultServiceTest, FaultsGoWithTheirClient) {
  AttachedClient attached(*notifiers_, Hello("w", "kvm"));
  attached.Read();
  v1::ArmFaultRequest request = Rule("mine", kAfterStart, "1*hold");
  request.mutable_fault()->set_client("kvm");
  ASSERT_TRUE(Arm(request).ok());
  ASSERT_TRUE(Arm(Rule("other", kAfterStart, "off")).ok());
  std::future<int32_t> unmapped = UnmapElsewhere();
  WaitFor(kAfterStart);
  attached.HalfClose();
  attached.Finish();
  EXPECT_EQ(unmapped.get(), 0);
  ASSERT_THAT(Armed(), SizeIs(1));
  EXPECT_EQ(Armed()[0].name(), "worlds/w/faults/other");
}

TEST_F(FaultServiceTest, AWaitEndsWithoutAHit) {
  v1::WaitForHitRequest request;
  request.set_parent("worlds/w");
  request.set_point(kAfterStart);
  request.mutable_timeout();
  v1::WaitForHitResponse response;
  ASSERT_TRUE(Call(*faults_, &Stub::WaitForHit, request, &response).ok());
  EXPECT_FALSE(response.reached());
  request.mutable_timeout()->set_nanos(1'000'000);
  ASSERT_TRUE(Call(*faults_, &Stub::WaitForHit, request, &response).ok());
  EXPECT_FALSE(response.reached());

  request.clear_timeout();
  auto waiting = std::async(std::launch::async, [&] {
    return Call(*faults_, &Stub::WaitForHit, request, &response);
  });
  v1::DeleteWorldRequest remove;
  remove.set_name("worlds/w");
  v1::DeleteWorldResponse removed;
  ASSERT_TRUE(
      Call(*worlds_, &v1::WorldService::Stub::DeleteWorld, remove, &removed)
          .ok());
  EXPECT_THAT(Why(waiting.get()),
              AnyOf("ABORTED (WORLD_GONE)", "NOT_FOUND (WORLD_NOT_FOUND)"));
}

TEST_F(FaultServiceTest, AWaitEndsWithItsDeadline) {
  v1::WaitForHitRequest request;
  request.set_parent("worlds/w");
  request.set_point(kAfterStart);
  v1::WaitForHitResponse response;
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::milliseconds(20));
  EXPECT_EQ(faults_->WaitForHit(&context, request, &response).error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
}

TEST_F(FaultServiceTest, TheCapabilityIsTakenAndGiven) {
  v1::WorldSettings settings = Settings("seed_threshold");
  settings.set_mm_lock_vma_threshold(1);
  ASSERT_TRUE(CreateWorld("x", settings).ok());
  v1::CreateMmRequest mm;
  mm.set_parent("worlds/x");
  mm.set_mm_id("m0");
  mm.mutable_mm()->add_vma_pattern()->set_count(4);
  v1::CreateMmResponse made;
  ASSERT_TRUE(Call(*mms_, &v1::MmService::Stub::CreateMm, mm, &made).ok());
  v1::SetCapabilityRequest request;
  request.set_name("worlds/x/tasks/-");
  v1::SetCapabilityResponse response;
  ASSERT_TRUE(Call(*faults_, &Stub::SetCapability, request, &response).ok());
  v1::RunStepResponse step;
  ASSERT_TRUE(RunStep("x", Register("n0", "m0"), &step, "t").ok());
  EXPECT_EQ(step.result().rc(), -1);
  request.set_name("worlds/x/tasks/t");
  request.set_granted(true);
  ASSERT_TRUE(Call(*faults_, &Stub::SetCapability, request, &response).ok());
  ASSERT_TRUE(RunStep("x", Register("n0", "m0"), &step, "t").ok());
  EXPECT_EQ(step.result().rc(), 0);
  ASSERT_TRUE(RunStep("x", Register("n1", "m0"), &step, "u").ok());
  EXPECT_EQ(step.result().rc(), -1);
  request.set_name("worlds/x/tasks/nobody");
  EXPECT_EQ(Why(Call(*faults_, &Stub::SetCapability, request, &response)),
            "NOT_FOUND (TASK_NOT_FOUND)");
}

}  // namespace
}  // namespace mmfault::api
