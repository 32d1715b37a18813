// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Every rmap lock once, in an order that two mm_locks agree on: P33, P34, P35.

#include "tests/unit/notifier/v12/scene.h"

namespace mmfault::notifier::v12_test {
namespace {

class V12LockOrderTest : public ::testing::TestWithParam<const Protocol*> {
 protected:
  static sched::WorldOptions Shuffled(sched::LockKind kind, uint64_t seed) {
    sched::WorldOptions options;
    options.rmap_lock = kind;
    options.kaddr_order = sched::KaddrOrder::kShuffled;
    options.seed = seed;
    return options;
  }
};

// P34: two VMAs of one file, two that share an anon_vma.
TEST_P(V12LockOrderTest, SharedLocksAreTakenOnce) {
  for (const auto kind : {sched::LockKind::kSpin, sched::LockKind::kMutex}) {
    for (uint64_t seed = 1; seed <= 20; ++seed) {
      Scene scene(*GetParam(), Shuffled(kind, seed));
      scene.AddMixedVmas();
      EXPECT_EQ(scene.RegisterNow(), 0);
      EXPECT_EQ(scene.locks_taken, Scene::kMixedFiles + Scene::kMixedAnons);
      EXPECT_TRUE(scene.NothingHeld());
      EXPECT_EQ(scene.world.Violations(), "");
    }
  }
}

// P33: given up after each number of locks, with other locks held by nobody.
// The ledger reports a lock released that was not held.
TEST_P(V12LockOrderTest, PartialSetsAreUndoneExactly) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    Scene scene(*GetParam(), Shuffled(sched::LockKind::kSpin, seed));
    scene.AddMixedVmas();
    for (uint64_t step = 1; step <= 60; ++step) {
      scene.world.Arm(faults::Point::kMmLockStep, faults::ActionKind::kSignal,
                      kSigTerm, step);
      const int rc = scene.RegisterNow();
      scene.world->faults().DisarmAll();
      ASSERT_TRUE(scene.NothingHeld());
      if (rc == 0) {
        ASSERT_EQ(scene.UnregisterNow(), 0);
      }
    }
    EXPECT_EQ(scene.world.Violations(), "");
  }
}

// P35: two mms map two files each, in opposite order.
struct CrossedMms {
  Scene* scene;
  mm::mm_struct* second;
  mmu_notifier* second_mn;
};

sched::Task<> RegisterSecond(void* arg) {
  auto* crossed = static_cast<CrossedMms*>(arg);
  co_await Register(*crossed->scene->protocol, crossed->second_mn,
                    crossed->second);
  co_await Unregister(*crossed->scene->protocol, crossed->second_mn,
                      crossed->second);
}

TEST_P(V12LockOrderTest, CrossedMappingsDoNotDeadlock) {
  for (const auto kind : {sched::LockKind::kSpin, sched::LockKind::kMutex}) {
    for (uint64_t seed = 1; seed <= 8; ++seed) {
      Scene scene(*GetParam(), Shuffled(kind, seed));
      CrossedMms crossed{&scene, scene.world.NewMm(),
                         &device::NewDevice({}, false)->mn};
      scene.AddFileVma(scene.mm, scene.file);
      scene.AddFileVma(scene.mm, scene.other_file);
      scene.AddFileVma(crossed.second, scene.other_file);
      scene.AddFileVma(crossed.second, scene.file);
      scene.world.Spawn("first", RegisterTask, &scene);
      scene.world.Spawn("second", RegisterSecond, &crossed);
      const Exploration seen = scene.world.Explore(200);
      EXPECT_TRUE(seen.Clean()) << seen.Text();
    }
  }
}

// Control: the checkers do see what these designs avoid.
sched::Task<> LockForth(void* arg) {
  auto* scene = static_cast<Scene*>(arg);
  co_await kernel::lock(&scene->file->i_mmap_lock, "forth");
  co_await kernel::lock(&scene->other_file->i_mmap_lock, "forth");
  co_await kernel::unlock(&scene->other_file->i_mmap_lock, "forth");
  co_await kernel::unlock(&scene->file->i_mmap_lock, "forth");
}
sched::Task<> LockBack(void* arg) {
  auto* scene = static_cast<Scene*>(arg);
  co_await kernel::lock(&scene->other_file->i_mmap_lock, "back");
  co_await kernel::lock(&scene->file->i_mmap_lock, "back");
  co_await kernel::unlock(&scene->file->i_mmap_lock, "back");
  co_await kernel::unlock(&scene->other_file->i_mmap_lock, "back");
}

TEST(V12LockOrderControlTest, UnsortedLockingDeadlocks) {
  Scene scene(kV12);
  scene.world.Spawn("forth", LockForth, &scene);
  scene.world.Spawn("back", LockBack, &scene);
  const Exploration seen = scene.world.Explore(200);
  EXPECT_TRUE(seen.Found(Checker::kNoDeadlock)) << seen.Text();
  EXPECT_TRUE(seen.Found(Checker::kLockOrder, Cause::kLockAddressOrder));
}

INSTANTIATE_TEST_SUITE_P(Family, V12LockOrderTest, MMFAULT_V12_FAMILY, NameOf);

}  // namespace
}  // namespace mmfault::notifier::v12_test
