// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// seed_threshold: who may register on an mm of many VMAs, and what the other
// designs think of it.

#include "tests/unit/notifier/v12/scene.h"

namespace mmfault::notifier::v12_test {
namespace {

using faults::ActionKind;
using faults::Point;

sched::WorldOptions Options(bool capable, uint64_t threshold) {
  sched::WorldOptions options;
  options.capable = capable;
  options.vma_threshold = threshold;
  return options;
}

TEST(SeedThresholdTest, RefusesBeyondTheThresholdWithoutTheCapability) {
  Scene scene(kSeedThreshold, Options(false, Scene::kMixedVmas - 1));
  scene.AddMixedVmas();
  EXPECT_EQ(scene.RegisterNow(), -EPERM);
  EXPECT_EQ(scene.locks_taken, 0U);
  EXPECT_FALSE(scene.Linked());
  EXPECT_TRUE(scene.NothingHeld());
  EXPECT_EQ(scene.world.Violations(), "");
}

TEST(SeedThresholdTest, AllowsUpToTheThreshold) {
  Scene scene(kSeedThreshold, Options(false, Scene::kMixedVmas));
  scene.AddMixedVmas();
  EXPECT_EQ(scene.RegisterNow(), 0);
}

TEST(SeedThresholdTest, AllowsBeyondWithTheCapability) {
  Scene scene(kSeedThreshold, Options(true, Scene::kMixedVmas - 1));
  scene.AddMixedVmas();
  EXPECT_EQ(scene.RegisterNow(), 0);
  EXPECT_EQ(scene.UnregisterNow(), 0);
  EXPECT_EQ(scene.world.Violations(), "");
}

// Who could register may find that it cannot unregister.
TEST(SeedThresholdTest, CapabilityLostInBetweenKeepsItRegistered) {
  Scene scene(kSeedThreshold, Options(true, Scene::kMixedVmas - 1));
  scene.AddMixedVmas();
  ASSERT_EQ(scene.RegisterNow(), 0);
  scene.world.Arm(Point::kUnregisterEnter, ActionKind::kDropCapability);
  EXPECT_EQ(scene.UnregisterNow(), -EPERM);
  EXPECT_TRUE(scene.Linked());
  EXPECT_TRUE(scene.NothingHeld());
  EXPECT_EQ(scene.world.Violations(), "");
}

// The same where the mm grew in between.
TEST(SeedThresholdTest, MmGrownInBetweenKeepsItRegistered) {
  Scene scene(kSeedThreshold, Options(false, Scene::kMixedVmas));
  scene.AddMixedVmas();
  ASSERT_EQ(scene.RegisterNow(), 0);
  scene.AddAnonVma(scene.mm);
  EXPECT_EQ(scene.UnregisterNow(), -EPERM);
  EXPECT_TRUE(scene.Linked());
}

TEST(SeedThresholdTest, InjectedRefusalIsTheSame) {
  Scene scene(kSeedThreshold, Options(true, Scene::kMixedVmas - 1));
  scene.AddMixedVmas();
  scene.world.Arm(Point::kCapable, ActionKind::kError, EPERM);
  EXPECT_EQ(scene.RegisterNow(), -EPERM);
  EXPECT_TRUE(scene.NothingHeld());
}

// The count is read under mmap_sem: a mmap that races comes wholly before the
// test or after the registration, so the mm is never locked beyond the
// threshold. Two tasks of about 30 and 20 steps; 300 uniform runs miss one of
// the two orders with less than 2^-100.
sched::Task<> MapOneMore(void* arg) {
  auto* scene = static_cast<Scene*>(arg);
  co_await mm::do_mmap(scene->mm, 0x1000, 0x2000, mm::VM_READ, nullptr, 0);
}

TEST(SeedThresholdTest, CountIsReadUnderMmapSem) {
  Scene scene(kSeedThreshold, Options(false, 2));
  scene.AddFileVma(scene.mm, scene.file);
  scene.AddFileVma(scene.mm, scene.file);
  scene.world.Spawn("mapper", MapOneMore, &scene);
  scene.world.Spawn("client", RegisterTask, &scene);
  int refused = 0;
  const Exploration seen =
      scene.world.Explore(300, [&] { refused += scene.rc == -EPERM ? 1 : 0; });
  EXPECT_TRUE(seen.Clean()) << seen.Text();
  EXPECT_GT(refused, 0);
  EXPECT_LT(refused, 300);
}

class V12CapabilityTest : public ::testing::TestWithParam<const Protocol*> {};

TEST_P(V12CapabilityTest, OtherDesignsDoNotAsk) {
  Scene scene(*GetParam(), Options(false, 1));
  scene.AddMixedVmas();
  EXPECT_EQ(scene.RegisterNow(), 0);
}

INSTANTIATE_TEST_SUITE_P(Family, V12CapabilityTest,
                         ::testing::Values(&kV12, &kSeedFlags, &kSeedBitmaps),
                         NameOf);

}  // namespace
}  // namespace mmfault::notifier::v12_test
