// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Fault points in a running task: free when disarmed, hold and resume, yield,
// signals and errors; counters that undo takes back.

#include "server/kernel/point.h"

#include <cerrno>

#include "gtest/gtest.h"
#include "server/kernel/signal.h"
#include "tests/support/engine_world.h"

namespace mmfault::kernel {
namespace {

using faults::ActionKind;
using sched::RunStop;
using testing_support::EngineWorld;

constexpr faults::Point kPoint = faults::Point::kExitMmapEnter;

struct Result {
  sched::Object object;
  Cell<int> sum;
};

sched::Task<> PassThreeTimes(void* arg) {
  auto* result = static_cast<Result*>(arg);
  for (int i = 0; i < 3; ++i) {
    const int rc = co_await FaultPoint(kPoint);
    result->sum += rc;
    co_await Yield("test");
  }
}

class FaultPointTest : public ::testing::Test {
 protected:
  FaultPointTest() : result_(world_.New<Result>()) {}

  uint32_t Arm(ActionKind kind, int64_t arg, faults::When when = {}) {
    faults::Rule rule;
    rule.point = kPoint;
    rule.terms.emplace_back();
    rule.terms.back().when = when;
    rule.terms.back().action = {kind, arg};
    return world_->faults().Arm(rule);
  }
  uint64_t Hits(uint32_t rule) {
    return world_->decisions().Hits(world_->faults().Find(rule)->counter);
  }

