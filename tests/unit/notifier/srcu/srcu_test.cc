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

using device::Method;
using faults::ActionKind;
using faults::Point;
using kernel::Mutant;

constexpr int kSchedules = 2000;
constexpr int64_t kLong = 60;  // scheduling points

class SrcuTest : public ::testing::TestWithParam<const Protocol*> {
 protected:
  const Protocol& protocol() const { return *GetParam(); }
  bool releases_first() const { return &protocol() != &kV3_9; }
  bool unlinks_unseen() const { return &protocol() == &kV3_7; }
};
INSTANTIATE_TEST_SUITE_P(Srcu, SrcuTest,
                         ::testing::Values(&kV3_7, &kV3_9, &kV3_10),
                         TestNameOf);

TEST_P(SrcuTest, MunmapDropsTheMappingBetweenStartAndEnd) {
  Scene scene(protocol());
  ASSERT_EQ(scene.RegisterNow(), 0);
  ASSERT_EQ(scene.EstablishNow(kAnonPage), 0);
  scene.world.Do(Scene::Unmap, &scene);
  EXPECT_EQ(scene.dev->spte_count, 0U);
  EXPECT_EQ(scene.Deliveries(Method::kInvalidateRangeStart), 1U);
  EXPECT_EQ(scene.Deliveries(Method::kInvalidateRangeEnd), 1U);
  EXPECT_EQ(scene.world.Violations(), "");
}

TEST_P(SrcuTest, ReclaimDropsTheMappingByPage) {
  Scene scene(protocol());
  ASSERT_EQ(scene.RegisterNow(), 0);
  ASSERT_EQ(scene.EstablishNow(kAnonPage), 0);
  scene.world.Do(Scene::Reclaim, &scene);
  EXPECT_EQ(scene.dev->spte_count, 0U);
  EXPECT_EQ(scene.Deliveries(Method::kInvalidatePage), 1U);
  EXPECT_EQ(scene.Deliveries(Method::kInvalidateRangeStart), 0U);
  EXPECT_EQ(scene.world.Violations(), "");
}

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

