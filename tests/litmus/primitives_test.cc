// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Two or three tasks, every interleaving: the exact set of outcomes of each
// primitive, and the number of executions. Each test runs twice, once by undo
// and once from scratch; both must find the same executions. A pinned count is
// the alarm for a scheduling point gained or lost.

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/kernel/errno.h"
#include "server/kernel/lock.h"
#include "server/kernel/point.h"
#include "server/kernel/rcu.h"
#include "server/kernel/refcount.h"
#include "server/kernel/signal.h"
#include "server/kernel/wait.h"
#include "tests/support/engine_world.h"

namespace mmfault {
namespace {

using ::testing::ElementsAre;
using ::testing::Key;
using testing_support::EngineWorld;
using testing_support::Litmus;
using testing_support::Outcomes;
using trace::Cell;

constexpr int64_t kStuck = -1000;
constexpr int kSigUsr1 = 10;

struct Shared {
  sched::Object object;
  Cell<int64_t> x;
  Cell<int64_t> y;
  Cell<int64_t> r1;
  Cell<int64_t> r2;
  Cell<int64_t> rc;
  kernel::mutex mutex;
  kernel::rw_semaphore sem;
  kernel::atomic_t count;
  kernel::wait_queue_head_t queue;
};

Shared* shared_of(EngineWorld* world) {
  return static_cast<Shared*>((*world)->task(0).entry_arg.get());
}

bool Stuck(EngineWorld* world) { return (*world)->state().alive != 0; }

// A world whose first task's argument is what all of them share.
std::unique_ptr<EngineWorld> Make(std::initializer_list<sched::TaskEntry> tasks,
                                  int32_t count = 0, int cpu_count = 0) {
  sched::WorldOptions options;
  options.cpu_count = cpu_count;
  auto world = std::make_unique<EngineWorld>(options);
  auto* shared = world->New<Shared>();
  kernel::mutex_init(&shared->mutex, kernel::LockClass::kDriverSleeping);
  kernel::init_rwsem(&shared->sem, kernel::LockClass::kMmap);
  kernel::init_waitqueue_head(&shared->queue);
  shared->count.counter = count;
  shared->rc = 1;
  for (sched::TaskEntry entry : tasks) {
    world->Spawn(entry, shared)->sig_handled = kernel::SignalBit(kSigUsr1);
  }
  return world;
}

// Both explorations, which must agree; no violation but those of a deadlock,
// which only Run() reports, is expected in any of them.
Outcomes Explore(const Litmus& litmus) {
  Litmus checked = litmus;
  checked.observe = [&litmus](EngineWorld* world) {
    EXPECT_EQ(world->violation_count(), 0) << world->Violations();
    return litmus.observe(world);
  };
  Outcomes by_undo = ExploreWithUndo(checked);
  const Outcomes from_scratch = ExploreFromScratch(checked);
  EXPECT_EQ(by_undo, from_scratch);
  return by_undo;
}

// --- Store buffering ---------------------------------------------------------

sched::Task<> StoreXLoadY(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  co_await kernel::Store(s->x, 1, "P0");
  s->r1 = co_await kernel::Load(s->y, "P0");
}

sched::Task<> StoreYLoadX(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  co_await kernel::Store(s->y, 1, "P1");
  s->r2 = co_await kernel::Load(s->x, "P1");
}

int64_t R1R2(EngineWorld* world) {
  const Shared* s = shared_of(world);
  return s->r1 * 10 + s->r2;
}

TEST(StoreBufferingTest, IsSequentiallyConsistent) {
  const Outcomes seen =
      Explore({[] { return Make({StoreXLoadY, StoreYLoadX}); }, R1R2});
  EXPECT_THAT(seen.count, ElementsAre(Key(1), Key(10), Key(11)));
  EXPECT_EQ(seen.executions, 20U);  // 6 choose 3: a start and two accesses each
}

// --- Mutual exclusion --------------------------------------------------------

sched::Task<> IncrementLocked(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  co_await kernel::mutex_lock(&s->mutex, "increment");
  const int64_t x = co_await kernel::Load(s->x, "increment");
  co_await kernel::Store(s->x, x + 1, "increment");
  co_await kernel::mutex_unlock(&s->mutex, "increment");
}

sched::Task<> IncrementUnlocked(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  const int64_t x = co_await kernel::Load(s->x, "increment");
  co_await kernel::Store(s->x, x + 1, "increment");
}

int64_t X(EngineWorld* world) {
  return Stuck(world) ? kStuck : shared_of(world)->x.get();
}

TEST(MutexTest, ExcludesSoThatNoIncrementIsLost) {
  const Outcomes seen =
      Explore({[] { return Make({IncrementLocked, IncrementLocked}); }, X});
  EXPECT_THAT(seen.count, ElementsAre(Key(2)));
}

TEST(MutexTest, WithoutItAnIncrementCanBeLost) {
  const Outcomes seen =
      Explore({[] { return Make({IncrementUnlocked, IncrementUnlocked}); }, X});
  EXPECT_THAT(seen.count, ElementsAre(Key(1), Key(2)));
}

TEST(MutexTest, ThreeTasksOnOneCpuSeeTheSame) {
  const Outcomes seen = Explore(
      {[] {
         return Make({IncrementLocked, IncrementLocked, IncrementUnlocked}, 0,
                     1);
       },
       X});
  EXPECT_THAT(seen.count, ElementsAre(Key(1), Key(2), Key(3)));
}

// --- rw_semaphore ------------------------------------------------------------

sched::Task<> WriteBoth(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  co_await kernel::down_write(&s->sem, "write");
  co_await kernel::Store(s->x, 1, "write");
  co_await kernel::Store(s->y, 1, "write");
  co_await kernel::up_write(&s->sem, "write");
}

sched::Task<> ReadBoth(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  co_await kernel::down_read(&s->sem, "read");
  s->r1 = co_await kernel::Load(s->x, "read");
  s->r2 = co_await kernel::Load(s->y, "read");
  co_await kernel::up_read(&s->sem, "read");
}

// Counts the readers that are inside together, at most.
sched::Task<> ReadTogether(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  co_await kernel::down_read(&s->sem, "read");
  s->x += 1;
  if (s->x > s->r1) {
    s->r1 = s->x.get();
  }
  co_await kernel::Yield("read");
  s->x -= 1;
  co_await kernel::up_read(&s->sem, "read");
}

TEST(RwSemaphoreTest, ReaderSeesAllOrNothing) {
  const Outcomes seen =
      Explore({[] { return Make({WriteBoth, ReadBoth}); }, R1R2});
  EXPECT_THAT(seen.count, ElementsAre(Key(0), Key(11)));
}

TEST(RwSemaphoreTest, ReadersShare) {
  const Outcomes seen = Explore(
      {[] { return Make({ReadTogether, ReadTogether}); },
       [](EngineWorld* world) -> int64_t { return shared_of(world)->r1; }});
  EXPECT_THAT(seen.count, ElementsAre(Key(1), Key(2)));
}

sched::Task<> WriteThenDowngrade(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  co_await kernel::down_write(&s->sem, "write");
  co_await kernel::Store(s->x, 1, "write");
  co_await kernel::downgrade_write(&s->sem, "write");
  const int64_t y = co_await kernel::Load(s->y, "read");
  s->rc = y;
  co_await kernel::up_read(&s->sem, "read");
}

sched::Task<> WriteYOnly(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  co_await kernel::down_write(&s->sem, "write");
  const int64_t x = co_await kernel::Load(s->x, "write");
  s->r1 = x;
  co_await kernel::Store(s->y, 1, "write");
  co_await kernel::up_write(&s->sem, "write");
}

TEST(RwSemaphoreTest, NoWriterComesBetweenWriteAndDowngradedRead) {
  const Outcomes seen =
      Explore({[] { return Make({WriteThenDowngrade, WriteYOnly}); },
               [](EngineWorld* world) -> int64_t {
                 const Shared* s = shared_of(world);
                 return s->r1 * 10 + s->rc;
               }});
  // Either the whole of the one or the whole of the other is first.
  EXPECT_THAT(seen.count, ElementsAre(Key(1), Key(10)));
}

// --- Grace periods -----------------------------------------------------------

sched::Task<> RcuReader(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  co_await kernel::rcu_read_lock("reader");
  s->r1 = co_await kernel::Load(s->x, "reader");
  s->r2 = co_await kernel::Load(s->y, "reader");
  co_await kernel::rcu_read_unlock("reader");
}

sched::Task<> RcuUpdater(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  co_await kernel::Store(s->x, 1, "updater");
  co_await kernel::synchronize_rcu("updater");
  co_await kernel::Store(s->y, 1, "updater");
}

sched::Task<> HastyUpdater(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  co_await kernel::Store(s->x, 1, "updater");
  co_await kernel::Store(s->y, 1, "updater");
}

// A section that saw the old x cannot see what follows the grace period.
TEST(GracePeriodTest, WaitsForReadersThatWereThere) {
  const Outcomes seen =
      Explore({[] { return Make({RcuReader, RcuUpdater}); }, R1R2});
  EXPECT_THAT(seen.count, ElementsAre(Key(0), Key(10), Key(11)));
}

TEST(GracePeriodTest, WithoutItTheReaderSeesBoth) {
  const Outcomes seen =
      Explore({[] { return Make({RcuReader, HastyUpdater}); }, R1R2});
  EXPECT_THAT(seen.count, ElementsAre(Key(0), Key(1), Key(10), Key(11)));
}

sched::Task<> ReaderWaitsForY(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  const bool late = co_await kernel::Load(s->x, "reader");
  if (late) {
    co_await kernel::rcu_read_lock("reader");
    co_await kernel::wait_event(
        &s->queue,
        [](const sched::TaskRecord& task) {
          return static_cast<Shared*>(task.op_target.get())->y == 1;
        },
        s, 0, "reader");
    co_await kernel::rcu_read_unlock("reader");
  }
}

sched::Task<> AnnounceThenSynchronize(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  co_await kernel::synchronize_rcu("updater");
  co_await kernel::Store(s->y, 1, "updater");
  co_await kernel::wake_up_all(&s->queue, "updater");
}

sched::Task<> SetX(void* arg) {
  co_await kernel::Store(static_cast<Shared*>(arg)->x, 1, "setter");
}

// A reader that begins after the grace period did is not waited for; one that
// began before and waits for the updater is stuck with it. Sleeping in an rcu
// section is reported, so this one counts outcomes without that check.
TEST(GracePeriodTest, DoesNotWaitForLaterReaders) {
  const Litmus litmus = {
      [] { return Make({ReaderWaitsForY, AnnounceThenSynchronize, SetX}); },
      [](EngineWorld* world) -> int64_t {
        return Stuck(world) ? kStuck : shared_of(world)->y.get();
      }};
  const Outcomes seen = ExploreWithUndo(litmus);
  EXPECT_EQ(seen, ExploreFromScratch(litmus));
  EXPECT_THAT(seen.count, ElementsAre(Key(kStuck), Key(1)));
}

// --- Reference counts --------------------------------------------------------

sched::Task<> Put(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  const bool last = co_await kernel::atomic_dec_and_test(
      &s->count, s->object.key(), trace::Cause::kRefcountBelowZero, "put");
  if (last) {
    s->x += 1;
  }
}

sched::Task<> TryGet(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  const bool got =
      co_await kernel::atomic_inc_not_zero(&s->count, s->object.key(), "get");
  s->y = got ? 1 : 2;
}

TEST(RefcountTest, ExactlyOneReachesZero) {
  const Outcomes seen = Explore({[] { return Make({Put, Put, Put}, 3); }, X});
  EXPECT_THAT(seen.count, ElementsAre(Key(1)));
  EXPECT_EQ(seen.executions, 90U);  // 6! / (2! 2! 2!)
}

TEST(RefcountTest, GetNotZeroWinsOrSeesZero) {
  const Outcomes seen = Explore({[] { return Make({Put, TryGet}, 1); },
                                 [](EngineWorld* world) -> int64_t {
                                   const Shared* s = shared_of(world);
                                   return s->x * 10 + s->y;
                                 }});
  // Got first: no zero. Put first: zero, and no get.
  EXPECT_THAT(seen.count, ElementsAre(Key(1), Key(12)));
}

// --- Signals and locks -------------------------------------------------------

sched::Task<> Hold(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  co_await kernel::mutex_lock(&s->mutex, "holder");
  co_await kernel::Yield("holder");
  co_await kernel::mutex_unlock(&s->mutex, "holder");
}

template <kernel::Wait kWait>
sched::Task<> Acquire(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  const int rc =
      co_await kernel::lock(&s->mutex, "acquirer", kernel::Nest::kNo, kWait);
  s->rc = rc;
  if (rc == 0) {
    co_await kernel::mutex_unlock(&s->mutex, "acquirer");
  }
}

template <int kSignal>
sched::Task<> Signal(void* /*arg*/) {
  co_await kernel::kill_task(&sched::ThisWorld()->task(1), kSignal);
}

int64_t Rc(EngineWorld* world) {
  return Stuck(world) ? kStuck : shared_of(world)->rc.get();
}

TEST(SignalledLockTest, InterruptibleEndsEitherWay) {
  const Outcomes seen =
      Explore({[] {
                 return Make({Hold, Acquire<kernel::Wait::kInterruptible>,
                              Signal<kSigUsr1>});
               },
               Rc});
  EXPECT_THAT(seen.count, ElementsAre(Key(-EINTR), Key(0)));
}

TEST(SignalledLockTest, KillableIgnoresAHandledSignal) {
  const Outcomes seen =
      Explore({[] {
                 return Make({Hold, Acquire<kernel::Wait::kKillable>,
                              Signal<kSigUsr1>});
               },
               Rc});
  EXPECT_THAT(seen.count, ElementsAre(Key(0)));
}

TEST(SignalledLockTest, KillableEndsOnSigkill) {
  const Outcomes seen =
      Explore({[] {
                 return Make({Hold, Acquire<kernel::Wait::kKillable>,
                              Signal<kernel::kSigKill>});
               },
               Rc});
  EXPECT_THAT(seen.count, ElementsAre(Key(-EINTR), Key(0)));
}

TEST(SignalledLockTest, UninterruptibleIgnoresSigkill) {
  const Outcomes seen =
      Explore({[] {
                 return Make({Hold, Acquire<kernel::Wait::kUninterruptible>,
                              Signal<kernel::kSigKill>});
               },
               Rc});
  EXPECT_THAT(seen.count, ElementsAre(Key(0)));
}

// --- Wait queues -------------------------------------------------------------

bool XIsSet(const sched::TaskRecord& task) {
  return static_cast<Shared*>(task.op_target.get())->x == 1;
}

sched::Task<> WaitForX(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  co_await kernel::wait_event(&s->queue, XIsSet, s, 0, "waiter");
  s->rc = s->x.get();
}

sched::Task<> SetAndWake(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  co_await kernel::Store(s->x, 1, "setter");
  co_await kernel::wake_up_all(&s->queue, "setter");
}

sched::Task<> WakeThenSet(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  co_await kernel::wake_up_all(&s->queue, "setter");
  co_await kernel::Store(s->x, 1, "setter");
}

sched::Task<> SetAndWakeThenClear(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  co_await kernel::Store(s->x, 1, "setter");
  co_await kernel::wake_up_all(&s->queue, "setter");
  co_await kernel::Store(s->x, 0, "setter");
}

TEST(WaitQueueTest, SetThenWakeIsNeverLost) {
  const Outcomes seen =
      Explore({[] { return Make({WaitForX, SetAndWake}); }, Rc});
  EXPECT_THAT(seen.count, ElementsAre(Key(1)));
}

TEST(WaitQueueTest, WakeThenSetCanBeLost) {
  const Outcomes seen =
      Explore({[] { return Make({WaitForX, WakeThenSet}); }, Rc});
  EXPECT_THAT(seen.count, ElementsAre(Key(kStuck), Key(1)));
}

// A waiter that was woken looks again: it never goes on with the condition
// gone.
TEST(WaitQueueTest, ConditionThatPassedIsSleptThrough) {
  const Outcomes seen =
      Explore({[] { return Make({WaitForX, SetAndWakeThenClear}); }, Rc});
  EXPECT_THAT(seen.count, ElementsAre(Key(kStuck), Key(1)));
}

// A fatal signal does not stand in for the wake-up of an uninterruptible
// waiter: whoever slept before x was set sleeps on.
TEST(WaitQueueTest, SignalIsNoWakeUp) {
  const Outcomes seen =
      Explore({[] { return Make({SetX, WaitForX, Signal<9>}); }, Rc});
  EXPECT_THAT(seen.count, ElementsAre(Key(kStuck), Key(1)));
  const uint64_t without =
      Explore({[] { return Make({SetX, WaitForX, Signal<17>}); }, Rc})
          .count.at(kStuck);
  EXPECT_EQ(seen.count.at(kStuck), without);  // SIGCHLD is not even queued
}

}  // namespace
}  // namespace mmfault
