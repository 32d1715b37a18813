// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Registration and exit against walks that come through a file's reverse map.
// All rmap locks make registration atomic (P01, P03 hold); nothing protects the
// list at exit (P12, P13 do not).

#include "tests/unit/notifier/v12/scene.h"

namespace mmfault::notifier::v12_test {
namespace {

constexpr uint64_t kStart = 0x10000;
constexpr uint64_t kEnd = kStart + 4 * mm::kPageSize;

class V12RaceTest : public ::testing::TestWithParam<const Protocol*> {
 protected:
  static void MapFile(Scene* scene) {
    const int rc = Call<int>(&scene->world, [scene] {
      return mm::do_mmap(scene->mm, kStart, kEnd,
                         mm::VM_READ | mm::VM_WRITE | mm::VM_SHARED,
                         scene->file, 0);
    });
    ASSERT_EQ(rc, 0);
  }
  static void MapInDevice(Scene* scene) {
    const int rc = Call<int>(&scene->world, [scene] {
      return device::establish(scene->dev, scene->mm, kStart, true);
    });
    ASSERT_EQ(rc, 0);
  }
};

sched::Task<> TruncateTask(void* arg) {
  co_await mm::do_truncate(static_cast<Scene*>(arg)->file, 0);
}

sched::Task<> MunmapTask(void* arg) {
  co_await mm::do_munmap(static_cast<Scene*>(arg)->mm, kStart, kEnd);
}

sched::Task<> RegisterAndMap(void* arg) {
  auto* scene = static_cast<Scene*>(arg);
  const int rc = co_await Register(*scene->protocol, scene->mn, scene->mm);
  if (rc == 0) {
    co_await device::establish(scene->dev, scene->mm, kStart, true);
  }
}

// P03 and P02: a range that holds only the i_mmap lock.
TEST_P(V12RaceTest, RegisterDoesNotMissATruncate) {
  Scene scene(*GetParam());
  MapFile(&scene);
  Call<int>(&scene.world,
            [&] { return mm::access_page(scene.mm, kStart, true); });
  scene.world.Spawn("truncater", TruncateTask, &scene);
  scene.world.Spawn("client", RegisterAndMap, &scene);
  const Exploration seen = scene.world.Explore(1000);
  EXPECT_TRUE(seen.Clean()) << seen.Text();
}

// P01: a range that holds mmap_sem.
TEST_P(V12RaceTest, RegisterDoesNotMissAMunmap) {
  Scene scene(*GetParam());
  MapFile(&scene);
  Call<int>(&scene.world,
            [&] { return mm::access_page(scene.mm, kStart, true); });
  scene.world.Spawn("unmapper", MunmapTask, &scene);
  scene.world.Spawn("client", RegisterAndMap, &scene);
  const Exploration seen = scene.world.Explore(1000);
  EXPECT_TRUE(seen.Clean()) << seen.Text();
}

TEST_P(V12RaceTest, UnregisterDoesNotRaceATruncate) {
  Scene scene(*GetParam());
  MapFile(&scene);
  ASSERT_EQ(scene.RegisterNow(), 0);
  scene.world.Spawn("truncater", TruncateTask, &scene);
  scene.world.Spawn("client", UnregisterTask, &scene);
  const Exploration seen = scene.world.Explore(1000);
  EXPECT_TRUE(seen.Clean()) << seen.Text();
}

// P12: exit unlinks and the driver frees, while a truncate walks the list.
TEST_P(V12RaceTest, ReleaseFreesUnderATruncatesWalk) {
  device::Behaviour frees;
  frees.frees_in_release = true;
  Scene scene(*GetParam(), {}, frees);
  MapFile(&scene);
  ASSERT_EQ(scene.RegisterNow(), 0);
  scene.world.Spawn("truncater", TruncateTask, &scene);
  scene.world.Spawn("exiter", MmputTask, &scene);
  const Exploration seen = scene.world.Explore(2000);
  EXPECT_TRUE(seen.Found(Checker::kNoUseAfterFree, Cause::kFreedNotifierUsed))
      << seen.Text();
}

// P13: off the list and not yet released, the notifier hears of nothing.
TEST_P(V12RaceTest, TruncateBetweenUnlinkAndReleaseFreesAMappedPage) {
  Scene scene(*GetParam());
  MapFile(&scene);
  ASSERT_EQ(scene.RegisterNow(), 0);
  MapInDevice(&scene);
  scene.world.Spawn("truncater", TruncateTask, &scene);
  scene.world.Spawn("exiter", MmputTask, &scene);
  const Exploration seen = scene.world.Explore(3000);
  EXPECT_TRUE(seen.Found(Checker::kNoStaleSecondaryMapping)) << seen.Text();
}

// Rmap locks that are spinlocks forbid a callback to sleep; mutexes allow it.
TEST_P(V12RaceTest, SleepingCallbackNeedsMutexes) {
  for (const auto kind : {sched::LockKind::kSpin, sched::LockKind::kMutex}) {
    sched::WorldOptions options;
    options.rmap_lock = kind;
    device::Behaviour sleeps;
    sleeps.sleeps = true;
    Scene scene(*GetParam(), options, sleeps);
    MapFile(&scene);
    ASSERT_EQ(scene.RegisterNow(), 0);
    scene.world.Do(TruncateTask, &scene);
    EXPECT_EQ(scene.world.Violated(Checker::kNoSleepInAtomic),
              kind == sched::LockKind::kSpin);
  }
}

INSTANTIATE_TEST_SUITE_P(Family, V12RaceTest, MMFAULT_V12_FAMILY, NameOf);

}  // namespace
}  // namespace mmfault::notifier::v12_test
