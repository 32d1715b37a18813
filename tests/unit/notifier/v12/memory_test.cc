// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Each allocation of a registration and of an unregistration fails in turn:
// -ENOMEM, before any rmap lock, with nothing left allocated. And the size that
// #v12 asks for: what happens where it is too small.

#include "tests/unit/notifier/v12/scene.h"

namespace mmfault::notifier::v12_test {
namespace {

using faults::ActionKind;
using faults::Point;

struct Failure {
  Point point;
  uint64_t nth;
};

class V12MemoryTest : public ::testing::TestWithParam<const Protocol*> {
 protected:
  // The allocations of one mm_lock(), in order.
  std::vector<Failure> Failures() const {
    if (GetParam() == &kV12) {
      return {{Point::kKmalloc, 1}, {Point::kVmalloc, 1}, {Point::kVmalloc, 2}};
    }
    if (GetParam() == &kSeedBitmaps) {
      return {{Point::kVmalloc, 1}, {Point::kVmalloc, 2}};
    }
    return {};
  }
};

TEST_P(V12MemoryTest, EachFailureIsReportedAndLeaksNothing) {
  Scene scene(*GetParam());
  scene.AddMixedVmas();
  for (const Failure& failure : Failures()) {
    scene.world.Arm(failure.point, ActionKind::kError, ENOMEM, failure.nth);
    EXPECT_EQ(scene.RegisterNow(), -ENOMEM) << failure.nth;
    EXPECT_EQ(scene.locks_taken, 0U);
    EXPECT_FALSE(scene.Linked());
    EXPECT_TRUE(scene.NothingHeld());
    scene.world->faults().DisarmAll();
  }
  EXPECT_EQ(scene.RegisterNow(), 0);
  EXPECT_EQ(scene.world.Violations(), "");
}

TEST_P(V12MemoryTest, FailedUnregisterStaysRegistered) {
  Scene scene(*GetParam());
  scene.AddMixedVmas();
  ASSERT_EQ(scene.RegisterNow(), 0);
  for (const Failure& failure : Failures()) {
    scene.world.Arm(failure.point, ActionKind::kError, ENOMEM, failure.nth);
    EXPECT_EQ(scene.UnregisterNow(), -ENOMEM) << failure.nth;
    EXPECT_TRUE(scene.Linked());
    EXPECT_TRUE(scene.NothingHeld());
    scene.world->faults().DisarmAll();
  }
  EXPECT_EQ(scene.UnregisterNow(), 0);
  EXPECT_EQ(scene.world.Violations(), "");
}

// There is no allocation beside those.
TEST_P(V12MemoryTest, OneMoreFailureIsNeverReached) {
  for (const Point point : {Point::kKmalloc, Point::kVmalloc}) {
    uint64_t reached = 0;
    for (const Failure& failure : Failures()) {
      reached += failure.point == point ? 1 : 0;
    }
    Scene scene(*GetParam());
    scene.AddMixedVmas();
    scene.world.Arm(point, ActionKind::kError, ENOMEM, reached + 1);
    EXPECT_EQ(scene.RegisterNow(), 0);
  }
}

TEST_P(V12MemoryTest, EmptyMmNeedsNoSpecialCase) {
  Scene scene(*GetParam());
  EXPECT_EQ(scene.RegisterNow(), 0);
  EXPECT_TRUE(scene.NothingHeld());
  EXPECT_EQ(scene.UnregisterNow(), 0);
  EXPECT_EQ(scene.world.Violations(), "");
}

INSTANTIATE_TEST_SUITE_P(Family, V12MemoryTest, MMFAULT_V12_FAMILY, NameOf);

TEST(V12ArraySizeTest, OverflowsWhereASpinlockIsSmallerThanAPointer) {
  Scene scene(kV12, WithMutant(kernel::Mutant::kArraysSizedBySpinlock));
  scene.AddFileVma(scene.mm, scene.file);
  scene.AddFileVma(scene.mm, scene.other_file);
  scene.RegisterNow();
  EXPECT_TRUE(
      scene.world.Violated(Checker::kNoUseAfterFree, Cause::kArrayOverflow));
}

TEST(V12ArraySizeTest, HalfTheVmasSharingALockIsRoomEnough) {
  Scene scene(kV12, WithMutant(kernel::Mutant::kArraysSizedBySpinlock));
  scene.AddFileVma(scene.mm, scene.file);
  scene.AddFileVma(scene.mm, scene.file);
  EXPECT_EQ(scene.RegisterNow(), 0);
  EXPECT_EQ(scene.world.Violations(), "");
}

TEST(V12ArraySizeTest, FitsWhereASpinlockIsAsLargeAsAPointer) {
  Scene scene(kV12);
  scene.AddFileVma(scene.mm, scene.file);
  scene.AddFileVma(scene.mm, scene.other_file);
  EXPECT_EQ(scene.RegisterNow(), 0);
  EXPECT_EQ(scene.world.Violations(), "");
}

}  // namespace
}  // namespace mmfault::notifier::v12_test