  EngineWorld world_;
  Result* result_;
};

constexpr int64_t kHour = 3'600'000'000'000;

TEST_F(FaultPointTest, DelayTakesVirtualTime) {
  Arm(ActionKind::kDelay, kHour, {2, 2, 1});
  world_.Do(PassThreeTimes, result_);
  EXPECT_EQ(world_->state().time_ns, static_cast<uint64_t>(kHour));
  EXPECT_EQ(world_->state().step_count, 5U);
}

TEST_F(FaultPointTest, JitterIsOneDrawPerHit) {
  faults::Rule rule;
  rule.point = kPoint;
  rule.terms.emplace_back();
  rule.terms.back().action = {ActionKind::kDelay, 100, 200};
  world_->faults().Arm(rule);
  world_.Do(PassThreeTimes, result_);
  const uint64_t time = world_->state().time_ns;
  EXPECT_GE(time, 300U);
  EXPECT_LE(time, 600U);
  EngineWorld again;
  again->faults().Arm(rule);
  again.Do(PassThreeTimes, again.New<Result>());
  EXPECT_EQ(again->state().time_ns, time);
  EXPECT_EQ(again->event_hash(), world_->event_hash());
}

// A task that has an hour to wait can be resumed before, or waits it out.
TEST_F(FaultPointTest, HoldEndsByItself) {
  Arm(ActionKind::kHold, kHour, {2, 2, 1});
  sched::TaskRecord* task = world_.Spawn(PassThreeTimes, result_);
  EXPECT_EQ(world_.Run(), RunStop::kAtPoint);
  ASSERT_TRUE(HeldAtOf(*task).has_value());
  EXPECT_EQ(world_->NextHoldEnd(), static_cast<uint64_t>(kHour));
  EXPECT_EQ(world_.Run(), RunStop::kFinished);
  EXPECT_EQ(world_->state().time_ns, static_cast<uint64_t>(kHour));
}

TEST_F(FaultPointTest, HoldIsResumedBeforeItsTime) {
  const uint32_t rule = Arm(ActionKind::kHold, kHour, {2, 2, 1});
  world_.Spawn(PassThreeTimes, result_);
  EXPECT_EQ(world_.Run(), RunStop::kAtPoint);
  EXPECT_TRUE(world_->faults().Disarm(rule));
  EXPECT_EQ(ResumeHeldBy(world_.get(), rule), 1);
  EXPECT_EQ(world_.Run(), RunStop::kFinished);
  EXPECT_EQ(world_->state().time_ns, 0U);
}

// Where somebody outside may resume it, time passes only when asked to.
TEST_F(FaultPointTest, HoldMayWaitForTheOutside) {
  world_->SetHoldsWait(true);
  Arm(ActionKind::kHold, kHour, {2, 2, 1});
  world_.Spawn(PassThreeTimes, result_);
  EXPECT_EQ(world_.Run(), RunStop::kAtPoint);
  EXPECT_EQ(world_.Run(), RunStop::kHeld);
  EXPECT_TRUE(world_->PassHold());
  EXPECT_EQ(world_.Run(), RunStop::kFinished);
  EXPECT_EQ(world_->state().time_ns, static_cast<uint64_t>(kHour));
}

TEST_F(FaultPointTest, UndoTakesADelayBack) {
  Arm(ActionKind::kDelay, 50, {1, 1, 1});
  world_->SetUndo(true);
  sched::TaskRecord* task = world_.Spawn(PassThreeTimes, result_);
  const uint64_t before = world_->StateHash();
  world_.Step(task);
  EXPECT_EQ(world_->runnable(), 0U);
  world_->UndoTo(0);
  EXPECT_EQ(world_->StateHash(), before);
}

TEST_F(FaultPointTest, DisarmedIsNoStep) {
  world_.Do(PassThreeTimes, result_);
  EXPECT_EQ(world_->state().step_count, 4U);  // the start and three yields
}

TEST_F(FaultPointTest, InjectsAnErrorAtTheHitsNamed) {
  Arm(ActionKind::kError, EAGAIN, {2, 3, 1});
  world_.Do(PassThreeTimes, result_);
  EXPECT_EQ(result_->sum, 2 * EAGAIN);
  EXPECT_EQ(world_->state().step_count, 4U);
}

TEST_F(FaultPointTest, HoldsUntilResumed) {
  Arm(ActionKind::kHold, 0, {2, 2, 1});
  sched::TaskRecord* task = world_.Spawn(PassThreeTimes, result_);
  EXPECT_EQ(world_.Run(), RunStop::kAtPoint);
  EXPECT_EQ(world_.Run(), RunStop::kHeld);
  EXPECT_EQ(task->op_kind, trace::OpKind::kHold);
  send_sig(kSigKill, task);  // does not free it
  EXPECT_FALSE(world_.Runnable(task));
  EXPECT_EQ(ResumeHeld(world_.get(), faults::Point::kKmalloc, -1), 0);
  EXPECT_EQ(ResumeHeld(world_.get(), kPoint, task->slot + 1), 0);
  EXPECT_EQ(ResumeHeld(world_.get(), kPoint, -1), 1);
  EXPECT_EQ(world_.Run(), RunStop::kFinished);
  EXPECT_EQ(world_.violation_count(), 0) << world_.Violations();
}

TEST_F(FaultPointTest, YieldIsOneMoreStep) {
  Arm(ActionKind::kYield, 1, {1, 1, 1});
  world_.Do(PassThreeTimes, result_);
  EXPECT_EQ(world_->state().step_count, 5U);
}

TEST_F(FaultPointTest, SignalsTheTask) {
  Arm(ActionKind::kSignal, 10);
  sched::TaskRecord* task = world_.Spawn(PassThreeTimes, result_);
  task->sig_handled = SignalBit(10);
  world_.Step(task);
  EXPECT_TRUE(signal_pending(*task));
  EXPECT_FALSE(fatal_signal_pending(*task));
}

TEST_F(FaultPointTest, CountersAreUndoneAndRestored) {
  const uint32_t rule = Arm(ActionKind::kError, EIO);
  sched::TaskRecord* task = world_.Spawn(PassThreeTimes, result_);
  const sched::World::Snapshot snapshot = world_->Save();
  world_->SetUndo(true);
  world_.Step(task, 2);
  EXPECT_EQ(Hits(rule), 2U);
  world_->UndoStep();
  EXPECT_EQ(Hits(rule), 1U);
  world_->UndoTo(0);
  EXPECT_EQ(Hits(rule), 0U);
  world_->SetUndo(false);
  world_.Run();
  EXPECT_EQ(Hits(rule), 3U);
  world_->Restore(snapshot);
  EXPECT_EQ(Hits(rule), 0U);
}

TEST_F(FaultPointTest, DisarmedRuleActsNoMore) {
  const uint32_t rule = Arm(ActionKind::kError, EIO);
  sched::TaskRecord* task = world_.Spawn(PassThreeTimes, result_);
  world_.Step(task);
  EXPECT_TRUE(world_->faults().Disarm(rule));
  EXPECT_FALSE(world_->faults().Disarm(rule));
  world_.Run();
  EXPECT_EQ(result_->sum, EIO);
}

}  // namespace
}  // namespace mmfault::kernel
