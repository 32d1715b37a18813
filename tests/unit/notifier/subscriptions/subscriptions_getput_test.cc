// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Shared subscriptions: counted, freed after a grace period by a worker, in
// order, and not before; both ways. Schedules have fewer than 300 steps and
// windows of more than two; see subscriptions_interval_test.cc.

#include <gtest/gtest.h>

#include "server/kernel/errno.h"
#include "server/kernel/mutant.h"
#include "server/mm/fork.h"
#include "server/notifier/subscriptions/subscriptions.h"
#include "tests/unit/notifier/scene.h"

namespace mmfault::notifier {
namespace {

using device::Method;
using kernel::Mutant;

constexpr int kSchedules = 3000;

sched::WorldOptions With(Mutant mutant) {
  sched::WorldOptions options;
  options.mutants.set(static_cast<size_t>(mutant));
  return options;
}

struct SharedScene : Scene {
  explicit SharedScene(const Protocol& protocol = kV6_1,
                       const sched::WorldOptions& options = {},
                       const Behaviour& behaviour = {})
      : Scene(protocol, options),
        shared(device::NewDevice(behaviour, false, Kind::kGetPut)) {}

  int GetNow() {
    return Call<int>(&world, [this] {
      return Get(*protocol(), &shared->ops, mm, shared->behaviour.alloc_rc,
                 &got);
    });
  }
  void PutNow() {
    Call(&world, [this] { return Put(*protocol(), &shared->mn); });
  }
  uint32_t Count(Method method) const {
    return shared->deliveries[static_cast<size_t>(method)];
  }

  // As a driver does with its last user.
  static Task<> StopAndPut(void* arg) {
    auto* scene = static_cast<SharedScene*>(arg);
    co_await device::device_stop(scene->shared);
    co_await Put(*scene->protocol(), &scene->shared->mn);
  }
  static Task<> PutSynchronizeUnload(void* arg) {
    auto* scene = static_cast<SharedScene*>(arg);
    co_await StopAndPut(arg);
    co_await scene->protocol()->mmu_notifier_synchronize();
    scene->shared->mn.unloaded = true;
  }
  static Task<> PutUnload(void* arg) {
    auto* scene = static_cast<SharedScene*>(arg);
    co_await StopAndPut(arg);
    scene->shared->mn.unloaded = true;
  }
  static Task<> PutOnce(void* arg) {
    auto* scene = static_cast<SharedScene*>(arg);
    co_await Put(*scene->protocol(), &scene->shared->mn);
  }

