// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: a rule acts where all of its filters say, and nowhere else: nobody sees
// somebody else's faults. Method: for each filter, what it names and its
// neighbour pass the same point; the neighbour's pass neither acts nor counts.

#include "tests/unit/api/fault_fixture.h"

namespace mmfault::api {
namespace {

using ::testing::Pair;

constexpr char kCallback[] = "device/callback/enter";
constexpr char kWalk[] = "notifier/invalidate_range_start/before_callback";

class FaultFilterTest : public FaultTest {
 protected:
  FaultFilterTest() {
    EXPECT_TRUE(CreateMm("w", "m1").ok());
    Run(Register("n0", "m0"));
    Run(Register("n1", "m1"));
  }

  // Runs a step that succeeds.
  void Run(const v1::Step& step, const std::string& task = "t",
           const std::string& world = "w") {
    v1::RunStepResponse response;
    const grpc::Status status = RunStep(world, step, &response, task);
    EXPECT_TRUE(status.ok()) << client::Describe(status);
    EXPECT_EQ(response.result().rc(), 0);
  }

  static v1::Step Unmap(const std::string& mm, uint64_t page) {
    const uint64_t start = 0x100000 + page * 0x1000;
    v1::Step step = Munmap(start, start + 0x1000);
    step.mutable_munmap()->set_mm(mm);
    return step;
  }
  static v1::Step Protect(const std::string& mm, uint64_t page) {
    v1::Step step;
    step.mutable_mprotect()->set_mm(mm);
    *step.mutable_mprotect()->mutable_range() =
        Unmap(mm, page).munmap().range();
    step.mutable_mprotect()->set_read_only(true);
    return step;
  }

  // Arms a rule that acts at each pass.
  static v1::ArmFaultRequest Yield(const std::string& point) {
    return Rule("f", point, "yield");
  }
  static v1::FaultRule* RuleOf(v1::ArmFaultRequest* request) {
    return request->mutable_fault()->mutable_rules(0);
  }

