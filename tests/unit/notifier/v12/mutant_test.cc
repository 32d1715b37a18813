// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Planted mistakes of the v12 family, each found where the same test without it
// is clean (the other files of this folder).

#include "tests/unit/notifier/v12/scene.h"

namespace mmfault::notifier::v12_test {
namespace {

using faults::ActionKind;
using faults::Point;
using kernel::Mutant;

class V12MutantTest : public ::testing::TestWithParam<const Protocol*> {
 protected:
  bool Applies(Mutant mutant) const {
    return kernel::AppliesTo(kernel::Mutants()[static_cast<size_t>(mutant)],
                             GetParam()->id, GetParam()->family);
  }
};
INSTANTIATE_TEST_SUITE_P(Family, V12MutantTest, MMFAULT_V12_FAMILY, NameOf);

// An error after the second lock, where this protocol can have one.
TEST_P(V12MutantTest, RollbackIsWrong) {
  struct Expected {
    Mutant mutant;
    Checker checker;
  };
  for (const auto& [mutant, checker] :
       {Expected{Mutant::kRollbackForgetsLocks, Checker::kLocksBalanced},
        Expected{Mutant::kRollbackUnlocksAll, Checker::kLocksBalanced}}) {
    if (!Applies(mutant)) {
      continue;
    }
    for (const bool planted : {false, true}) {
      Scene scene(*GetParam(),
                  planted ? WithMutant(mutant) : sched::WorldOptions());
      scene.AddMixedVmas();
      scene.world.Arm(Point::kMmLockLock, ActionKind::kSignal, kSigTerm, 2);
      EXPECT_EQ(scene.RegisterNow(), -EINTR);
      EXPECT_EQ(scene.world.Violated(checker), planted);
    }
  }
}

TEST_P(V12MutantTest, BitsAreLeft) {
  if (!Applies(Mutant::kUnlockForgetsBit)) {
    GTEST_SKIP();
  }
  Scene scene(*GetParam(), WithMutant(Mutant::kUnlockForgetsBit));
  scene.AddMixedVmas();
  EXPECT_EQ(scene.RegisterNow(), 0);
  EXPECT_TRUE(scene.world.Violated(Checker::kLockFlagsClear));
}

TEST_P(V12MutantTest, NobodyLooksForSignals) {
  if (!Applies(Mutant::kMmLockIgnoresSignals)) {
    GTEST_SKIP();
  }
  Scene scene(*GetParam(), WithMutant(Mutant::kMmLockIgnoresSignals));
  scene.AddMixedVmas();
  EXPECT_EQ(scene.RegisterNow(), 0);
  EXPECT_TRUE(scene.world.Violated(Checker::kSignalLatency));
}

TEST_P(V12MutantTest, ErrorsLeak) {
  if (!Applies(Mutant::kErrorLeaksCookie)) {
    GTEST_SKIP();
  }
  Scene scene(*GetParam(), WithMutant(Mutant::kErrorLeaksCookie));
  scene.AddMixedVmas();
  // Of #v12's a signal once the arrays are there.
  if (GetParam() == &kV12) {
    scene.world.Arm(Point::kMmLockStep, ActionKind::kSignal, kSigTerm,
                    2 * Scene::kMixedVmas);
  } else {
    scene.world.Arm(Point::kVmalloc, ActionKind::kError, ENOMEM, 2);
  }
  EXPECT_LT(scene.RegisterNow(), 0);
  EXPECT_TRUE(scene.world.Violated(Checker::kNoAllocationLeak));
}

// --- Classes left out --------------------------------------------------------

constexpr uint64_t kStart = 0x10000;
constexpr uint64_t kEnd = kStart + mm::kPageSize;

Task<> TruncateTask(void* arg) {
  co_await mm::do_truncate(static_cast<Scene*>(arg)->file, 0);
}
Task<> ReclaimTask(void* arg) {
  co_await mm::reclaim_page(static_cast<Scene*>(arg)->mm, kStart);
}
Task<> RegisterAndMap(void* arg) {
  auto* scene = static_cast<Scene*>(arg);
  co_await Register(*scene->protocol, scene->mn, scene->mm);
  co_await device::establish(scene->dev, scene->mm, kStart, true);
}
Task<> UnregisterAndFree(void* arg) {
  auto* scene = static_cast<Scene*>(arg);
  co_await Unregister(*scene->protocol, scene->mn, scene->mm);
  FreeNotifier(scene->mn);
}

void MapAndTouch(Scene* scene, mm::address_space* file) {
  Call<int>(&scene->world, [=] {
    return mm::do_mmap(
        scene->mm, kStart, kEnd,
        mm::VM_READ | mm::VM_WRITE | (file == nullptr ? 0 : mm::VM_SHARED),
        file, 0);
  });
  Call<int>(&scene->world,
            [=] { return mm::access_page(scene->mm, kStart, true); });
}

TEST_P(V12MutantTest, RegistrationWithoutTheMappingsMissesATruncate) {
  for (const Mutant mutant :
       {Mutant::kMmLockMmapOnly, Mutant::kMmLockSkipsMappings}) {
    Scene scene(*GetParam(), WithMutant(mutant));
    MapAndTouch(&scene, scene.file);
    scene.world.Spawn("truncater", TruncateTask, &scene);
    scene.world.Spawn("client", RegisterAndMap, &scene);
    const Exploration seen = scene.world.Explore(2000);
    EXPECT_TRUE(seen.Found(Checker::kStartEndPaired)) << seen.Text();
  }
}

TEST_P(V12MutantTest, UnregisterWithoutTheAnonVmasFreesUnderAReclaim) {
  for (const bool planted : {false, true}) {
    Scene scene(*GetParam(), planted ? WithMutant(Mutant::kMmLockSkipsAnon)
                                     : sched::WorldOptions());
    MapAndTouch(&scene, nullptr);
    ASSERT_EQ(scene.RegisterNow(), 0);
    scene.world.Spawn("reclaimer", ReclaimTask, &scene);
    scene.world.Spawn("client", UnregisterAndFree, &scene);
    const Exploration seen = scene.world.Explore(2000);
    EXPECT_EQ(seen.Found(Checker::kNoUseAfterFree), planted) << seen.Text();
  }
}

// P05: an anonymous VMA gets its anon_vma while mm_lock() is inside; the rescan
// of mm_unlock() finds a lock that nobody took.
Task<> TouchTask(void* arg) {
  co_await mm::access_page(static_cast<Scene*>(arg)->mm, kStart, true);
}

TEST_P(V12MutantTest, MmapSemForRead) {
  if (!Applies(Mutant::kMmLockReadsMmapSem)) {
    GTEST_SKIP();
  }
  for (const bool planted : {false, true}) {
    Scene scene(*GetParam(), planted ? WithMutant(Mutant::kMmLockReadsMmapSem)
                                     : sched::WorldOptions());
    Call<int>(&scene.world, [&] {
      return mm::do_mmap(scene.mm, kStart, kEnd, mm::VM_READ | mm::VM_WRITE,
                         nullptr, 0);
    });
    scene.world.Spawn("toucher", TouchTask, &scene);
    scene.world.Spawn("client", RegisterTask, &scene);
    const Exploration seen = scene.world.Explore(2000);
    EXPECT_EQ(seen.Found(Checker::kLocksBalanced), planted) << seen.Text();
  }
}

}  // namespace
}  // namespace mmfault::notifier::v12_test
