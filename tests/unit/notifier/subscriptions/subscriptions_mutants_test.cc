// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Rules of registration and unregistration, left out one at a time. The twins
// are in subscriptions_test.cc, but for hugetlb's, which is here. Schedules
// have fewer than 400 steps and windows of more than two: 3000 of them miss a
// race that exists with a chance below 1e-5.

#include <gtest/gtest.h>

#include "server/kernel/mutant.h"
#include "server/mm/fork.h"
#include "server/mm/hugetlb.h"
#include "server/notifier/subscriptions/subscriptions.h"
#include "tests/unit/notifier/scene.h"

namespace mmfault::notifier {
namespace {

using kernel::Mutant;

constexpr int kSchedules = 3000;
constexpr uint64_t kHugePage = uint64_t{1} << 30;

sched::WorldOptions With(Mutant mutant) {
  sched::WorldOptions options;
  options.mutants.set(static_cast<size_t>(mutant));
  return options;
}

// P14.
TEST(SubscriptionsMutantTest, UnregisterWithoutAGracePeriodIsCalledAfterwards) {
  Scene scene(kV6_1, With(Mutant::kNoGraceInUnregister));
  ASSERT_EQ(scene.RegisterNow(), 0);
  scene.world.Spawn("zapper", Scene::DontNeed, &scene);
  scene.world.Spawn("owner", Scene::UnregisterAndFree, &scene);
  const Exploration seen = scene.world.Explore(kSchedules);
  EXPECT_TRUE(seen.Found(Checker::kNoUseAfterFree)) << seen.Text();
}

// P16, P25: the pin that unregister drops was never taken.
TEST(SubscriptionsMutantTest, RegisterWithoutAPinLosesTheMm) {
  Scene scene(kV6_1, With(Mutant::kRegisterWithoutGrab));
  ASSERT_EQ(scene.RegisterNow(), 0);
  scene.world.Try(Scene::UnregisterAndFree, &scene);
  scene.world.Try(Scene::Exit, &scene);
  EXPECT_TRUE(scene.world.Violated(Checker::kCountsSane) ||
              scene.world.Violated(Checker::kNoUseAfterFree));
}

struct HugeScene : Scene {
  explicit HugeScene(const sched::WorldOptions& options)
      : Scene(kV6_1, options),
        huge(mm::NewFile(512, 1024, mm::FileKind::kHugetlb)) {
    world.Do(MapHuge, this);
  }
  static Task<> MapHuge(void* arg) {
    auto* scene = static_cast<HugeScene*>(arg);
    co_await mm::do_mmap(scene->mm, kHugePage, kHugePage + 512 * mm::kPageSize,
                         mm::VM_READ | mm::VM_WRITE | mm::VM_SHARED,
                         scene->huge, 0);
    co_await mm::access_page(scene->mm, kHugePage, true);
  }
  static Task<> TruncateHuge(void* arg) {
    co_await mm::do_truncate(static_cast<HugeScene*>(arg)->huge, 0);
  }
  static Task<> RegisterAndMapHuge(void* arg) {
    auto* scene = static_cast<HugeScene*>(arg);
    co_await Register(*scene->protocol(), &scene->dev->mn, scene->mm);
    co_await device::establish(scene->dev, scene->mm, kHugePage, false);
  }
  // A registration is long and a section short, so the section is stretched.
  Exploration Race() {
    world.Arm(faults::Point::kZapAfterStart, faults::ActionKind::kYield, 300);
    world.Spawn("truncater", TruncateHuge, this);
    world.Spawn("client", RegisterAndMapHuge, this);
    return world.Explore(kSchedules);
  }

  mm::address_space* huge;
};

// P04.
TEST(SubscriptionsMutantTest, HugetlbMappingsAreLockedToo) {
  HugeScene sound({});
  const Exploration clean = sound.Race();
  EXPECT_TRUE(clean.Clean()) << clean.Text();
  HugeScene mutated(With(Mutant::kAllLocksSkipsHugetlb));
  const Exploration seen = mutated.Race();
  EXPECT_TRUE(seen.Found(Checker::kNoStaleSecondaryMapping) ||
              seen.Found(Checker::kStartEndPaired))
      << seen.Text();
}

}  // namespace
}  // namespace mmfault::notifier
