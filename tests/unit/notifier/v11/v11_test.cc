// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// #v11: registration is atomic against every section, exit is not. Races are
// looked for over seeded schedules; those that must show do so in more than one
// schedule of a hundred, so 2000 miss with a chance below 1e-8.

#include "server/notifier/v11/v11.h"

#include <gtest/gtest.h>

#include "server/kernel/errno.h"
#include "server/mm/fork.h"
#include "tests/unit/notifier/scene.h"

namespace mmfault::notifier {
namespace {

using device::Method;
using faults::ActionKind;
using faults::Point;

constexpr int kSchedules = 2000;

TEST(V11Test, MunmapBracketsAndReclaimAnnouncesThePage) {
  Scene scene(kV11);
  ASSERT_EQ(scene.RegisterNow(), 0);
  ASSERT_EQ(scene.EstablishNow(kAnonPage), 0);
  scene.world.Do(Scene::Reclaim, &scene);
  EXPECT_EQ(scene.Deliveries(Method::kInvalidatePage), 1U);
  EXPECT_EQ(scene.Deliveries(Method::kInvalidateRangeStart), 0U);
  EXPECT_EQ(scene.dev->spte_count, 0U);
  scene.world.Do(Scene::Unmap, &scene);
  EXPECT_EQ(scene.Deliveries(Method::kInvalidateRangeStart), 1U);
  EXPECT_EQ(scene.Deliveries(Method::kInvalidateRangeEnd), 1U);
  EXPECT_EQ(scene.world.Violations(), "");
}

TEST(V11Test, RegistrationTakesEachLockOnceAndGivesItBack) {
  Scene scene(kV11);
  ASSERT_EQ(scene.RegisterNow(), 0);
  EXPECT_EQ(scene.world.Violations(), "");
  EXPECT_TRUE(scene.mm->mmap_sem.free_for_write());
  EXPECT_TRUE(scene.file->i_mmap_lock.free_for_write());
}

// P01 and P03 are absent.
TEST(V11Test, RegisterRacingSectionsIsClean) {
  Scene scene(kV11);
  scene.world.Spawn("truncater", Scene::Truncate, &scene);
  scene.world.Spawn("zapper", Scene::DontNeed, &scene);
  scene.world.Spawn("client", Scene::RegisterAndMapFile, &scene);
  const Exploration seen = scene.world.Explore(kSchedules);
  EXPECT_TRUE(seen.Clean()) << seen.Text();
}

// P12: a truncate walks the list while exit takes it apart and the driver frees
// its notifier, as release is the last it will hear.
TEST(V11Test, TruncateRacingExitUsesAFreedNotifier) {
  Behaviour behaviour;
  behaviour.frees_in_release = true;
  Scene scene(kV11, {}, behaviour);
  ASSERT_EQ(scene.RegisterNow(), 0);
  ASSERT_EQ(scene.EstablishNow(kFilePage), 0);
  scene.world.Spawn("exiter", Scene::Exit, &scene);
  scene.world.Spawn("truncater", Scene::Truncate, &scene);
  const Exploration seen = scene.world.Explore(kSchedules);
  EXPECT_TRUE(seen.Found(Checker::kNoUseAfterFree, Cause::kFreedNotifierUsed))
      << seen.Text();
}

// P13: a truncate that comes between the unlink and the release frees a page
// that the device still maps.
TEST(V11Test, TruncateRacingExitFreesAMappedPage) {
  Scene scene(kV11);
  ASSERT_EQ(scene.RegisterNow(), 0);
  ASSERT_EQ(scene.EstablishNow(kFilePage), 0);
  scene.world.Spawn("exiter", Scene::Exit, &scene);
  scene.world.Spawn("truncater", Scene::Truncate, &scene);
  const Exploration seen = scene.world.Explore(kSchedules);
  EXPECT_TRUE(seen.Found(Checker::kNoStaleSecondaryMapping)) << seen.Text();
}

TEST(V11Test, ExitAloneReleasesOnce) {
  Scene scene(kV11);
  ASSERT_EQ(scene.RegisterNow(), 0);
  ASSERT_EQ(scene.EstablishNow(kAnonPage), 0);
  scene.world.Do(Scene::Exit, &scene);
  EXPECT_EQ(scene.Deliveries(Method::kRelease), 1U);
  EXPECT_TRUE(scene.mm->object.freed());
  EXPECT_EQ(scene.world.Violations(), "");
}

struct TwoFiles {
  Scene* scene;
  mm::address_space* second;
  mm::mm_struct* other;
  device::device* other_dev;

  // {file, second} in one mm, {second, file} in the other.
  static Task<> Map(void* arg) {
    auto* self = static_cast<TwoFiles*>(arg);
    const uint64_t at = kFilePage + 4 * mm::kPageSize;
    co_await mm::do_mmap(self->scene->mm, at, at + mm::kPageSize,
                         mm::VM_READ | mm::VM_SHARED, self->second, 0);
    co_await mm::do_mmap(self->other, at, at + mm::kPageSize,
                         mm::VM_READ | mm::VM_SHARED, self->scene->file, 0);
    co_await mm::do_mmap(self->other, kFilePage, kFilePage + mm::kPageSize,
                         mm::VM_READ | mm::VM_SHARED, self->second, 0);
  }
  static Task<> RegisterOther(void* arg) {
    auto* self = static_cast<TwoFiles*>(arg);
    co_await Register(kV11, &self->other_dev->mn, self->other);
  }
};

// P35 is absent, whatever the order of the VMAs and of the addresses.
TEST(V11Test, AscendingAddressesKeepTwoRegistrationsFromDeadlock) {
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    sched::WorldOptions options;
    options.seed = seed;
    options.kaddr_order = sched::KaddrOrder::kShuffled;
    Scene scene(kV11, options);
    TwoFiles two{&scene, mm::NewFile(1, 1), scene.world.NewMm(),
                 device::NewDevice({}, false)};
    scene.world.Do(TwoFiles::Map, &two);
    scene.world.Spawn("first", Scene::RegisterAndMapFile, &scene);
    scene.world.Spawn("second", TwoFiles::RegisterOther, &two);
    const Exploration seen = scene.world.Explore(kSchedules / 4);
    EXPECT_TRUE(seen.Clean()) << seen.Text();
  }
}

// P44: copy_page_range() of the patch returns from the middle.
TEST(V11Test, FailedForkLeavesAStartWithoutItsEnd) {
  Scene scene(kV11);
  ASSERT_EQ(scene.RegisterNow(), 0);
  mm::mm_struct* child = scene.world.NewMm();
  // The last VMA is an anonymous one: those of the file have nothing to copy.
  scene.world.Arm(Point::kKmalloc, ActionKind::kError, ENOMEM,
                  scene.mm->map_count);
  const int rc =
      Call<int>(&scene.world, [&] { return mm::dup_mmap(child, scene.mm); });
  EXPECT_EQ(rc, -ENOMEM);
  EXPECT_EQ(scene.dev->mn.open_total, 1U);
}

}  // namespace
}  // namespace mmfault::notifier
