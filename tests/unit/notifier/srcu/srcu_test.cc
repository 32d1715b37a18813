// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Lists under the one SRCU domain. What one task sees is checked exactly; races
// are looked for over seeded schedules. Each schedule has a few hundred steps
// and the windows are wider than ten of them, so 2000 schedules miss a race
// that exists with a chance below 1e-4.

#include "server/notifier/srcu/srcu.h"

#include "tests/unit/notifier/all_locks_scene.h"

namespace mmfault::notifier {
namespace {

using faults::ActionKind;
using faults::Point;
using kernel::Mutant;

constexpr int kSchedules = 2000;

class SrcuTest : public ::testing::TestWithParam<const Protocol*> {
 protected:
  const Protocol& protocol() const { return *GetParam(); }
  bool releases_first() const { return &protocol() != &kV3_9; }
  bool unlinks_unseen() const { return &protocol() == &kV3_7; }
};
INSTANTIATE_TEST_SUITE_P(Srcu, SrcuTest,
                         ::testing::Values(&kV3_7, &kV3_9, &kV3_10),
                         TestNameOf);

// Each pass visits N + 1 steps, the last of which finds the end of the list. A
// signal that arrives there is seen by the next pass, if there is one.
TEST_P(SrcuTest, SignalAtEachVmaStep) {
  Scene scene(protocol());
  const auto start = scene.world->Save();
  for (uint64_t k = 1; k <= 3 * (kVmaCount + 1); ++k) {
    SCOPED_TRACE(k);
    scene.world.Arm(Point::kMmLockStep, ActionKind::kSignal, kSigUsr1, k);
    const int rc = scene.RegisterNow();
    EXPECT_EQ(rc, k <= 2 * kVmaCount + 1 ? -EINTR : 0);
    if (rc != 0) {
      ExpectUntouched(scene);
    }
    EXPECT_EQ(scene.world.Violations(), "");
    scene.world->faults().DisarmAll();
    scene.world->Restore(start);
  }
}

// Before any lock, each time; 3.7 under all of them, and only when there is
// none yet.
TEST_P(SrcuTest, AllocationFailsWithoutATrace) {
  Scene scene(protocol());
  scene.world.Arm(Point::kKmalloc, ActionKind::kError, ENOMEM);
  EXPECT_EQ(scene.RegisterNow(), -ENOMEM);
  ExpectUntouched(scene);
  ASSERT_EQ(scene.RegisterNow(), 0);
  Peer peer(&scene);
  std::swap(peer.dev, scene.dev);
  scene.world.Arm(Point::kKmalloc, ActionKind::kError, ENOMEM);
  EXPECT_EQ(scene.RegisterNow(), &protocol() == &kV3_7 ? 0 : -ENOMEM);
  EXPECT_EQ(scene.world.Violations(), "");
}

// P10 and P11: who unlinks first releases alone; who releases first may not be
// alone, and may be late to unlink, which 3.7 does not see.
TEST_P(SrcuTest, UnregisterRacingExit) {
  Scene scene(protocol());
  ASSERT_EQ(scene.RegisterNow(), 0);
  ASSERT_EQ(scene.EstablishNow(kFilePage), 0);
  scene.world.Spawn("exiter", Scene::Exit, &scene);
  scene.world.Spawn("client", Scene::UnregisterAndFree, &scene);
  const Exploration seen = scene.world.Explore(kSchedules);
  if (!releases_first()) {
    EXPECT_TRUE(seen.Clean()) << seen.Text();
    EXPECT_TRUE(protocol().tolerated.empty());
    return;
  }
  EXPECT_TRUE(seen.Found(Checker::kReleaseCount, Cause::kReleaseTwice));
  EXPECT_EQ(seen.Found(Checker::kNoUseAfterFree, Cause::kNullDereference),
            unlinks_unseen());
  EXPECT_FALSE(seen.Found(Checker::kNoUseAfterFree, Cause::kFreedNotifierUsed))
      << seen.Text();
  ASSERT_EQ(protocol().tolerated.size(), 1U);
  EXPECT_EQ(protocol().tolerated[0].cause, Cause::kReleaseTwice);
}

// P36 is absent.
TEST_P(SrcuTest, LocksOfTwoClassesAreOrderedByClass) {
  Scene scene(protocol());
  scene.world.Do(MapAnonBelow, &scene);
  EXPECT_EQ(scene.RegisterNow(), 0);
  EXPECT_EQ(scene.world.Violations(), "");
}

// P49: a method may sleep where the caller's locks let it.
TEST_P(SrcuTest, MethodsMaySleepUnlessALockForbidsIt) {
  Behaviour sleeps;
  sleeps.sleeps = true;
  for (const sched::LockKind kind :
       {sched::LockKind::kSpin, sched::LockKind::kMutex}) {
    sched::WorldOptions options;
    options.rmap_lock = kind;
    Scene scene(protocol(), options, sleeps);
    ASSERT_EQ(scene.RegisterNow(), 0);
    scene.world.Do(Scene::DontNeed, &scene);  // under mmap_sem only
    EXPECT_EQ(scene.world.Violations(), "");
    scene.world.Do(Scene::Truncate, &scene);  // under i_mmap_lock
    EXPECT_EQ(scene.world.Violated(Checker::kNoSleepInAtomic),
              kind == sched::LockKind::kSpin);
  }
}

// P65: the domain is one for all mms. A walker of one that is held inside its
// callback keeps an unregistration of another waiting.
TEST_P(SrcuTest, UnregisterWaitsForTheWalkersOfOtherMms) {
  Scene scene(protocol());
  OtherMm other(&scene);
  ASSERT_EQ(scene.RegisterNow(), 0);
  scene.world.Do(OtherMm::RegisterIt, &other);
  scene.world.Arm(Point::kInvalidateStart, ActionKind::kHold);
  scene.world.Spawn("zapper", Scene::DontNeed, &scene);
  scene.world.Run(1);
  scene.world.Spawn("client", OtherMm::UnregisterIt, &other);
  scene.world.Run(2);
  EXPECT_EQ(other.dev->mn.registration, Registration::kRegistered);
  EXPECT_TRUE(hlist_unhashed(other.dev->mn.hlist));
  kernel::ResumeHeld(scene.world.get(), Point::kInvalidateStart, -1);
  scene.world.Run(3);
  EXPECT_EQ(other.dev->mn.registration, Registration::kUnregistered);
}

// P42: what 3.7 may do with GFP_ATOMIC only.
TEST(SrcuSleepingAllocTest, UnderSpinlocks) {
  Scene scene(kV3_7, WithMutant(Mutant::kSleepingAllocUnderLocks));
  ASSERT_EQ(scene.RegisterNow(), 0);
  EXPECT_TRUE(scene.world.Violated(Checker::kNoSleepInAtomic));
}

}  // namespace
}  // namespace mmfault::notifier