  // Arms it; `other` is no pass of it, and `own` is.
  template <typename Other, typename Own>
  void ExpectApart(const v1::ArmFaultRequest& request, Other other, Own own) {
    const grpc::Status status = Arm(request);
    ASSERT_TRUE(status.ok()) << client::Describe(status);
    other();
    EXPECT_THAT(Counts(), Pair(0, 0));
    own();
    EXPECT_THAT(Counts(), Pair(1, 1));
    Disarm("f");
  }
  std::pair<int64_t, int64_t> Counts() {
    const v1::Fault fault = Armed().at(0);
    return {fault.hit_counts(0), fault.fire_counts(0)};
  }
};

TEST_F(FaultFilterTest, World) {
  ASSERT_TRUE(CreateWorld("x", Settings()).ok());
  ASSERT_TRUE(CreateMm("x", "m0").ok());
  ExpectApart(
      Yield(kAfterStart), [&] { Run(Unmap("m0", 0), "t", "x"); },
      [&] { Run(Unmap("m0", 0)); });
}

TEST_F(FaultFilterTest, Mm) {
  v1::ArmFaultRequest request = Yield(kAfterStart);
  RuleOf(&request)->set_mm("m0");
  ExpectApart(
      request, [&] { Run(Unmap("m1", 0)); }, [&] { Run(Unmap("m0", 0)); });
}

TEST_F(FaultFilterTest, Task) {
  Run(Unmap("m0", 0), "u");  // it is there from now on
  v1::ArmFaultRequest request = Yield(kAfterStart);
  RuleOf(&request)->set_task("t");
  ExpectApart(
      request, [&] { Run(Unmap("m0", 1), "u"); },
      [&] { Run(Unmap("m0", 2), "t"); });
}

TEST_F(FaultFilterTest, Notifier) {
  v1::ArmFaultRequest request = Yield(kWalk);
  RuleOf(&request)->set_notifier("n0");
  ExpectApart(
      request, [&] { Run(Unmap("m1", 0)); }, [&] { Run(Unmap("m0", 0)); });
}

// Two on one mm: each callback is its own notifier's.
TEST_F(FaultFilterTest, NotifierOfTheSameMm) {
  Run(Register("n2", "m0"));
  v1::ArmFaultRequest request = Yield(kWalk);
  RuleOf(&request)->set_notifier("n0");
  ASSERT_TRUE(Arm(request).ok());
  ASSERT_TRUE(Arm(Rule("all", kWalk, "off")).ok());
  Run(Unmap("m0", 0));
  const std::vector<v1::Fault> armed = Armed();
  EXPECT_EQ(armed[0].hit_counts(0), 2);
  EXPECT_EQ(armed[1].hit_counts(0), 1);
}

TEST_F(FaultFilterTest, Event) {
  v1::ArmFaultRequest request = Yield(kCallback);
  RuleOf(&request)->set_notifier("n0");
  RuleOf(&request)->set_event(v1::CALLBACK_EVENT_RELEASE);
  ExpectApart(
      request, [&] { Run(Unmap("m0", 0)); }, [&] { Run(Unregister("n0")); });
}

// What becomes of a callback is about that notifier's and that event's alone.
TEST_F(FaultFilterTest, MessagesOfOthersGetThrough) {
  v1::ArmFaultRequest request = Rule("f", "notifier/callback/deliver", "drop");
  RuleOf(&request)->set_notifier("n0");
  RuleOf(&request)->set_event(v1::CALLBACK_EVENT_RELEASE);
  ExpectApart(
      request,
      [&] {
        Run(Unmap("m0", 0));
        Run(Unregister("n1"));
      },
      [&] { Run(Unregister("n0")); });
}

TEST_F(FaultFilterTest, Range) {
  v1::ArmFaultRequest request = Yield(kAfterStart);
  RuleOf(&request)->mutable_range()->set_start(0x102800);
  RuleOf(&request)->mutable_range()->set_end(0x103000);
  ExpectApart(
      request,
      [&] {
        Run(Unmap("m0", 1));
        Run(Unmap("m0", 3));
      },
      [&] { Run(Unmap("m0", 2)); });
}

TEST_F(FaultFilterTest, Operation) {
  v1::ArmFaultRequest request = Yield(kWalk);
  RuleOf(&request)->set_operation("munmap");
  ExpectApart(
      request, [&] { Run(Protect("m0", 0)); }, [&] { Run(Unmap("m0", 0)); });
}

// The points that every step passes know whose step it is, too.
TEST_F(FaultFilterTest, EveryStepOfOneOperationOrNotifier) {
  v1::ArmFaultRequest munmap = Rule("f", "sched/task/step", "off");
  RuleOf(&munmap)->set_operation("munmap");
  v1::ArmFaultRequest inside = Rule("g", "device/callback/step", "off");
  RuleOf(&inside)->set_notifier("n0");
  ASSERT_TRUE(Arm(munmap).ok());
  ASSERT_TRUE(Arm(inside).ok());
  const auto hits = [this](int fault) {
    return Armed().at(fault).hit_counts(0);
  };
  Run(Protect("m1", 0));
  EXPECT_EQ(hits(0), 0);
  EXPECT_EQ(hits(1), 0);
  Run(Unmap("m1", 1));
  const int64_t others = hits(0);
  EXPECT_GT(others, 0);
  EXPECT_EQ(hits(1), 0);
  Run(Protect("m0", 0));
  EXPECT_EQ(hits(0), others);
  EXPECT_GT(hits(1), 0);
}

TEST_F(FaultFilterTest, Client) {
  AttachedClient kvm(*notifiers_, Hello("w", "kvm"));
  AttachedClient vfio(*notifiers_, Hello("w", "vfio"));
  kvm.Read();
  vfio.Read();
  v1::ArmFaultRequest request = Yield(kAfterStart);
  RuleOf(&request)->set_client("kvm");
  ExpectApart(
      request,
      [&] {
        vfio.Call(1, Unmap("m0", 0));
        EXPECT_EQ(vfio.Read().result().result().rc(), 0);
        Run(Unmap("m0", 1));
      },
      [&] {
        kvm.Call(1, Unmap("m0", 2));
        EXPECT_EQ(kvm.Read().result().result().rc(), 0);
      });
}

TEST_F(FaultFilterTest, WhatNoPassCanSatisfyIsRefused) {
  const auto refused = [&](const v1::ArmFaultRequest& request) {
    return Why(Arm(request));
  };
  const std::string unsupported = "INVALID_ARGUMENT (UNSUPPORTED_SETTING)";
  v1::ArmFaultRequest request = Yield(kAfterStart);
  RuleOf(&request)->set_notifier("n0");
  EXPECT_EQ(refused(request), unsupported);
  request = Yield(kAfterStart);
  RuleOf(&request)->set_event(v1::CALLBACK_EVENT_RELEASE);
  EXPECT_EQ(refused(request), unsupported);
  request = Yield("kernel/kmalloc/alloc");
  RuleOf(&request)->set_mm("m0");
  EXPECT_EQ(refused(request), unsupported);
  request = Yield("kernel/kmalloc/alloc");
  RuleOf(&request)->mutable_range()->set_end(1);
  EXPECT_EQ(refused(request), unsupported);
  request = Yield(kAfterStart);
  RuleOf(&request)->mutable_range()->set_start(1);
  EXPECT_EQ(refused(request), "INVALID_ARGUMENT (RANGE_MALFORMED)");
  request = Yield(kAfterStart);
  RuleOf(&request)->set_operation("munmapp");
  const grpc::Status status = Arm(request);
  EXPECT_EQ(Why(status), unsupported);
  EXPECT_THAT(status.error_message(), ::testing::HasSubstr("\"munmap\""));
  request = Yield(kWalk);
  RuleOf(&request)->set_notifier("none");
  EXPECT_EQ(refused(request), "NOT_FOUND (NOTIFIER_NOT_FOUND)");
  request = Yield(kWalk);
  RuleOf(&request)->set_client("none");
  EXPECT_EQ(refused(request), "NOT_FOUND (CLIENT_NOT_FOUND)");
  EXPECT_TRUE(Armed().empty());
}

}  // namespace
}  // namespace mmfault::api
