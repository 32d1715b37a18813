// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// 6.1's list notifiers. What one task sees is checked exactly; races are looked
// for over seeded schedules. Each schedule has a few hundred steps and the
// windows are wider than ten of them, so 2000 schedules miss a race that exists
// with a chance below 1e-4.

#include "server/notifier/subscriptions/subscriptions.h"

#include <gtest/gtest.h>

#include "server/kernel/errno.h"
#include "server/mm/fork.h"
#include "tests/unit/notifier/scene.h"

namespace mmfault::notifier {
namespace {

using device::Method;
using faults::ActionKind;
using faults::Point;

constexpr int kSchedules = 2000;

// What a failed registration must have left behind: nothing.
void ExpectUntouched(Scene& scene) {
  EXPECT_EQ(scene.world.Violations(), "");
  EXPECT_EQ(scene.mm->subscriptions, nullptr);
  EXPECT_TRUE(hlist_unhashed(scene.dev->mn.hlist));
  EXPECT_EQ(scene.mm->mm_count.counter, 1);
  EXPECT_EQ(scene.mm->lock_marks, 0);
  EXPECT_TRUE(scene.mm->mmap_sem.free_for_write());
  EXPECT_TRUE(scene.file->i_mmap_lock.free_for_write());
  EXPECT_NE(scene.dev->mn.registration, Registration::kRegistered);
}

class SubscriptionsTest : public ::testing::TestWithParam<sched::LockKind> {
 protected:
  sched::WorldOptions Options() const {
    sched::WorldOptions options;
    options.rmap_lock = GetParam();
    return options;
  }
};
INSTANTIATE_TEST_SUITE_P(RmapLocks, SubscriptionsTest,
                         ::testing::Values(sched::LockKind::kSpin,
                                           sched::LockKind::kMutex));

TEST_P(SubscriptionsTest, MunmapDropsTheMappingBetweenStartAndEnd) {
  Scene scene(kV6_1, Options());
  ASSERT_EQ(scene.RegisterNow(), 0);
  ASSERT_EQ(scene.EstablishNow(kAnonPage), 0);
  EXPECT_EQ(scene.dev->spte_count, 1U);
  scene.world.Do(Scene::Unmap, &scene);
  EXPECT_EQ(scene.dev->spte_count, 0U);
  EXPECT_EQ(scene.Deliveries(Method::kInvalidateRangeStart), 1U);
  EXPECT_EQ(scene.Deliveries(Method::kInvalidateRangeEnd), 1U);
  EXPECT_EQ(scene.world.Violations(), "");
}

TEST_P(SubscriptionsTest, MunmapRacingADeviceFaultIsClean) {
  Scene scene(kV6_1, Options());
  ASSERT_EQ(scene.RegisterNow(), 0);
  scene.world.Spawn("unmapper", Scene::Unmap, &scene);
  scene.world.Spawn("device", Scene::MapAnon, &scene);
  scene.world.Spawn("reclaim", Scene::Reclaim, &scene);
  const Exploration seen = scene.world.Explore(kSchedules);
  EXPECT_TRUE(seen.Clean()) << seen.Text();
}

// The three locking passes visit N + 1 steps each, the last of which finds the
// end of the list. A signal that arrives there is seen by the next pass, if
// there is one.
TEST_P(SubscriptionsTest, SignalAtEachVmaStep) {
  Scene scene(kV6_1, Options());
  const auto start = scene.world->Save();
  for (uint64_t k = 1; k <= 4 * (kVmaCount + 1); ++k) {
    SCOPED_TRACE(k);
    scene.world.Arm(Point::kMmLockStep, ActionKind::kSignal, kSigUsr1, k);
    const int rc = scene.RegisterNow();
    EXPECT_EQ(rc, k <= 3 * kVmaCount + 2 ? -EINTR : 0);
    if (rc != 0) {
      ExpectUntouched(scene);
    }
    EXPECT_EQ(scene.world.Violations(), "");
    scene.world->faults().DisarmAll();
    scene.world->Restore(start);
  }
}

// One i_mmap lock, then two anon_vma locks; the last VMA is behind the third.
TEST_P(SubscriptionsTest, SignalAtEachLock) {
  Scene scene(kV6_1, Options());
  const auto start = scene.world->Save();
  for (uint64_t k = 1; k <= 3; ++k) {
    SCOPED_TRACE(k);
    scene.world.Arm(Point::kMmLockLock, ActionKind::kSignal, kSigUsr1, k);
    const int rc = scene.RegisterNow();
    EXPECT_EQ(rc, k < 3 ? -EINTR : 0);
    if (rc != 0) {
      ExpectUntouched(scene);
    }
    scene.world->faults().DisarmAll();
    scene.world->Restore(start);
  }
}

TEST_P(SubscriptionsTest, AllocationFailureLeavesNothing) {
  Scene scene(kV6_1, Options());
  scene.world.Arm(Point::kKmalloc, ActionKind::kError, ENOMEM);
  EXPECT_EQ(scene.RegisterNow(), -ENOMEM);
  ExpectUntouched(scene);
  EXPECT_EQ(scene.RegisterNow(), 0);
}

TEST_P(SubscriptionsTest, OnlyTheFirstRegistrationAllocates) {
  Scene scene(kV6_1, Options());
  ASSERT_EQ(scene.RegisterNow(), 0);
  scene.dev = device::NewDevice({}, false);
  scene.world.Arm(Point::kKmalloc, ActionKind::kError, ENOMEM);
  EXPECT_EQ(scene.RegisterNow(), 0);
  EXPECT_EQ(scene.world.Violations(), "");
}

TEST_P(SubscriptionsTest, ExitReleasesOnceAndUnregisterIsLegalAfterwards) {
  Scene scene(kV6_1, Options());
  ASSERT_EQ(scene.RegisterNow(), 0);
  ASSERT_EQ(scene.EstablishNow(kAnonPage), 0);
  scene.world.Do(Scene::Exit, &scene);
  EXPECT_EQ(scene.Deliveries(Method::kRelease), 1U);
  EXPECT_EQ(scene.dev->spte_count, 0U);
  EXPECT_FALSE(scene.mm->object.freed());  // the registration's pin
  EXPECT_EQ(scene.UnregisterNow(), 0);
  EXPECT_TRUE(scene.mm->object.freed());
  EXPECT_EQ(scene.Deliveries(Method::kRelease), 1U);
  EXPECT_EQ(scene.world.Violations(), "");
}

TEST_P(SubscriptionsTest, UnregisterReleasesAndExitDoesNotAgain) {
  Scene scene(kV6_1, Options());
  ASSERT_EQ(scene.RegisterNow(), 0);
  EXPECT_EQ(scene.UnregisterNow(), 0);
  EXPECT_EQ(scene.Deliveries(Method::kRelease), 1U);
  scene.world.Do(Scene::Exit, &scene);
  EXPECT_EQ(scene.Deliveries(Method::kRelease), 1U);
  EXPECT_TRUE(scene.mm->object.freed());
  EXPECT_EQ(scene.world.Violations(), "");
}

// P10: a second release may be seen, and nothing worse.
TEST_P(SubscriptionsTest, UnregisterRacingExitMayReleaseTwiceOnly) {
  Scene scene(kV6_1, Options());
  ASSERT_EQ(scene.RegisterNow(), 0);
  ASSERT_EQ(scene.EstablishNow(kFilePage), 0);
  scene.world.Spawn("exiter", Scene::Exit, &scene);
  scene.world.Spawn("client", Scene::UnregisterAndFree, &scene);
  const Exploration seen = scene.world.Explore(kSchedules);
  EXPECT_TRUE(seen.Found(Checker::kReleaseCount, Cause::kReleaseTwice));
  EXPECT_EQ(seen.runs.size(), 1U) << seen.Text();
  const Tolerance& tolerated = kV6_1.tolerated[0];
  EXPECT_EQ(tolerated.checker, Checker::kReleaseCount);
  EXPECT_EQ(tolerated.cause, Cause::kReleaseTwice);
}

// P03 is absent: all locks are held, so nobody is between start and end.
TEST_P(SubscriptionsTest, RegisterRacingTruncateIsClean) {
  Scene scene(kV6_1, Options());
  scene.world.Spawn("truncater", Scene::Truncate, &scene);
  scene.world.Spawn("client", Scene::RegisterAndMapFile, &scene);
  const Exploration seen = scene.world.Explore(kSchedules);
  EXPECT_TRUE(seen.Clean()) << seen.Text();
}

TEST_P(SubscriptionsTest, RegisterRacingDontNeedAndReclaimIsClean) {
  Scene scene(kV6_1, Options());
  scene.world.Spawn("zapper", Scene::DontNeed, &scene);
  scene.world.Spawn("reclaim", Scene::Reclaim, &scene);
  scene.world.Spawn("client", Scene::RegisterAndMapAnon, &scene);
  const Exploration seen = scene.world.Explore(kSchedules);
  EXPECT_TRUE(seen.Clean()) << seen.Text();
}

// P12 and P13 are absent: the walker's read section keeps what it walks, and
// release comes before the unlink. The owner frees after its unregister.
TEST_P(SubscriptionsTest, TruncateRacingExitAndUnregisterIsSafe) {
  Scene scene(kV6_1, Options());
  ASSERT_EQ(scene.RegisterNow(), 0);
  ASSERT_EQ(scene.EstablishNow(kFilePage), 0);
  scene.world.Spawn("exiter", Scene::Exit, &scene);
  scene.world.Spawn("truncater", Scene::Truncate, &scene);
  scene.world.Spawn("client", Scene::UnregisterAndFree, &scene);
  const Exploration seen = scene.world.Explore(kSchedules);
  EXPECT_FALSE(seen.Found(Checker::kNoUseAfterFree)) << seen.Text();
  EXPECT_FALSE(seen.Found(Checker::kNoStaleSecondaryMapping)) << seen.Text();
  EXPECT_FALSE(seen.Found(Checker::kNoCallbackAfterUnregister)) << seen.Text();
  EXPECT_FALSE(seen.Found(Checker::kNoDeadlock)) << seen.Text();
}

struct TwoMms {
  Scene* scene;
  mm::mm_struct* other;
  device::device* other_dev;

