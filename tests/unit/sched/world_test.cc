// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Tasks, their slots and frames, the clock, one CPU, deadlocks, dead tasks.

#include "server/sched/world.h"

#include <bit>

#include "gtest/gtest.h"
#include "server/kernel/lock.h"
#include "server/kernel/point.h"
#include "server/kernel/rcu.h"
#include "server/kernel/signal.h"
#include "server/kernel/state.h"
#include "server/kernel/wait.h"
#include "tests/support/engine_world.h"

namespace mmfault::sched {
namespace {

using testing_support::EngineWorld;
using trace::Cause;
using trace::Cell;
using trace::Checker;

struct Shared {
  Object object;
  Cell<int64_t> x;
  Cell<int64_t> depth;
  Cell<uint64_t> order;  // of events, a decimal digit each
  kernel::spinlock_t spin;
  kernel::mutex mutex;
  kernel::mutex other;
};

Shared* NewShared(EngineWorld* world) {
  auto* shared = world->New<Shared>();
  kernel::spin_lock_init(&shared->spin, kernel::LockClass::kDriver);
  kernel::mutex_init(&shared->mutex, kernel::LockClass::kDriverSleeping);
  kernel::mutex_init(&shared->other, kernel::LockClass::kNone);
  return shared;
}

void Note(Shared* s, uint64_t digit) { s->order = s->order * 10 + digit; }

Task<> Nothing(void* /*arg*/) { co_return; }

Task<> YieldTwice(void* /*arg*/) {
  co_await kernel::Yield("test");
  co_await kernel::Yield("test");
}

// --- Slots and frames --------------------------------------------------------

TEST(BitTableTest, HasTheBitsOfEachByte) {
  for (unsigned byte = 1; byte < 256; ++byte) {
    ASSERT_EQ(kBits.count[byte], std::popcount(byte));
    for (int n = 0; n < std::popcount(byte); ++n) {
      EXPECT_EQ(kBits.nth[byte][static_cast<size_t>(n)], NthBit(byte, n));
    }
  }
}

TEST(WorldTest, SlotsRunOutAndComeBack) {
  EngineWorld world;
  TaskRecord* first = world.Spawn(Nothing);
  for (int i = 1; i < kMaxTasks; ++i) {
    world.Spawn(Nothing);
  }
  EXPECT_EQ(world->Spawn(Nothing, nullptr), nullptr);
  EXPECT_EQ(world.Run(), RunStop::kFinished);
  EXPECT_EQ(world->Spawn(Nothing, nullptr), nullptr);  // exited, not reaped
  world->Reap(first);
  EXPECT_EQ(world->Spawn(Nothing, nullptr), first);
}

TEST(WorldTest, StepBudgetStopsARun) {
  EngineWorld world;
  world.Spawn(YieldTwice);
  EXPECT_EQ(world.Run(1, 2), RunStop::kStepBudget);
  EXPECT_EQ(world.Run(1, 1), RunStop::kFinished);
  EXPECT_EQ(world->state().step_count, 3U);
}

Task<int> Deep(Shared* s, int depth) {
  co_await kernel::Yield("deep");
  if (depth == 0) {
    co_return 0;
  }
  const int below = co_await Deep(s, depth - 1);
  s->depth += 1;
  co_return below + 1;
}

Task<> CallDeep(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  const int depth = co_await Deep(s, 200);
  s->x = depth;
}

// 200 nested calls are ten times what any path of mm/ needs; they must fit into
// a frame window in debug and sanitized builds too.
TEST(WorldTest, DeepCallsFitAndUnwind) {
  EngineWorld world;
  Shared* s = NewShared(&world);
  world->SetUndo(true);
  TaskRecord* task = world.Spawn(CallDeep, s);
  const uint64_t before = world->StateHash();
  world.Run();
  EXPECT_EQ(s->x, 200);
  EXPECT_EQ(s->depth, 200);
  EXPECT_EQ(task->frame_top, 0U);
  world->UndoTo(0);
  EXPECT_EQ(world->StateHash(), before);
}

Task<> CallManyTimes(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  for (int i = 0; i < 100000; ++i) {
    const int rc = co_await Deep(s, 0);
    s->x += 1 + rc;
  }
}

TEST(WorldTest, CallsInALoopNeedNoStack) {
  EngineWorld world;
  Shared* s = NewShared(&world);
  world.Spawn(CallManyTimes, s);
  EXPECT_EQ(world.Run(), RunStop::kFinished);
  EXPECT_EQ(s->x, 100000);
}

TEST(WorldTest, MayBeDestroyedWithSuspendedTasks) {
  EngineWorld world;
  Shared* s = NewShared(&world);
  world.Step(world.Spawn(CallDeep, s), 50);
  world.Step(world.Spawn(CallManyTimes, s), 50);
}

TEST(WorldTest, ScopesNestAcrossWorlds) {
  EngineWorld one;
  {
    EngineWorld two;
    EXPECT_EQ(ThisWorld(), two.get());
  }
  EXPECT_EQ(ThisWorld(), one.get());
}

// --- Clock -------------------------------------------------------------------

Task<> SleepTen(void* arg) {
  co_await kernel::sleep_ns(10, "test");
  Note(static_cast<Shared*>(arg), 1);
}
Task<> SleepFive(void* arg) {
  co_await kernel::sleep_ns(5, "test");
  Note(static_cast<Shared*>(arg), 2);
  co_await kernel::sleep_ns(10, "test");
  Note(static_cast<Shared*>(arg), 3);
}

TEST(ClockTest, TimePassesInOrderAndOnlyWhenIdle) {
  EngineWorld world;
  Shared* s = NewShared(&world);
  world.Spawn(SleepTen, s);
  world.Spawn(SleepFive, s);
  world.Spawn(YieldTwice);
  EXPECT_EQ(world.Run(), RunStop::kFinished);
  EXPECT_EQ(s->order, 213U);
  EXPECT_EQ(world->state().time_ns, 15U);
}

bool XIsSet(const TaskRecord& task) {
  return static_cast<Shared*>(task.op_target.get())->x != 0;
}

struct Queue {
  Object object;
  Shared* shared;
  kernel::wait_queue_head_t head;
};

Task<> WaitForX(void* arg) {
  auto* q = static_cast<Queue*>(arg);
  co_await kernel::wait_event(&q->head, XIsSet, q->shared, 0, "test");
}
Task<> SetXAndSleep(void* arg) {
  auto* q = static_cast<Queue*>(arg);
  co_await kernel::sleep_ns(1, "test");
  co_await kernel::Store(q->shared->x, 1, "test");
  co_await kernel::sleep_ns(1, "test");
}

// The passing of time is no wake-up: it must not hide a lost one.
TEST(ClockTest, DoesNotWakeAForgottenWaiter) {
  EngineWorld world;
  auto* queue = world.New<Queue>();
  queue->shared = NewShared(&world);
  kernel::init_waitqueue_head(&queue->head);
  TaskRecord* waiter = world.Spawn(WaitForX, queue);
  world.Step(waiter);  // asleep before x is set
  world.Spawn(SetXAndSleep, queue);
  EXPECT_EQ(world.Run(), RunStop::kDeadlock);
  EXPECT_TRUE(world.Violated(Checker::kNoDeadlock, Cause::kBlockedForEver));
}

// --- One CPU -----------------------------------------------------------------

Task<> HoldSpin(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  co_await kernel::spin_lock(&s->spin, "test");
  co_await kernel::Yield("test");
  co_await kernel::spin_unlock(&s->spin, "test");
}

TEST(OneCpuTest, SpinlockHolderIsNotPreempted) {
  WorldOptions options;
  options.cpu_count = 2;
  EngineWorld world(options);
  Shared* s = NewShared(&world);
  TaskRecord* holder = world.Spawn(HoldSpin, s);
  TaskRecord* elsewhere = world.Spawn(YieldTwice);  // CPU 1
  TaskRecord* same_cpu = world.Spawn(YieldTwice);   // CPU 0
  world.Step(holder, 2);                            // lock taken
  EXPECT_TRUE(world.Runnable(holder));
  EXPECT_TRUE(world.Runnable(elsewhere));
  EXPECT_FALSE(world.Runnable(same_cpu));
  world.Step(holder, 1);
  EXPECT_FALSE(world.Runnable(same_cpu));
  world.Step(holder, 1);  // unlocked
  EXPECT_TRUE(world.Runnable(same_cpu));
  EXPECT_EQ(world.Run(), RunStop::kFinished);
}

TEST(OneCpuTest, ManyCpusRunAll) {
  EngineWorld world;
  Shared* s = NewShared(&world);
  TaskRecord* holder = world.Spawn(HoldSpin, s);
  TaskRecord* other = world.Spawn(YieldTwice);
  world.Step(holder, 2);
  EXPECT_TRUE(world.Runnable(other));
}

Task<> SleepHoldingSpin(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  co_await kernel::spin_lock(&s->spin, "test");
  co_await kernel::sleep_ns(20, "test");
  co_await kernel::spin_unlock(&s->spin, "test");
}

// Sleeping in atomic context is reported; the world still comes to its end,
// although a sleeper of the same CPU was due before.
TEST(OneCpuTest, ClockPassesWhileADueTaskWaitsForItsCpu) {
  WorldOptions options;
  options.cpu_count = 1;
  EngineWorld world(options);
  Shared* s = NewShared(&world);
  TaskRecord* sleeper = world.Spawn(SleepTen, s);
  world.Step(sleeper);
  world.Spawn(SleepHoldingSpin, s);
  EXPECT_EQ(world.Run(), RunStop::kFinished);
  EXPECT_TRUE(
      world.Violated(Checker::kNoSleepInAtomic, Cause::kSleptWhileAtomic));
  EXPECT_EQ(world.violation_count(), 1) << world.Violations();
}

// --- Deadlocks, exits, BUGs --------------------------------------------------

Task<> MutexThenOther(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  co_await kernel::mutex_lock(&s->mutex, "test");
  co_await kernel::mutex_lock(&s->other, "test");
}
Task<> OtherThenMutex(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  co_await kernel::mutex_lock(&s->other, "test");
  co_await kernel::mutex_lock(&s->mutex, "test");
}

TEST(DeadlockTest, IsReportedOnceWithItsTasks) {
  EngineWorld world;
  Shared* s = NewShared(&world);
  TaskRecord* a = world.Spawn(MutexThenOther, s);
  TaskRecord* b = world.Spawn(OtherThenMutex, s);
  world.Step(a, 2);
  world.Step(b, 2);
  EXPECT_EQ(world.Run(), RunStop::kDeadlock);
  ASSERT_EQ(world.violation_count(), 1) << world.Violations();
  EXPECT_EQ(world->state().violations[0].a, 3U);
  EXPECT_EQ(world.Run(), RunStop::kDeadlock);
  EXPECT_EQ(world.violation_count(), 1) << "the same standstill";
}

Task<> LockAndExit(void* arg) {
  co_await kernel::mutex_lock(&static_cast<Shared*>(arg)->mutex, "test");
}

TEST(ExitTest, WithALockIsReportedAndKeepsTheSlot) {
  EngineWorld world;
  Shared* s = NewShared(&world);
  TaskRecord* task = world.Spawn(LockAndExit, s);
  world.Run();
  EXPECT_TRUE(world.Violated(Checker::kLocksBalanced, Cause::kLockHeldAtExit));
  world->Reap(task);
  EXPECT_NE(world.Spawn(Nothing), task) << "it would own the lock";
}

Task<> Bug(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  co_await kernel::mutex_lock(&s->mutex, "test");
  co_await kernel::BugOn{true, Checker::kCountsSane, Cause::kBugOn,
                         s->object.key()};
  Note(s, 9);
}

TEST(BugTest, StopsTheTaskForGoodWithItsLocks) {
  EngineWorld world;
  Shared* s = NewShared(&world);
  TaskRecord* task = world.Spawn(Bug, s);
  EXPECT_EQ(world.Run(), RunStop::kAtPoint);  // for whoever watches to see
  EXPECT_EQ(task->state, TaskState::kDead);
  EXPECT_EQ(s->order, 0U);
  EXPECT_TRUE(s->mutex.held_by(task->slot));
  world.Spawn(LockAndExit, s);
  EXPECT_EQ(world.Run(), RunStop::kDeadlock);
}

TEST(BugTest, ASignalDoesNotRaiseTheDead) {
  EngineWorld world;
  Shared* s = NewShared(&world);
  TaskRecord* dead = world.Spawn(Bug, s);
  TaskRecord* exited = world.Spawn(Nothing);
  world.Run();
  kernel::send_sig(kernel::kSigKill, dead);
  kernel::send_sig(kernel::kSigKill, exited);
  EXPECT_EQ(world->runnable(), 0U);
}

// --- Undo around steps -------------------------------------------------------

TEST(UndoScopeTest, TurningItOnInsideAScopeLogs) {
  EngineWorld world;
  Shared* s = NewShared(&world);
  TaskRecord* task = world.Spawn(HoldSpin, s);
  const uint64_t before = world->StateHash();
  world->SetUndo(true);
  world.Step(task, 3);
  world->UndoTo(1);
  EXPECT_EQ(world->undo_depth(), 1U);
  world->UndoTo(0);
  EXPECT_EQ(world->StateHash(), before);
  world->SetUndo(false);
  world.Step(task, 1);
  EXPECT_EQ(world->undo_bytes(), 0U);
}

Task<> SpawnsAThread(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  co_await kernel::Yield("test");
  kernel::call_after_grace(&kernel::Kernel()->srcu, Nothing, s);
  co_await kernel::Yield("test");
}

TEST(UndoScopeTest, SpawnAndExitOfAThreadAreUndone) {
  EngineWorld world;
  Shared* s = NewShared(&world);
  world.Spawn(SpawnsAThread, s);
  const uint64_t before = world->StateHash();
  world->SetUndo(true);
  EXPECT_EQ(world.Run(5), RunStop::kFinished);
  EXPECT_EQ(world->state().tasks[1].state, TaskState::kFree);
  world->UndoTo(0);
  EXPECT_EQ(world->StateHash(), before);
}

}  // namespace
}  // namespace mmfault::sched
