// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Lists of a struct mmu_notifier_mm. What one task sees is checked exactly;
// races are looked for over seeded schedules.

#include "tests/unit/notifier/mm_list_fixture.h"

namespace mmfault::notifier {
namespace {

using device::Method;
using faults::ActionKind;
using faults::Point;

INSTANTIATE_TEST_SUITE_P(MmList, MmListTest, EveryMmList(), TestNameOf);

TEST_P(MmListTest, MunmapDropsTheMappingBetweenStartAndEnd) {
  Scene scene(protocol());
  ASSERT_EQ(scene.RegisterNow(), 0);
  ASSERT_EQ(scene.EstablishNow(kAnonPage), 0);
  scene.world.Do(Scene::Unmap, &scene);
  EXPECT_EQ(scene.dev->spte_count, 0U);
  EXPECT_EQ(scene.Deliveries(Method::kInvalidateRangeStart), 1U);
  EXPECT_EQ(scene.Deliveries(Method::kInvalidateRangeEnd), 1U);
  EXPECT_EQ(scene.world.Violations(), "");
}

TEST_P(MmListTest, ReclaimDropsTheMappingByPage) {
  Scene scene(protocol());
  ASSERT_EQ(scene.RegisterNow(), 0);
  ASSERT_EQ(scene.EstablishNow(kAnonPage), 0);
  scene.world.Do(Scene::Reclaim, &scene);
  EXPECT_EQ(scene.dev->spte_count, 0U);
  EXPECT_EQ(scene.Deliveries(Method::kInvalidatePage), 1U);
  EXPECT_EQ(scene.Deliveries(Method::kInvalidateRangeStart), 0U);
  EXPECT_EQ(scene.world.Violations(), "");
}

TEST_P(MmListTest, ExitReleasesOnceAndUnregisterIsLegalAfterwards) {
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

TEST_P(MmListTest, UnregisterReleasesAndItMayRegisterAgain) {
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

// P13, at exit and at unregister: what is invalidated after the unlink and
// before the release is lost. Truncate is longer than the window, which the
// yields widen.
bool LosesATruncate(const Protocol& protocol, sched::TaskEntry end) {
  Scene scene(protocol);
  EXPECT_EQ(scene.RegisterNow(), 0);
  EXPECT_EQ(scene.EstablishNow(kFilePage), 0);
  scene.world.Arm(Point::kReleaseUnlinked, ActionKind::kYield, kLong);
  scene.world.Arm(Point::kUnregisterUnlinked, ActionKind::kYield, kLong);
  scene.world.Spawn("end", end, &scene);
  scene.world.Spawn("truncater", Scene::Truncate, &scene);
  const Exploration seen = scene.world.Explore(kSchedules);
  return seen.Found(Checker::kNoStaleSecondaryMapping);
}

class UnlinksFirstTest : public MmListTest {};
INSTANTIATE_TEST_SUITE_P(MmList, UnlinksFirstTest, UnlinksFirst(), TestNameOf);

TEST_P(UnlinksFirstTest, TruncateBetweenUnlinkAndReleaseIsLost) {
  EXPECT_TRUE(LosesATruncate(protocol(), Scene::Exit));
  EXPECT_TRUE(LosesATruncate(protocol(), UnregisterIt));
}

class ReleasesFirstTest : public MmListTest {};
INSTANTIATE_TEST_SUITE_P(MmList, ReleasesFirstTest, ReleasesFirst(),
                         TestNameOf);

TEST_P(ReleasesFirstTest, TruncateBetweenReleaseAndUnlinkIsNot) {
  EXPECT_FALSE(LosesATruncate(protocol(), Scene::Exit));
  EXPECT_FALSE(LosesATruncate(protocol(), UnregisterIt));
}

// P12 and P14 are absent: the walker's read section keeps what it walks.
TEST_P(MmListTest, TruncateRacingUnregisterIsSafe) {
  Scene scene(protocol());
  ASSERT_EQ(scene.RegisterNow(), 0);
  scene.world.Spawn("truncater", Scene::Truncate, &scene);
  scene.world.Spawn("client", Scene::UnregisterAndFree, &scene);
  const Exploration seen = scene.world.Explore(kSchedules);
  EXPECT_TRUE(seen.Clean()) << seen.Text();
}

// P01 and P03 are absent: all locks are held, so nobody is between start and
// end.
TEST_P(MmListTest, RegisterRacingRangesIsClean) {
  Scene scene(protocol());
  scene.world.Spawn("truncater", Scene::Truncate, &scene);
  scene.world.Spawn("zapper", Scene::DontNeed, &scene);
  scene.world.Spawn("reclaim", Scene::Reclaim, &scene);
  scene.world.Spawn("client", Scene::RegisterAndMapFile, &scene);
  const Exploration seen = scene.world.Explore(kSchedules);
  EXPECT_TRUE(seen.Clean()) << seen.Text();
}

// P35 is absent: the system-wide mutex lets one locker in at a time.
TEST_P(MmListTest, RegistrationsOfMmsWithACommonFileDoNotDeadlock) {
  Scene scene(protocol());
  OtherMm other(&scene);
  scene.world.Spawn("first", RegisterIt, &scene);
  scene.world.Spawn("second", OtherMm::RegisterIt, &other);
  const Exploration seen = scene.world.Explore(kSchedules);
  EXPECT_TRUE(seen.Clean()) << seen.Text();
}

TEST_P(MmListTest, RegisterWithoutUsersIsABug) {
  Scene scene(protocol());
  Call(&scene.world, [&] { return mm::mmgrab(scene.mm); });
  scene.world.Do(Scene::Exit, &scene);
  scene.world.Try(Scene::RegisterAndMapFile, &scene);
  EXPECT_TRUE(scene.world.Violated(Checker::kCountsSane, Cause::kMmUsersZero));
}

// P44 is absent: the end is sent after a failed copy too.
TEST_P(MmListTest, FailedForkEndsWhatItStarted) {
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

}  // namespace
}  // namespace mmfault::notifier
