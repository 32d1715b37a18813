// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// seed_flags_naive: a bit in the VMA taken for a mark of its lock. Where no two
// VMAs share a lock it works as seed_flags does.

#include "tests/unit/notifier/v12/scene.h"

namespace mmfault::notifier::v12_test {
namespace {

using faults::ActionKind;
using faults::Point;

class V12NaiveTest : public ::testing::TestWithParam<const Protocol*> {
 protected:
  bool naive() const { return GetParam() == &kSeedFlagsNaive; }
};
INSTANTIATE_TEST_SUITE_P(Flags, V12NaiveTest,
                         ::testing::Values(&kSeedFlags, &kSeedFlagsNaive),
                         NameOf);

// P34.
TEST_P(V12NaiveTest, TwoVmasOfOneFile) {
  for (const auto kind : {sched::LockKind::kSpin, sched::LockKind::kMutex}) {
    sched::WorldOptions options;
    options.rmap_lock = kind;
    Scene scene(*GetParam(), options);
    scene.AddFileVma(scene.mm, scene.file);
    scene.AddFileVma(scene.mm, scene.file);
    scene.RegisterNow();
    EXPECT_EQ(scene.world.Violated(Checker::kNoSelfDeadlock), naive());
  }
}

TEST_P(V12NaiveTest, UnsharedLocksAreTakenAndGivenBack) {
  Scene scene(*GetParam());
  scene.AddFileVma(scene.mm, scene.file);
  scene.AddFileVma(scene.mm, scene.other_file);
  scene.AddAnonVma(scene.mm);
  EXPECT_EQ(scene.RegisterNow(), 0);
  EXPECT_EQ(scene.locks_taken, 3U);
  EXPECT_TRUE(scene.NothingHeld());
  scene.world.Arm(Point::kMmLockLock, ActionKind::kSignal, kSigTerm, 2);
  EXPECT_EQ(scene.UnregisterNow(), -EINTR);
  EXPECT_TRUE(scene.NothingHeld());
  EXPECT_EQ(scene.world.Violations(), "");
}

// P35: it looks at no address.
TEST_P(V12NaiveTest, FilesAboveEachOther) {
  Scene scene(*GetParam());
  scene.AddFileVma(scene.mm, scene.other_file);
  scene.AddFileVma(scene.mm, scene.file);
  EXPECT_EQ(scene.RegisterNow(), 0);
  EXPECT_EQ(scene.world.Violated(Checker::kLockOrder, Cause::kLockAddressOrder),
            naive());
}

}  // namespace
}  // namespace mmfault::notifier::v12_test