TEST_P(SrcuTest, ExitReleasesOnceAndUnregisterIsLegalAfterwards) {
  Scene scene(protocol());
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

TEST_P(SrcuTest, UnregisterReleasesAndItMayRegisterAgain) {
  Scene scene(protocol());
  for (uint32_t i = 1; i <= 2; ++i) {
    ASSERT_EQ(scene.RegisterNow(), 0);
    EXPECT_EQ(scene.UnregisterNow(), 0);
    EXPECT_EQ(scene.Deliveries(Method::kRelease), i);
  }
  scene.world.Do(Scene::Exit, &scene);
  EXPECT_TRUE(scene.mm->object.freed());
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

// P13, at exit and at unregister: what is invalidated after the unlink and
// before the release is lost. Truncate is longer than the window, which the
// yields widen.
TEST_P(SrcuTest, TruncateBetweenUnlinkAndRelease) {
  for (const sched::TaskEntry end : {Scene::Exit, UnregisterIt}) {
    Scene scene(protocol());
    ASSERT_EQ(scene.RegisterNow(), 0);
    ASSERT_EQ(scene.EstablishNow(kFilePage), 0);
    scene.world.Arm(Point::kReleaseUnlinked, ActionKind::kYield, kLong);
    scene.world.Arm(Point::kUnregisterUnlinked, ActionKind::kYield, kLong);
    scene.world.Spawn("end", end, &scene);
    scene.world.Spawn("truncater", Scene::Truncate, &scene);
    const Exploration seen = scene.world.Explore(kSchedules);
    EXPECT_EQ(seen.Found(Checker::kNoStaleSecondaryMapping), !releases_first())
        << seen.Text();
  }
}

// P12 and P14 are absent: the walker's read section keeps what it walks.
TEST_P(SrcuTest, TruncateRacingUnregisterIsSafe) {
  Scene scene(protocol());
  ASSERT_EQ(scene.RegisterNow(), 0);
  scene.world.Spawn("truncater", Scene::Truncate, &scene);
  scene.world.Spawn("client", Scene::UnregisterAndFree, &scene);
  const Exploration seen = scene.world.Explore(kSchedules);
  EXPECT_TRUE(seen.Clean()) << seen.Text();
}

// P01 and P03 are absent: all locks are held, so nobody is between start and
// end.
TEST_P(SrcuTest, RegisterRacingRangesIsClean) {
  Scene scene(protocol());
  scene.world.Spawn("truncater", Scene::Truncate, &scene);
  scene.world.Spawn("zapper", Scene::DontNeed, &scene);
  scene.world.Spawn("reclaim", Scene::Reclaim, &scene);
  scene.world.Spawn("client", Scene::RegisterAndMapFile, &scene);
  const Exploration seen = scene.world.Explore(kSchedules);
  EXPECT_TRUE(seen.Clean()) << seen.Text();
}

// P35 is absent: the system-wide mutex lets one locker in at a time.
TEST_P(SrcuTest, RegistrationsOfMmsWithACommonFileDoNotDeadlock) {
  Scene scene(protocol());
  OtherMm other(&scene);
  scene.world.Spawn("first", RegisterIt, &scene);
  scene.world.Spawn("second", OtherMm::RegisterIt, &other);
  const Exploration seen = scene.world.Explore(kSchedules);
  EXPECT_TRUE(seen.Clean()) << seen.Text();
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

TEST_P(SrcuTest, RegisterWithoutUsersIsABug) {
  Scene scene(protocol());
  Call(&scene.world, [&] { return mm::mmgrab(scene.mm); });
  scene.world.Do(Scene::Exit, &scene);
  scene.world.Try(Scene::RegisterAndMapFile, &scene);
  EXPECT_TRUE(scene.world.Violated(Checker::kCountsSane, Cause::kMmUsersZero));
}

// P44 is absent: the end is sent after a failed copy too.
TEST_P(SrcuTest, FailedForkEndsWhatItStarted) {
  Scene scene(protocol());
  ASSERT_EQ(scene.RegisterNow(), 0);
  mm::mm_struct* child = scene.world.NewMm();
  scene.world.Arm(Point::kKmalloc, ActionKind::kError, ENOMEM, 3);
  EXPECT_EQ(
      Call<int>(&scene.world, [&] { return mm::dup_mmap(child, scene.mm); }),
      -ENOMEM);
  EXPECT_EQ(scene.Deliveries(Method::kInvalidateRangeStart), 1U);
  EXPECT_EQ(scene.dev->mn.open_total, 0U);
}

// --- Planted mistakes, each found where the same code without it was clean --

class SrcuMutantTest : public SrcuTest {};
INSTANTIATE_TEST_SUITE_P(Srcu, SrcuMutantTest,
                         ::testing::Values(&kV3_7, &kV3_9, &kV3_10),
                         TestNameOf);

TEST_P(SrcuMutantTest, APartOfTheLocksIsKept) {
  Scene scene(protocol(), WithMutant(Mutant::kAllLocksKeepsPart));
  scene.world.Arm(Point::kMmLockLock, ActionKind::kSignal, kSigUsr1, 1);
  EXPECT_EQ(scene.RegisterNow(), -EINTR);
  EXPECT_TRUE(scene.world.Violated(Checker::kLocksBalanced));
}

TEST_P(SrcuMutantTest, MappingsAreSkipped) {
  Scene scene(protocol(), WithMutant(Mutant::kAllLocksSkipsMappings));
  scene.world.Spawn("truncater", Scene::Truncate, &scene);
  scene.world.Spawn("client", Scene::RegisterAndMapFile, &scene);
  const Exploration seen = scene.world.Explore(kSchedules);
  EXPECT_TRUE(seen.Found(Checker::kStartEndPaired)) << seen.Text();
}

TEST_P(SrcuMutantTest, MarksAreIgnored) {
  Scene scene(protocol(), WithMutant(Mutant::kAllLocksIgnoresMarks));
  scene.world.Try(RegisterIt, &scene);
  EXPECT_TRUE(scene.world.Violated(Checker::kNoSelfDeadlock));
}

TEST_P(SrcuMutantTest, NoMutexOrdersTheTakers) {
  Scene scene(protocol(), WithMutant(Mutant::kAllLocksNoMutex));
  OtherMm other(&scene);
  scene.world.Spawn("first", RegisterIt, &scene);
  scene.world.Spawn("second", OtherMm::RegisterIt, &other);
  const Exploration seen = scene.world.Explore(kSchedules);
  EXPECT_TRUE(seen.Found(Checker::kLocksBalanced)) << seen.Text();
}

TEST_P(SrcuMutantTest, AFlagIsLeft) {
  Scene scene(protocol(), WithMutant(Mutant::kAllLocksLeavesFlag));
  scene.world.Try(RegisterIt, &scene);
  EXPECT_TRUE(scene.world.Violated(Checker::kLockFlagsClear) ||
              scene.world.Violated(Checker::kLocksBalanced))
      << scene.world.Violations();
}

// The peer takes the locks first; both come to the list at about one time.
Exploration LinkRace(const Protocol& protocol,
                     const sched::WorldOptions& options) {
  Scene scene(protocol, options);
  EXPECT_EQ(scene.RegisterNow(), 0);
  Peer peer(&scene);
  scene.world.Arm(Point::kUnregisterEnter, ActionKind::kYield, kLong / 3);
  scene.world.Spawn("peer", Peer::RegisterIt, &peer);
  scene.world.Spawn("client", Scene::UnregisterAndFree, &scene);
  scene.world.Spawn("truncater", Scene::Truncate, &scene);
  return scene.world.Explore(10 * kSchedules);
}

TEST_P(SrcuMutantTest, LinksWithoutTheListLock) {
  const Exploration sound = LinkRace(protocol(), {});
  EXPECT_TRUE(sound.Clean()) << sound.Text();
  const Exploration seen =
      LinkRace(protocol(), WithMutant(Mutant::kLinkWithoutListLock));
  EXPECT_TRUE(seen.Found(Checker::kNoUseAfterFree)) << seen.Text();
}

TEST_P(SrcuMutantTest, RegistersWithoutAPin) {
  Scene scene(protocol(), WithMutant(Mutant::kRegisterWithoutPin));
  ASSERT_EQ(scene.RegisterNow(), 0);
  scene.world.Do(Scene::Exit, &scene);
  scene.world.Try(UnregisterIt, &scene);
  EXPECT_TRUE(scene.world.Violated(Checker::kNoUseAfterFree));
}

TEST_P(SrcuMutantTest, WalksAreNotWaitedFor) {
  for (const Mutant mutant :
       {Mutant::kUnregisterWithoutGrace, Mutant::kWalkWithoutReadSection}) {
    Scene scene(protocol(), WithMutant(mutant));
    ASSERT_EQ(scene.RegisterNow(), 0);
    scene.world.Spawn("truncater", Scene::Truncate, &scene);
    scene.world.Spawn("client", Scene::UnregisterAndFree, &scene);
    const Exploration seen = scene.world.Explore(kSchedules);
    EXPECT_TRUE(seen.Found(Checker::kNoUseAfterFree)) << seen.Text();
  }
}

TEST_P(SrcuMutantTest, UnregisterDoesNotRelease) {
  Scene scene(protocol(), WithMutant(Mutant::kUnregisterWithoutRelease));
  ASSERT_EQ(scene.RegisterNow(), 0);
  ASSERT_EQ(scene.EstablishNow(kAnonPage), 0);
  ASSERT_EQ(scene.UnregisterNow(), 0);
  scene.world.Do(Scene::Exit, &scene);
  EXPECT_TRUE(scene.world.Violated(Checker::kNoStaleSecondaryMapping));
}

// P42: what 3.7 may do with GFP_ATOMIC only.
TEST(SrcuSleepingAllocTest, UnderSpinlocks) {
  Scene scene(kV3_7, WithMutant(Mutant::kSleepingAllocUnderLocks));
  ASSERT_EQ(scene.RegisterNow(), 0);
  EXPECT_TRUE(scene.world.Violated(Checker::kNoSleepInAtomic));
}

// P21: the pages go while the release that unregister runs is on its way.
Exploration ExitRace(const Protocol& protocol,
                     const sched::WorldOptions& options) {
  Scene scene(protocol, options);
  EXPECT_EQ(scene.RegisterNow(), 0);
  EXPECT_EQ(scene.EstablishNow(kAnonPage), 0);
  scene.world.Arm(Point::kUnregisterUnlinked, ActionKind::kYield, kLong);
  scene.world.Spawn("exiter", Scene::Exit, &scene);
  scene.world.Spawn("client", UnregisterIt, &scene);
  return scene.world.Explore(kSchedules);
}

TEST_P(SrcuMutantTest, ExitDoesNotWait) {
  if (releases_first()) {
    GTEST_SKIP() << "exit releases by itself";
  }
  const Exploration sound = ExitRace(protocol(), {});
  EXPECT_TRUE(sound.Clean()) << sound.Text();
  const Exploration seen =
      ExitRace(protocol(), WithMutant(Mutant::kExitWithoutGrace));
  EXPECT_TRUE(seen.Found(Checker::kNoStaleSecondaryMapping)) << seen.Text();
}

}  // namespace
}  // namespace mmfault::notifier
