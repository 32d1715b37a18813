// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Grace periods against readers before and after them; deferred callbacks.

#include "server/kernel/rcu.h"

#include "gtest/gtest.h"
#include "server/kernel/state.h"
#include "server/kernel/wait.h"
#include "tests/support/engine_world.h"

namespace mmfault::kernel {
namespace {

using sched::RunStop;
using testing_support::EngineWorld;
using trace::Cause;
using trace::Checker;

struct Flag {
  sched::Object object;
  Cell<uint64_t> order;
};

sched::Task<> Reader(void* /*arg*/) {
  co_await srcu_read_lock(&Kernel()->srcu, "test");
  co_await srcu_read_lock(&Kernel()->srcu, "test");
  co_await srcu_read_unlock(&Kernel()->srcu, "test");
  co_await srcu_read_unlock(&Kernel()->srcu, "test");
}
sched::Task<> Synchronize(void* /*arg*/) {
  co_await synchronize_srcu(&Kernel()->srcu, "test");
}

TEST(GraceTest, WaitsForTheReaderOfBeforeToTheEndOfItsNesting) {
  EngineWorld world;
  sched::TaskRecord* reader = world.Spawn(Reader);
  sched::TaskRecord* updater = world.Spawn(Synchronize);
  world.Step(reader, 2);   // inside
  world.Step(updater, 2);  // the grace period has begun
  EXPECT_FALSE(world.Runnable(updater));
  world.Step(reader, 2);  // one level left
  EXPECT_FALSE(world.Runnable(updater));
  world.Step(reader, 1);
  EXPECT_TRUE(world.Runnable(updater));
}

TEST(GraceTest, DoesNotWaitForTheReaderOfAfter) {
  EngineWorld world;
  sched::TaskRecord* reader = world.Spawn(Reader);
  sched::TaskRecord* updater = world.Spawn(Synchronize);
  world.Step(updater, 2);
  world.Step(reader, 2);
  EXPECT_TRUE(world.Runnable(updater));
}

sched::Task<> SynchronizeInside(void* /*arg*/) {
  co_await srcu_read_lock(&Kernel()->srcu, "test");
  co_await synchronize_srcu(&Kernel()->srcu, "test");
  co_await srcu_read_unlock(&Kernel()->srcu, "test");
}

TEST(GraceTest, WaitingForOneselfIsADeadlock) {
  EngineWorld world;
  EXPECT_EQ(world.Do(SynchronizeInside), RunStop::kDeadlock);
  EXPECT_EQ(world.violation_count(), 1) << world.Violations();
}

sched::Task<> SleepInRcu(void* /*arg*/) {
  co_await rcu_read_lock("test");
  co_await sleep_ns(1, "test");
  co_await rcu_read_unlock("test");
}
sched::Task<> SleepInSrcu(void* /*arg*/) {
  co_await srcu_read_lock(&Kernel()->srcu, "test");
  co_await sleep_ns(1, "test");
  co_await srcu_read_unlock(&Kernel()->srcu, "test");
}

TEST(GraceTest, OnlySrcuReadersMaySleep) {
  EngineWorld world;
  EXPECT_EQ(world.Do(SleepInSrcu), RunStop::kFinished);
  EXPECT_EQ(world.violation_count(), 0);
  EXPECT_EQ(world.Do(SleepInRcu), RunStop::kFinished);
  EXPECT_TRUE(
      world.Violated(Checker::kNoSleepInAtomic, Cause::kSleptWhileAtomic));
}

sched::Task<> CloseUnopened(void* /*arg*/) { co_await rcu_read_unlock("test"); }

TEST(GraceTest, ClosingASectionThatIsNotOpenIsReported) {
  EngineWorld world;
  sched::TaskRecord* task = world.Spawn(CloseUnopened);
  world.Run();
  EXPECT_TRUE(
      world.Violated(Checker::kLocksBalanced, Cause::kLockReleasedUnheld));
  EXPECT_EQ(task->rcu_depth, 0);
}

sched::Task<> NoteCallback(void* arg) {
  static_cast<Flag*>(arg)->order =
      static_cast<Flag*>(arg)->order.get() * 10 + 2;
  co_return;
}
sched::Task<> ReadAndNote(void* arg) {
  auto* flag = static_cast<Flag*>(arg);
  co_await srcu_read_lock(&Kernel()->srcu, "test");
  co_await Yield("test");
  flag->order = flag->order.get() * 10 + 1;
  co_await srcu_read_unlock(&Kernel()->srcu, "test");
}

TEST(CallAfterGraceTest, RunsAfterTheReadersAndFreesItsThread) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    EngineWorld world;
    auto* flag = world.New<Flag>();
    sched::TaskRecord* reader = world.Spawn(ReadAndNote, flag);
    world.Step(reader, 2);
    const uint64_t blocks = world->arena().state().live_blocks;
    ASSERT_TRUE(call_after_grace(&Kernel()->srcu, NoteCallback, flag));
    ASSERT_EQ(world.Run(seed), RunStop::kFinished);
    ASSERT_EQ(flag->order, 12U);
    ASSERT_EQ(world->state().tasks[1].state, sched::TaskState::kFree);
    ASSERT_EQ(world->arena().state().live_blocks, blocks);
  }
}

TEST(CallAfterGraceTest, SaysWhenThereIsNoSlotAndKeepsNothing) {
  EngineWorld world;
  auto* flag = world.New<Flag>();
  for (int i = 0; i < sched::kMaxTasks; ++i) {
    world.Spawn(Synchronize);
  }
  const uint64_t blocks = world->arena().state().live_blocks;
  EXPECT_FALSE(call_after_grace(&Kernel()->srcu, NoteCallback, flag));
  EXPECT_EQ(world->arena().state().live_blocks, blocks);
}

}  // namespace
}  // namespace mmfault::kernel
