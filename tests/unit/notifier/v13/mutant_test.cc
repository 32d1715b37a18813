// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Planted mistakes of #v13 to #v16, each found where the same code without it
// is not accused.

#include "server/notifier/v13/v13.h"
#include "tests/unit/notifier/all_locks_scene.h"

namespace mmfault::notifier {
namespace {

using faults::ActionKind;
using faults::Point;
using kernel::Mutant;

constexpr int kSchedules = 2000;
constexpr int64_t kLong = 60;  // scheduling points

sched::WorldOptions Planted(bool planted, Mutant mutant) {
  return planted ? WithMutant(mutant) : sched::WorldOptions();
}

class V13MutantTest : public ::testing::TestWithParam<const Protocol*> {
 protected:
  const Protocol& protocol() const { return *GetParam(); }
};
INSTANTIATE_TEST_SUITE_P(V13, V13MutantTest,
                         ::testing::Values(&kV13, &kV14, &kV15, &kV16),
                         TestNameOf);

TEST_P(V13MutantTest, LocksLeftOutMissATruncate) {
  for (const Mutant mutant :
       {Mutant::kMmLockMmapOnly, Mutant::kMmLockSkipsMappings}) {
    Scene scene(protocol(), WithMutant(mutant));
    scene.world.Spawn("truncater", Scene::Truncate, &scene);
    scene.world.Spawn("client", Scene::RegisterAndMapFile, &scene);
    const Exploration seen = scene.world.Explore(kSchedules);
    EXPECT_TRUE(seen.Found(Checker::kStartEndPaired)) << seen.Text();
  }
}

// Two files by turns, at descending addresses.
TEST_P(V13MutantTest, ArraysAreNotSorted) {
  for (const bool planted : {false, true}) {
    Scene scene(protocol(), Planted(planted, Mutant::kMmLockSkipsSort));
    scene.world.Do(
        [](void* arg) -> Task<> {
          auto* one = static_cast<Scene*>(arg);
          mm::address_space* second = mm::NewFile(1, 1);
          co_await mm::do_mmap(one->mm, 0x1000, 0x2000,
                               mm::VM_READ | mm::VM_SHARED, second, 0);
        },
        &scene);
    scene.world.Try(RegisterIt, &scene);
    EXPECT_EQ(
        scene.world.Violated(Checker::kLockOrder, Cause::kLockAddressOrder),
        planted);
  }
}

TEST(V13SkipsAnonTest, UnregisterFreesUnderAReclaim) {
  for (const bool planted : {false, true}) {
    Scene scene(kV13, Planted(planted, Mutant::kMmLockSkipsAnon));
    ASSERT_EQ(scene.RegisterNow(), 0);
    scene.world.Spawn("reclaimer", Scene::Reclaim, &scene);
    scene.world.Spawn("client", Scene::UnregisterAndFree, &scene);
    const Exploration seen = scene.world.Explore(kSchedules);
    EXPECT_EQ(seen.Found(Checker::kNoUseAfterFree), planted) << seen.Text();
  }
}

// --- #v14-test1 as posted ----------------------------------------------------

TEST(V14PostedTest, AllocatesUnderSpinlocks) {
  for (const bool planted : {false, true}) {
    Scene scene(kV14, Planted(planted, Mutant::kMmLockAllocatesInside));
    ASSERT_EQ(scene.RegisterNow(), 0);
    EXPECT_EQ(scene.world.Violated(Checker::kNoSleepInAtomic), planted);
  }
}

// Without a file there is no array of class I, and its pointer is garbage.
TEST(V14PostedTest, UnlocksByAPointerThatNobodySet) {
  for (const bool planted : {false, true}) {
    for (const bool with_file : {false, true}) {
      Scene scene(kV14, Planted(planted, Mutant::kMmUnlockTestsPointer));
      if (!with_file) {
        Call<int>(&scene.world, [&] {
          return mm::do_munmap(scene.mm, kFilePage,
                               kFilePage + 2 * mm::kPageSize);
        });
      }
      scene.world.Try(RegisterIt, &scene);
      EXPECT_EQ(scene.world.Violated(Checker::kNoUseAfterFree,
                                     Cause::kUninitialisedPointer),
                planted && !with_file);
    }
  }
}

// --- SRCU and the pin --------------------------------------------------------

class V14MutantTest : public V13MutantTest {};
INSTANTIATE_TEST_SUITE_P(V13, V14MutantTest,
                         ::testing::Values(&kV14, &kV15, &kV16), TestNameOf);

TEST_P(V14MutantTest, RegistersWithoutAPin) {
  Scene scene(protocol(), WithMutant(Mutant::kRegisterWithoutPin));
  ASSERT_EQ(scene.RegisterNow(), 0);
  scene.world.Do(Scene::Exit, &scene);
  scene.world.Try(UnregisterIt, &scene);
  EXPECT_TRUE(scene.world.Violated(Checker::kNoUseAfterFree));
}

TEST_P(V14MutantTest, WalksAreNotWaitedFor) {
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

TEST_P(V14MutantTest, UnregisterDoesNotRelease) {
  Scene scene(protocol(), WithMutant(Mutant::kUnregisterWithoutRelease));
  ASSERT_EQ(scene.RegisterNow(), 0);
  ASSERT_EQ(scene.EstablishNow(kAnonPage), 0);
  ASSERT_EQ(scene.UnregisterNow(), 0);
  scene.world.Do(Scene::Exit, &scene);
  EXPECT_TRUE(scene.world.Violated(Checker::kNoStaleSecondaryMapping));
}

// P21.
TEST_P(V14MutantTest, ExitDoesNotWait) {
  for (const bool planted : {false, true}) {
    Scene scene(protocol(), Planted(planted, Mutant::kExitWithoutGrace));
    ASSERT_EQ(scene.RegisterNow(), 0);
    ASSERT_EQ(scene.EstablishNow(kAnonPage), 0);
    scene.world.Arm(Point::kUnregisterUnlinked, ActionKind::kYield, kLong);
    scene.world.Spawn("exiter", Scene::Exit, &scene);
    scene.world.Spawn("client", UnregisterIt, &scene);
    const Exploration seen = scene.world.Explore(kSchedules);
    EXPECT_EQ(seen.Found(Checker::kNoStaleSecondaryMapping), planted)
        << seen.Text();
  }
}

}  // namespace
}  // namespace mmfault::notifier