  // The same file twice, the other way round.
  static Task<> Map(void* arg) {
    auto* self = static_cast<TwoMms*>(arg);
    for (uint64_t i = 0; i < 2; ++i) {
      const uint64_t at = kFilePage + i * mm::kPageSize;
      co_await mm::do_mmap(self->other, at, at + mm::kPageSize,
                           mm::VM_READ | mm::VM_SHARED, self->scene->file,
                           1 - i);
    }
  }
  static Task<> RegisterOther(void* arg) {
    auto* self = static_cast<TwoMms*>(arg);
    co_await Register(kV6_1, &self->other_dev->mn, self->other);
  }
};

// P35 is absent: the system-wide mutex lets one locker in at a time.
TEST_P(SubscriptionsTest, RegistrationsOfMmsWithACommonFileDoNotDeadlock) {
  Scene scene(kV6_1, Options());
  TwoMms two{&scene, scene.world.NewMm(), device::NewDevice({}, false)};
  scene.world.Do(TwoMms::Map, &two);
  scene.world.Spawn("first", Scene::RegisterAndMapFile, &scene);
  scene.world.Spawn("second", TwoMms::RegisterOther, &two);
  const Exploration seen = scene.world.Explore(kSchedules);
  EXPECT_TRUE(seen.Clean()) << seen.Text();
}

uint64_t locks_taken = 0;
Task<> CountLocks(void* arg) {
  auto* scene = static_cast<Scene*>(arg);
  co_await Register(kV6_1, &scene->dev->mn, scene->mm);
  locks_taken = kernel::Current()->mm_lock_locks;
}

// A child's VMA is on its parent's anon_vmas and on its own, all under one
// root: one lock a family, and one for the file.
TEST_P(SubscriptionsTest, EveryChainOfAForkedMmLeadsToItsRootOnce) {
  Scene scene(kV6_1, Options());
  mm::mm_struct* child = scene.world.NewMm();
  ASSERT_EQ(
      Call<int>(&scene.world, [&] { return mm::dup_mmap(child, scene.mm); }),
      0);
  scene.mm = child;
  scene.world.Do(CountLocks, &scene);
  EXPECT_EQ(locks_taken, 3U);
  EXPECT_EQ(scene.world.Violations(), "");
}

// P44 is absent: the end is sent after a failed copy too.
TEST_P(SubscriptionsTest, FailedForkEndsWhatItStarted) {
  Scene scene(kV6_1, Options());
  ASSERT_EQ(scene.RegisterNow(), 0);
  mm::mm_struct* child = scene.world.NewMm();
  scene.world.Arm(Point::kKmalloc, ActionKind::kError, ENOMEM, 3);
  EXPECT_EQ(
      Call<int>(&scene.world, [&] { return mm::dup_mmap(child, scene.mm); }),
      -ENOMEM);
  EXPECT_EQ(scene.Deliveries(Method::kInvalidateRangeStart), 1U);
  EXPECT_EQ(scene.dev->mn.open_total, 0U);
}

TEST_P(SubscriptionsTest, RegisterWithoutUsersIsABug) {
  Scene scene(kV6_1, Options());
  Call(&scene.world, [&] { return mm::mmgrab(scene.mm); });
  scene.world.Do(Scene::Exit, &scene);
  scene.world.Try(Scene::RegisterAndMapFile, &scene);
  EXPECT_TRUE(scene.world.Violated(Checker::kCountsSane, Cause::kMmUsersZero));
  EXPECT_FALSE(scene.mm->mmap_sem.free_for_write());  // the oops keeps it
}

// Two notifiers, the second of which is first on the list and answers -EAGAIN
// to a caller that may not block.
class NonBlockTest : public ::testing::Test {
 protected:
  void Answer(int32_t rc, bool has_end) {
    Behaviour behaviour;
    behaviour.answers[0] = {Method::kInvalidateRangeStart, false, rc, 0};
    behaviour.answer_count = 1;
    behaviour.unimplemented =
        has_end ? 0 : 1U << static_cast<uint32_t>(Method::kInvalidateRangeEnd);
    ASSERT_EQ(scene_.RegisterNow(), 0);
    peer_ = scene_.dev;
    scene_.dev = device::NewDevice(behaviour, false);
    ASSERT_EQ(scene_.RegisterNow(), 0);
  }
  int Start(bool blockable) {
    range_ = {scene_.mm, kAnonPage, kAnonPage + mm::kPageSize,
              mm::Event::kClear, blockable};
    return Call<int>(&scene_.world,
                     [this] { return mm::NotifyRangeStart(&range_); });
  }
  uint32_t PeerEnds() const {
    return peer_->deliveries[static_cast<size_t>(Method::kInvalidateRangeEnd)];
  }