  device::device* shared;
  mmu_notifier* got = nullptr;
};

class GetPutTest : public ::testing::TestWithParam<const Protocol*> {};
INSTANTIATE_TEST_SUITE_P(Versions, GetPutTest,
                         ::testing::Values(&kV6_1, &kV6_12, &kV7_3));

TEST_P(GetPutTest, SecondGetCountsAndTheLastPutFrees) {
  SharedScene scene(*GetParam());
  ASSERT_EQ(scene.GetNow(), 0);
  EXPECT_EQ(scene.got, &scene.shared->mn);
  ASSERT_EQ(scene.GetNow(), 0);
  EXPECT_EQ(scene.shared->mn.users, 2U);
  EXPECT_EQ(scene.Count(Method::kAllocNotifier), 1U);
  EXPECT_EQ(scene.mm->mm_count.counter, 2);
  scene.PutNow();
  EXPECT_FALSE(scene.shared->mn.object.freed());
  scene.world.Do(SharedScene::StopAndPut, &scene);
  EXPECT_TRUE(scene.shared->mn.object.freed());
  EXPECT_EQ(scene.Count(Method::kFreeNotifier), 1U);
  EXPECT_EQ(scene.Count(Method::kRelease), 0U);
  EXPECT_EQ(scene.mm->mm_count.counter, 1);
  EXPECT_EQ(scene.world.Violations(), "");
}

TEST_P(GetPutTest, GetAfterTheFreeBeginsANewLife) {
  SharedScene scene(*GetParam());
  ASSERT_EQ(scene.GetNow(), 0);
  const uint32_t number = scene.shared->mn.object.id;
  scene.world.Do(SharedScene::StopAndPut, &scene);
  ASSERT_EQ(scene.GetNow(), 0);
  EXPECT_NE(scene.shared->mn.object.id, number);
  scene.world.Do(SharedScene::StopAndPut, &scene);
  EXPECT_EQ(scene.Count(Method::kFreeNotifier), 2U);
  EXPECT_EQ(scene.world.Violations(), "");
}

TEST_P(GetPutTest, ErrorsLeaveNothing) {
  Behaviour behaviour;
  behaviour.alloc_rc = -ENODEV;
  SharedScene scene(*GetParam(), {}, behaviour);
  EXPECT_EQ(scene.GetNow(), -ENODEV);
  scene.shared = device::NewDevice({}, false, Kind::kGetPut);
  scene.world.Arm(faults::Point::kMmLockStep, faults::ActionKind::kSignal,
                  kSigUsr1);
  EXPECT_EQ(scene.GetNow(), -EINTR);
  EXPECT_EQ(scene.Count(Method::kFreeNotifier), 1U);  // at once
  EXPECT_EQ(scene.mm->mm_count.counter, 1);
  EXPECT_EQ(scene.world.Violations(), "");
}

TEST_P(GetPutTest, UsersDoNotOverflow) {
  SharedScene scene(*GetParam());
  ASSERT_EQ(scene.GetNow(), 0);
  scene.shared->mn.users = UINT32_MAX;
  EXPECT_EQ(scene.GetNow(), -EOVERFLOW);
  EXPECT_EQ(scene.shared->mn.users, UINT32_MAX);
  EXPECT_EQ(scene.world.Violations(), "");
}

// P26.
TEST_P(GetPutTest, OnePutTooManyIsReported) {
  SharedScene scene(*GetParam());
  ASSERT_EQ(scene.GetNow(), 0);
  scene.shared->mn.users = 0;
  scene.PutNow();
  EXPECT_TRUE(
      scene.world.Violated(Checker::kCountsSane, Cause::kRefcountBelowZero));
}

TEST_P(GetPutTest, ExitReleasesAndAPutAfterwardsFrees) {
  SharedScene scene(*GetParam());
  ASSERT_EQ(scene.GetNow(), 0);
  scene.world.Do(Scene::Exit, &scene);
  EXPECT_EQ(scene.Count(Method::kRelease), 1U);
  scene.world.Do(SharedScene::StopAndPut, &scene);
  EXPECT_TRUE(scene.mm->object.freed());
  EXPECT_EQ(scene.world.Violations(), "");
}

TEST_P(GetPutTest, PutRacingWalksAndExitIsClean) {
  SharedScene scene(*GetParam());
  ASSERT_EQ(scene.GetNow(), 0);
  scene.world.Spawn("truncater", Scene::Truncate, &scene);
  scene.world.Spawn("exiter", Scene::Exit, &scene);
  scene.world.Spawn("client", SharedScene::PutSynchronizeUnload, &scene);
  const Exploration seen = scene.world.Explore(kSchedules);
  EXPECT_TRUE(seen.Clean()) << seen.Text();
}

// P14.
TEST(GetPutMutantTest, FreeWithoutAGracePeriodIsUsedAfterwards) {
  SharedScene scene(kV6_1, With(Mutant::kPutFreesAtOnce));
  ASSERT_EQ(scene.GetNow(), 0);
  scene.world.Spawn("zapper", Scene::DontNeed, &scene);
  scene.world.Spawn("client", SharedScene::StopAndPut, &scene);
  const Exploration seen = scene.world.Explore(kSchedules);
  EXPECT_TRUE(seen.Found(Checker::kNoUseAfterFree)) << seen.Text();
}

// P27.
TEST(GetPutMutantTest, UnloadingBeforeThePendingFreeIsReported) {
  SharedScene scene;
  ASSERT_EQ(scene.GetNow(), 0);
  scene.world.Do(SharedScene::PutUnload, &scene);
  EXPECT_TRUE(scene.world.Violated(Checker::kNoUseAfterFree,
                                   Cause::kUnloadedCodeCalled));
}

// P28: unregister in a method waits for the method; put does not.
TEST(GetPutMutantTest, UnregisterInsideAMethodWaitsForItself) {
  Behaviour behaviour;
  behaviour.unregisters_in = device::Bit(Method::kInvalidateRangeStart);
  Scene scene(kV6_1, {}, behaviour);
  ASSERT_EQ(scene.RegisterNow(), 0);
  EXPECT_EQ(scene.world.Try(Scene::DontNeed, &scene),
            sched::RunStop::kDeadlock);
  EXPECT_TRUE(scene.world.Violated(Checker::kNoDeadlock));
}

}  // namespace
}  // namespace mmfault::notifier
