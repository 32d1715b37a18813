// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Lists under RCU. What one task sees is checked exactly; races are looked for
// over seeded schedules. Each schedule has a few hundred steps and the windows
// are wider than ten of them, so 2000 schedules miss a race that exists with a
// chance below 1e-4.

#include "server/notifier/rcu/rcu.h"

#include "tests/unit/notifier/all_locks_scene.h"

namespace mmfault::notifier {
namespace {

using faults::ActionKind;
using faults::Point;

constexpr int kSchedules = 2000;

class RcuTest : public ::testing::TestWithParam<const Protocol*> {
 protected:
  const Protocol& protocol() const { return *GetParam(); }
  bool vma_by_vma() const { return &protocol() == &kV2_6_27Rc1; }
  bool releases_first() const { return &protocol() == &kV3_6; }
};
INSTANTIATE_TEST_SUITE_P(Rcu, RcuTest,
                         ::testing::Values(&kV2_6_27Rc1, &kV2_6_27, &kV3_6),
                         TestNameOf);

// Each pass visits N + 1 steps, the last of which finds the end of the list. A
// signal that arrives there is seen by the next pass, if there is one.
TEST_P(RcuTest, SignalAtEachVmaStep) {
  Scene scene(protocol());
  const auto start = scene.world->Save();
  const uint64_t last = vma_by_vma() ? kVmaCount : 2 * kVmaCount + 1;
  for (uint64_t k = 1; k <= 3 * (kVmaCount + 1); ++k) {
    SCOPED_TRACE(k);
    scene.world.Arm(Point::kMmLockStep, ActionKind::kSignal, kSigUsr1, k);
    const int rc = scene.RegisterNow();
    EXPECT_EQ(rc, k <= last ? -EINTR : 0);
    if (rc != 0) {
      ExpectUntouched(scene);
    }
    EXPECT_EQ(scene.world.Violations(), "");
    scene.world->faults().DisarmAll();
    scene.world->Restore(start);
  }
}

TEST_P(RcuTest, EveryRegistrationAllocatesAndFailsWithoutATrace) {
  Scene scene(protocol());
  scene.world.Arm(Point::kKmalloc, ActionKind::kError, ENOMEM);
  EXPECT_EQ(scene.RegisterNow(), -ENOMEM);
  ExpectUntouched(scene);
  ASSERT_EQ(scene.RegisterNow(), 0);
  Peer peer(&scene);
  std::swap(peer.dev, scene.dev);
  scene.world.Arm(Point::kKmalloc, ActionKind::kError, ENOMEM);
  EXPECT_EQ(scene.RegisterNow(), -ENOMEM);
  EXPECT_EQ(scene.RegisterNow(), 0);  // what it allocates is freed again
  EXPECT_EQ(scene.world.Violations(), "");
}

// P10 and P11: who unlinks first releases alone; who releases first may not be
// alone, and may be late to unlink.
TEST_P(RcuTest, UnregisterRacingExit) {
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
  EXPECT_TRUE(seen.Found(Checker::kNoUseAfterFree, Cause::kNullDereference));
  EXPECT_FALSE(seen.Found(Checker::kNoUseAfterFree, Cause::kFreedNotifierUsed))
      << seen.Text();
  ASSERT_EQ(protocol().tolerated.size(), 1U);
  EXPECT_EQ(protocol().tolerated[0].cause, Cause::kReleaseTwice);
}

// P36: VMA by VMA, the second one's mapping comes after the first one's
// anon_vma; by class it does not.
TEST_P(RcuTest, LocksOfTwoClassesAreOrderedByClass) {
  Scene scene(protocol());
  scene.world.Do(MapAnonBelow, &scene);
  EXPECT_EQ(scene.RegisterNow(), 0);
  EXPECT_EQ(scene.world.Violated(Checker::kLockOrder, Cause::kLockClassCycle),
            vma_by_vma());
}

// P49: a method may not sleep even where no spinlock is held.
TEST_P(RcuTest, NoMethodMaySleep) {
  Behaviour sleeps;
  sleeps.sleeps = true;
  sched::WorldOptions options;
  options.rmap_lock = sched::LockKind::kMutex;
  Scene scene(protocol(), options, sleeps);
  ASSERT_EQ(scene.RegisterNow(), 0);
  scene.world.Do(Scene::DontNeed, &scene);
  EXPECT_TRUE(scene.world.Violated(Checker::kNoSleepInAtomic));
}

}  // namespace
}  // namespace mmfault::notifier
