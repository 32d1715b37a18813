// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// #v13 against #v14 to #v16: a plain list that exit takes apart under walkers,
// and one under the mm's own SRCU domain. Races are looked for over seeded
// schedules; those that must show do so in more than one schedule of a hundred,
// so 2000 miss with a chance below 1e-8.

#include "server/notifier/v13/v13.h"

#include "tests/unit/notifier/all_locks_scene.h"

namespace mmfault::notifier {
namespace {

using device::Method;
using faults::ActionKind;
using faults::Point;

constexpr int kSchedules = 2000;
constexpr int64_t kLong = 60;  // scheduling points

class V13Test : public ::testing::TestWithParam<const Protocol*> {
 protected:
  const Protocol& protocol() const { return *GetParam(); }
  bool srcu() const { return &protocol() != &kV13; }

  // No finding but the order of the classes, which v14 to v16 get wrong (P36).
  static bool CleanButForOrder(const Exploration& seen) {
    return std::all_of(seen.runs.begin(), seen.runs.end(), [](const auto& run) {
      return run.first ==
             Exploration::Key(Checker::kLockOrder, Cause::kLockClassCycle);
    });
  }
  void ExpectCleanButForOrder(Scene& scene) const {
    EXPECT_EQ(scene.world->state().violated &
                  ~(1U << static_cast<int>(Checker::kLockOrder)),
              0U)
        << scene.world.Violations();
  }
};
INSTANTIATE_TEST_SUITE_P(V13, V13Test,
                         ::testing::Values(&kV13, &kV14, &kV15, &kV16),
                         TestNameOf);

// P01 and P03 are absent.
TEST_P(V13Test, RegisterRacingSections) {
  Scene scene(protocol());
  scene.world.Spawn("truncater", Scene::Truncate, &scene);
  scene.world.Spawn("zapper", Scene::DontNeed, &scene);
  scene.world.Spawn("client", Scene::RegisterAndMapFile, &scene);
  const Exploration seen = scene.world.Explore(kSchedules);
  EXPECT_TRUE(CleanButForOrder(seen)) << seen.Text();
}

// P36.
TEST_P(V13Test, ClassesInTheOrderOfRmap) {
  Scene scene(protocol());
  ASSERT_EQ(scene.RegisterNow(), 0);
  EXPECT_EQ(scene.world.Violated(Checker::kLockOrder, Cause::kLockClassCycle),
            srcu());
}

// P12.
TEST_P(V13Test, TruncateRacingExitAndADriverThatFrees) {
  Behaviour frees;
  frees.frees_in_release = true;
  Scene scene(protocol(), {}, frees);
  ASSERT_EQ(scene.RegisterNow(), 0);
  scene.world.Spawn("exiter", Scene::Exit, &scene);
  scene.world.Spawn("truncater", Scene::Truncate, &scene);
  const Exploration seen = scene.world.Explore(kSchedules);
  // SRCU keeps walkers apart from who frees after unregister, not in release.
  if (!srcu()) {
    EXPECT_TRUE(seen.Found(Checker::kNoUseAfterFree, Cause::kFreedNotifierUsed))
        << seen.Text();
  }
}

TEST_P(V13Test, TruncateRacingUnregister) {
  Scene scene(protocol());
  ASSERT_EQ(scene.RegisterNow(), 0);
  scene.world.Spawn("truncater", Scene::Truncate, &scene);
  scene.world.Spawn("reclaimer", Scene::Reclaim, &scene);
  scene.world.Spawn("client", Scene::UnregisterAndFree, &scene);
  const Exploration seen = scene.world.Explore(kSchedules);
  EXPECT_TRUE(CleanButForOrder(seen)) << seen.Text();
}

// P10, P18: an unregistration may come with and after exit, or not at all.
TEST_P(V13Test, UnregisterRacingExit) {
  Scene scene(protocol());
  ASSERT_EQ(scene.RegisterNow(), 0);
  Call(&scene.world, [&] { return mm::mmgrab(scene.mm); });
  scene.world.Spawn("exiter", Scene::Exit, &scene);
  scene.world.Spawn("client", UnregisterIt, &scene);
  const Exploration seen = scene.world.Explore(kSchedules);
  if (srcu()) {
    EXPECT_TRUE(CleanButForOrder(seen)) << seen.Text();
  } else {
    EXPECT_TRUE(seen.Found(Checker::kCountsSane, Cause::kMmUsersZero))
        << seen.Text();
    EXPECT_TRUE(seen.Found(Checker::kNoUseAfterFree)) << seen.Text();
  }
}

// P13, in all four.
TEST_P(V13Test, TruncateBetweenUnlinkAndRelease) {
  Scene scene(protocol());
  ASSERT_EQ(scene.RegisterNow(), 0);
  ASSERT_EQ(scene.EstablishNow(kFilePage), 0);
  scene.world.Arm(Point::kReleaseUnlinked, ActionKind::kYield, kLong);
  scene.world.Spawn("exiter", Scene::Exit, &scene);
  scene.world.Spawn("truncater", Scene::Truncate, &scene);
  const Exploration seen = scene.world.Explore(kSchedules);
  EXPECT_TRUE(seen.Found(Checker::kNoStaleSecondaryMapping)) << seen.Text();
}

// P20.
TEST_P(V13Test, UnregisterReleasesFromV14On) {
  Scene scene(protocol());
  ASSERT_EQ(scene.RegisterNow(), 0);
  ASSERT_EQ(scene.EstablishNow(kAnonPage), 0);
  ASSERT_EQ(scene.UnregisterNow(), 0);
  EXPECT_EQ(scene.Deliveries(Method::kRelease), srcu() ? 1U : 0U);
  EXPECT_EQ(scene.dev->spte_count, srcu() ? 0U : 1U);
  ExpectCleanButForOrder(scene);
}

TEST_P(V13Test, ExitReleasesOnceAndThePinKeepsTheStruct) {
  Scene scene(protocol());
  ASSERT_EQ(scene.RegisterNow(), 0);
  scene.world.Do(Scene::Exit, &scene);
  EXPECT_EQ(scene.Deliveries(Method::kRelease), 1U);
  EXPECT_EQ(scene.mm->object.freed(), !srcu());
  if (srcu()) {
    EXPECT_EQ(scene.UnregisterNow(), 0);
    EXPECT_TRUE(scene.mm->object.freed());
    EXPECT_EQ(scene.Deliveries(Method::kRelease), 1U);
  }
  ExpectCleanButForOrder(scene);
}

// P65 is absent: the domain is the mm's own. A walker of another mm that is
// held inside its callback keeps nobody waiting.
TEST_P(V13Test, WalkersOfOtherMmsAreNotWaitedFor) {
  Scene scene(protocol());
  OtherMm other(&scene);
  ASSERT_EQ(scene.RegisterNow(), 0);
  scene.world.Do(OtherMm::RegisterIt, &other);
  scene.world.Arm(Point::kInvalidateStart, ActionKind::kHold);
  scene.world.Spawn("zapper", Scene::DontNeed, &scene);
  scene.world.Run(1);
  scene.world.Spawn("client", OtherMm::UnregisterIt, &other);
  scene.world.Run(2);
  EXPECT_EQ(other.dev->mn.registration, Registration::kUnregistered);
}

TEST_P(V13Test, MethodsMaySleepUnlessALockForbidsIt) {
  Behaviour sleeps;
  sleeps.sleeps = true;
  for (const auto kind : {sched::LockKind::kSpin, sched::LockKind::kMutex}) {
    sched::WorldOptions options;
    options.rmap_lock = kind;
    Scene scene(protocol(), options, sleeps);
    ASSERT_EQ(scene.RegisterNow(), 0);
    scene.world.Do(Scene::DontNeed, &scene);
    EXPECT_FALSE(scene.world.Violated(Checker::kNoSleepInAtomic));
    scene.world.Do(Scene::Truncate, &scene);
    EXPECT_EQ(scene.world.Violated(Checker::kNoSleepInAtomic),
              kind == sched::LockKind::kSpin);
  }
}

TEST_P(V13Test, RegisterWithoutUsers) {
  Scene scene(protocol());
  Call(&scene.world, [&] { return mm::mmgrab(scene.mm); });
  scene.world.Do(Scene::Exit, &scene);
  scene.world.Try(RegisterIt, &scene);
  EXPECT_EQ(scene.world.Violated(Checker::kCountsSane, Cause::kMmUsersZero),
            srcu());
}

// P44, repaired in #v14.
TEST_P(V13Test, FailedFork) {
  Scene scene(protocol());
  ASSERT_EQ(scene.RegisterNow(), 0);
  mm::mm_struct* child = scene.world.NewMm();
  scene.world.Arm(Point::kKmalloc, ActionKind::kError, ENOMEM,
                  scene.mm->map_count);
  EXPECT_EQ(
      Call<int>(&scene.world, [&] { return mm::dup_mmap(child, scene.mm); }),
      -ENOMEM);
  EXPECT_EQ(scene.dev->mn.open_total, srcu() ? 0U : 1U);
}

}  // namespace
}  // namespace mmfault::notifier
