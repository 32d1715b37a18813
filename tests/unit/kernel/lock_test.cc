// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// What a lock reports when it is misused, and who may wait for it how. Which
// interleavings it allows is the matter of tests/litmus.

#include "server/kernel/lock.h"

#include "gtest/gtest.h"
#include "server/kernel/errno.h"
#include "server/kernel/refcount.h"
#include "server/kernel/signal.h"
#include "tests/support/engine_world.h"

namespace mmfault::kernel {
namespace {

using sched::RunStop;
using testing_support::EngineWorld;
using trace::Cause;
using trace::Checker;

struct Locks {
  sched::Object object;
  spinlock_t spin;
  mutex sleeping;
  rw_semaphore sem;
  atomic_t count;
  Cell<int> rc;
};

class LockTest : public ::testing::Test {
 protected:
  LockTest() : locks_(world_.New<Locks>()) {
    spin_lock_init(&locks_->spin, LockClass::kDriver);
    mutex_init(&locks_->sleeping, LockClass::kDriverSleeping);
    init_rwsem(&locks_->sem, LockClass::kMmap);
    locks_->rc = 1;
  }
  bool OnlyViolation(Checker checker, Cause cause) const {
    return world_.violation_count() == 1 && world_.Violated(checker, cause);
  }

  EngineWorld world_;
  Locks* locks_;
};

sched::Task<> LockTwice(void* arg) {
  auto* l = static_cast<Locks*>(arg);
  co_await spin_lock(&l->spin, "test");
  co_await spin_lock(&l->spin, "test");
}

TEST_F(LockTest, TakenTwiceIsASelfDeadlock) {
  EXPECT_EQ(world_.Do(LockTwice, locks_), RunStop::kDeadlock);
  EXPECT_TRUE(
      world_.Violated(Checker::kNoSelfDeadlock, Cause::kLockTakenTwice));
}

sched::Task<> UnlockFree(void* arg) {
  co_await spin_unlock(&static_cast<Locks*>(arg)->spin, "test");
}

TEST_F(LockTest, ReleaseOfAFreeLockIsReported) {
  world_.Do(UnlockFree, locks_);
  EXPECT_TRUE(
      OnlyViolation(Checker::kLocksBalanced, Cause::kLockReleasedUnheld));
}

sched::Task<> HoldForEver(void* arg) {
  auto* l = static_cast<Locks*>(arg);
  co_await down_write(&l->sem, "test");
  co_await mutex_lock(&l->sleeping, "test");
  co_await spin_lock(&l->spin, "test");
  co_await Yield("test");
  co_await Yield("test");
}
sched::Task<> ReleaseOthers(void* arg) {
  auto* l = static_cast<Locks*>(arg);
  co_await spin_unlock(&l->spin, "test");
  co_await up_read(&l->sem, "test");
  co_await downgrade_write(&l->sem, "test");
}

TEST_F(LockTest, ReleaseOfAnothersLockLeavesItHeld) {
  sched::TaskRecord* holder = world_.Spawn(HoldForEver, locks_);
  world_.Step(holder, 4);
  sched::TaskRecord* other = world_.Spawn(ReleaseOthers, locks_);
  world_.Step(other, 4);
  EXPECT_EQ(world_.violation_count(), 3) << world_.Violations();
  EXPECT_TRUE(
      world_.Violated(Checker::kLocksBalanced, Cause::kLockReleasedUnheld));
  EXPECT_TRUE(locks_->spin.held_by(holder->slot));
  EXPECT_TRUE(locks_->sem.held_by(holder->slot));
  EXPECT_EQ(other->locks_held, 0U);
}

sched::Task<> SleepUnderSpin(void* arg) {
  auto* l = static_cast<Locks*>(arg);
  co_await spin_lock(&l->spin, "test");
  co_await mutex_lock(&l->sleeping, "test");
  co_await mutex_unlock(&l->sleeping, "test");
  co_await spin_unlock(&l->spin, "test");
}

TEST_F(LockTest, AMutexUnderASpinlockSleepsInAtomic) {
  world_.Do(SleepUnderSpin, locks_);
  EXPECT_TRUE(
      OnlyViolation(Checker::kNoSleepInAtomic, Cause::kSleptWhileAtomic));
}

sched::Task<> SpinUnderMutex(void* arg) {
  auto* l = static_cast<Locks*>(arg);
  co_await mutex_lock(&l->sleeping, "test");
  co_await mutex_unlock(&l->sleeping, "test");
  co_await down_read(&l->sem, "test");
  co_await spin_lock(&l->spin, "test");
  co_await spin_unlock(&l->spin, "test");
  co_await up_read(&l->sem, "test");
}

TEST_F(LockTest, TheOtherWayRoundIsFine) {
  world_.Do(SpinUnderMutex, locks_);
  EXPECT_EQ(world_.violation_count(), 0) << world_.Violations();
}

sched::Task<> TrySem(void* arg) {
  auto* l = static_cast<Locks*>(arg);
  const bool got = co_await down_read_trylock(&l->sem, "test");
  l->rc = got ? 1 : 0;
  if (got) {
    co_await up_read(&l->sem, "test");
  }
}

TEST_F(LockTest, TrylockFailsUnderAWriterAndNeverWaits) {
  EXPECT_EQ(world_.Do(TrySem, locks_), RunStop::kFinished);
  EXPECT_EQ(locks_->rc, 1);
  world_.Step(world_.Spawn(HoldForEver, locks_), 2);
  sched::TaskRecord* task = world_.Spawn(TrySem, locks_);
  world_.Step(task, 2);
  EXPECT_EQ(locks_->rc, 0);
  EXPECT_EQ(task->state, sched::TaskState::kExited);
}

// --- Freed locks -------------------------------------------------------------

sched::Task<> TakeSpin(void* arg) {
  auto* l = static_cast<Locks*>(arg);
  co_await spin_lock(&l->spin, "test");
  l->rc = 77;
}

TEST_F(LockTest, TakingAFreedLockStopsTheTask) {
  lock_destroy(&locks_->spin);
  sched::TaskRecord* task = world_.Spawn(TakeSpin, locks_);
  world_.Run();
  EXPECT_EQ(task->state, sched::TaskState::kDead);
  EXPECT_TRUE(OnlyViolation(Checker::kNoUseAfterFree, Cause::kFreedLockUsed))
      << world_.Violations();
}

TEST_F(LockTest, AWaiterMeetsTheFreedLock) {
  world_.Step(world_.Spawn(HoldForEver, locks_), 4);
  sched::TaskRecord* waiter = world_.Spawn(TakeSpin, locks_);
  world_.Step(waiter);
  EXPECT_FALSE(world_.Runnable(waiter));
  lock_destroy(&locks_->spin);
  ASSERT_TRUE(world_.Runnable(waiter));
  world_.Step(waiter);
  EXPECT_EQ(waiter->state, sched::TaskState::kDead);
  EXPECT_TRUE(world_.Violated(Checker::kNoUseAfterFree, Cause::kFreedLockUsed));
}

// --- Signals while waiting ---------------------------------------------------

template <Wait kWait>
sched::Task<> WaitForMutex(void* arg) {
  auto* l = static_cast<Locks*>(arg);
  const int rc = co_await lock(&l->sleeping, "test", Nest::kNo, kWait);
  l->rc = rc;
  if (rc == 0) {
    co_await mutex_unlock(&l->sleeping, "test");
  }
}

struct SignalledWait {
  const char* name;
  sched::TaskEntry entry;
  int signal;
  bool ends;
};

class SignalledWaitTest : public LockTest,
                          public ::testing::WithParamInterface<SignalledWait> {
};

TEST_P(SignalledWaitTest, EndsAsItsKindSays) {
  world_.Step(world_.Spawn(HoldForEver, locks_), 3);
  sched::TaskRecord* waiter = world_.Spawn(GetParam().entry, locks_);
  waiter->sig_handled = SignalBit(10);
  world_.Step(waiter);
  ASSERT_FALSE(world_.Runnable(waiter));
  send_sig(GetParam().signal, waiter);
  ASSERT_EQ(world_.Runnable(waiter), GetParam().ends);
  if (GetParam().ends) {
    world_.Step(waiter);
    EXPECT_EQ(locks_->rc, -EINTR);
    EXPECT_EQ(waiter->locks_held, 0U);
    EXPECT_EQ(locks_->sleeping.waiters.tasks, 0U);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, SignalledWaitTest,
    ::testing::Values(
        SignalledWait{"InterruptibleHandled",
                      WaitForMutex<Wait::kInterruptible>, 10, true},
        SignalledWait{"InterruptibleFatal", WaitForMutex<Wait::kInterruptible>,
                      15, true},
        SignalledWait{"KillableHandled", WaitForMutex<Wait::kKillable>, 10,
                      false},
        SignalledWait{"KillableStop", WaitForMutex<Wait::kKillable>, 19, false},
        SignalledWait{"KillableFatal", WaitForMutex<Wait::kKillable>, 15, true},
        SignalledWait{"UninterruptibleFatal",
                      WaitForMutex<Wait::kUninterruptible>, 9, false}),
    [](const auto& info) { return std::string(info.param.name); });

// A pending signal does not keep an interruptible lock that is free from being
// taken: mutex_lock_interruptible()'s fast path does not look.
TEST_F(LockTest, AFreeLockIsTakenInSpiteOfASignal) {
  sched::TaskRecord* task =
      world_.Spawn(WaitForMutex<Wait::kInterruptible>, locks_);
  send_sig(kSigKill, task);
  world_.Run();
  EXPECT_EQ(locks_->rc, 0);
}

// --- Reference counts --------------------------------------------------------

sched::Task<> PutTwice(void* arg) {
  auto* l = static_cast<Locks*>(arg);
  const bool last = co_await atomic_dec_and_test(
      &l->count, l->object.key(), Cause::kRefcountBelowZero, "test");
  l->rc = last ? 1 : 0;
  co_await atomic_dec_and_test(&l->count, l->object.key(),
                               Cause::kRefcountBelowZero, "test");
}

TEST_F(LockTest, ACountBelowZeroIsReportedAndStaysThere) {
  locks_->count.counter = 1;
  world_.Do(PutTwice, locks_);
  EXPECT_EQ(locks_->rc, 1);
  EXPECT_EQ(locks_->count.counter, -1);
  EXPECT_TRUE(OnlyViolation(Checker::kCountsSane, Cause::kRefcountBelowZero));
}

}  // namespace
}  // namespace mmfault::kernel
