// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// An unregister that can fail, and one that may not run once mm_users is 0:
// what goes wrong, and how an owner gets it right.

#include "tests/unit/notifier/v12/scene.h"

namespace mmfault::notifier::v12_test {
namespace {

using faults::ActionKind;
using faults::Point;

class V12UnregisterTest : public ::testing::TestWithParam<const Protocol*> {
 protected:
  // Makes the next unregister fail, with whatever this design may return.
  int ArmFailure(Scene* scene) const {
    if (GetParam()->tests_capability) {
      scene->world.Arm(Point::kUnregisterEnter, ActionKind::kDropCapability);
      return -EPERM;
    }
    scene->world.Arm(Point::kMmLockStep, ActionKind::kSignal, kSigTerm);
    return -EINTR;
  }
  static sched::WorldOptions LowThreshold() {
    sched::WorldOptions options;
    options.vma_threshold = 1;
    return options;
  }
};

void Munmap(Scene* scene) {
  scene->world.Try(
      [](void* arg) -> sched::Task<> {
        auto* s = static_cast<Scene*>(arg);
        co_await mm::do_munmap(s->mm, 0, uint64_t{1} << 40);
      },
      scene);
}

// P19, both ways.
TEST_P(V12UnregisterTest, OwnerThatFreesAfterAnErrorIsUsedAfterFree) {
  Scene scene(*GetParam(), LowThreshold());
  scene.AddMixedVmas();
  ASSERT_EQ(scene.RegisterNow(), 0);
  const int error = ArmFailure(&scene);
  ASSERT_EQ(scene.UnregisterNow(), error);
  FreeNotifier(scene.mn);
  Munmap(&scene);
  EXPECT_TRUE(scene.world.Violated(Checker::kNoUseAfterFree,
                                   Cause::kFreedNotifierUsed));
}

TEST_P(V12UnregisterTest, OwnerThatRetriesIsSafe) {
  Scene scene(*GetParam(), LowThreshold());
  scene.AddMixedVmas();
  ASSERT_EQ(scene.RegisterNow(), 0);
  const int error = ArmFailure(&scene);
  ASSERT_EQ(scene.UnregisterNow(), error);
  scene.world->state().capable = true;
  ASSERT_EQ(scene.UnregisterNow(), 0);
  FreeNotifier(scene.mn);
  Munmap(&scene);
  EXPECT_EQ(scene.world.Violations(), "");
}

// While it stays registered it keeps firing.
TEST_P(V12UnregisterTest, FailedUnregisterKeepsFiring) {
  Scene scene(*GetParam(), LowThreshold());
  scene.AddMixedVmas();
  ASSERT_EQ(scene.RegisterNow(), 0);
  ArmFailure(&scene);
  ASSERT_NE(scene.UnregisterNow(), 0);
  Munmap(&scene);
  const auto starts = static_cast<size_t>(Method::kInvalidateRangeStart);
  EXPECT_GT(scene.dev->deliveries[starts], 0U);
  EXPECT_EQ(scene.world.Violations(), "");
}

// Unregister does not call ->release(); exit does, once, for those still there.
TEST_P(V12UnregisterTest, DoesNotRelease) {
  Scene scene(*GetParam());
  scene.AddMixedVmas();
  ASSERT_EQ(scene.RegisterNow(), 0);
  ASSERT_EQ(scene.UnregisterNow(), 0);
  EXPECT_EQ(scene.mn->release_count, 0U);
}

TEST_P(V12UnregisterTest, ExitReleasesOnce) {
  Scene scene(*GetParam());
  scene.AddMixedVmas();
  ASSERT_EQ(scene.RegisterNow(), 0);
  scene.world.Do(MmputTask, &scene);
  EXPECT_EQ(scene.mn->release_count, 1U);
  EXPECT_EQ(scene.world.Violations(), "");
}

TEST_P(V12UnregisterTest, CanRegisterAgain) {
  Scene scene(*GetParam());
  scene.AddMixedVmas();
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(scene.RegisterNow(), 0);
    ASSERT_EQ(scene.UnregisterNow(), 0);
  }
  EXPECT_EQ(scene.world.Violations(), "");
}

// P18. Nobody uses the mm any more: a BUG.
TEST_P(V12UnregisterTest, AtUsersZeroIsABug) {
  Scene scene(*GetParam());
  scene.AddMixedVmas();
  ASSERT_EQ(scene.RegisterNow(), 0);
  Call(&scene.world, [&] { return mm::mmgrab(scene.mm); });
  scene.world.Do(MmputTask, &scene);
  scene.UnregisterNow();
  EXPECT_TRUE(scene.world.Violated(Checker::kCountsSane, Cause::kMmUsersZero));
}

// P18. The check passes, then the last mmput() frees the VMAs under the scan.
TEST_P(V12UnregisterTest, LastMmputAfterTheCheckFreesVmasUnderTheScan) {
  Scene scene(*GetParam());
  scene.AddMixedVmas();
  ASSERT_EQ(scene.RegisterNow(), 0);
  Call(&scene.world, [&] { return mm::mmgrab(scene.mm); });
  const int client = scene.world.Spawn("client", UnregisterTask, &scene)->slot;
  while (!scene.mm->mmap_sem.held_by(client)) {
    scene.world->Step(client);
  }
  sched::TaskRecord* exiter = scene.world.Spawn("exiter", MmputTask, &scene);
  while (exiter->state == sched::TaskState::kAlive) {
    ASSERT_NE(scene.world->runnable() >> exiter->slot & 1, 0U);
    scene.world->Step(exiter->slot);
  }
  scene.world.Run(1);
  EXPECT_FALSE(scene.world.Violated(Checker::kCountsSane));
  EXPECT_TRUE(
      scene.world.Violated(Checker::kNoUseAfterFree, Cause::kFreedVmaUsed))
      << scene.world.Violations();
}

// P18 by chance: client and exiter race. Both outcomes have windows of dozens
// of steps; 500 runs see each.
TEST_P(V12UnregisterTest, WithoutAPinRacesTheLastMmput) {
  Scene scene(*GetParam());
  scene.AddMixedVmas();
  ASSERT_EQ(scene.RegisterNow(), 0);
  Call(&scene.world, [&] { return mm::mmgrab(scene.mm); });
  scene.world.Spawn("client", UnregisterTask, &scene);
  scene.world.Spawn("exiter", MmputTask, &scene);
  const Exploration seen = scene.world.Explore(500);
  EXPECT_TRUE(seen.Found(Checker::kNoUseAfterFree)) << seen.Text();
  EXPECT_TRUE(seen.Found(Checker::kCountsSane, Cause::kMmUsersZero))
      << seen.Text();
}

// The seed's cure: boost mm_users first, and leave it to exit where that fails.
sched::Task<> UnregisterPinned(void* arg) {
  auto* scene = static_cast<Scene*>(arg);
  const bool pinned = co_await mm::mmget_not_zero(scene->mm);
  if (!pinned) {
    co_return;
  }
  co_await Unregister(*scene->protocol, scene->mn, scene->mm);
  co_await mm::mmput(scene->mm);
}

TEST_P(V12UnregisterTest, WithAPinIsSafeAndNeverReleasedTwice) {
  Scene scene(*GetParam());
  scene.AddMixedVmas();
  ASSERT_EQ(scene.RegisterNow(), 0);
  Call(&scene.world, [&] { return mm::mmgrab(scene.mm); });
  scene.world.Spawn("client", UnregisterPinned, &scene);
  scene.world.Spawn("exiter", MmputTask, &scene);
  int released = 0;
  const Exploration seen = scene.world.Explore(500, [&] {
    released += scene.mn->release_count == 1 ? 1 : 0;
    EXPECT_LE(scene.mn->release_count, 1U);
  });
  EXPECT_TRUE(seen.Clean()) << seen.Text();
  EXPECT_GT(released, 0);
  EXPECT_LT(released, 500);
}

INSTANTIATE_TEST_SUITE_P(Family, V12UnregisterTest, MMFAULT_V12_FAMILY, NameOf);

}  // namespace
}  // namespace mmfault::notifier::v12_test