  Scene scene_{kV6_1};
  device::device* peer_ = nullptr;
  mmu_notifier_range range_;
};

TEST_F(NonBlockTest, PeersOfAFailedStartGetTheirEnd) {
  Answer(-EAGAIN, /*has_end=*/false);
  EXPECT_EQ(Start(/*blockable=*/false), -EAGAIN);
  EXPECT_EQ(PeerEnds(), 1U);
  EXPECT_EQ(peer_->mn.open_total, 0U);
  EXPECT_EQ(scene_.world.Violations(), "");
}

TEST_F(NonBlockTest, FailingStartWithAnEndGetsOneItDoesNotExpect) {
  Answer(-EAGAIN, /*has_end=*/true);
  EXPECT_EQ(Start(/*blockable=*/false), -EAGAIN);
  EXPECT_TRUE(
      scene_.world.Violated(Checker::kStartEndPaired, Cause::kEndWithoutStart));
}

TEST_F(NonBlockTest, AnErrorToABlockingCallerIsReported) {
  Answer(-EAGAIN, /*has_end=*/false);
  EXPECT_EQ(Start(/*blockable=*/true), -EAGAIN);
  EXPECT_TRUE(scene_.world.Violated(Checker::kErrorsAsSpecified));
}

}  // namespace
}  // namespace mmfault::notifier
