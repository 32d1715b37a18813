// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Interval subscriptions of 6.1, 6.12 and 7.3: the sequence as the recordings
// of real kernels have it, and the races that deferral and retry are for, each
// with the rule and with the rule left out. A schedule has fewer than 300 steps
// and each window is wider than two of them, so 3000 schedules miss a race that
// exists with a chance below 1e-6.

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
constexpr uint64_t kPage = mm::kPageSize;

sched::WorldOptions With(Mutant mutant) {
  sched::WorldOptions options;
  options.mutants.set(static_cast<size_t>(mutant));
  return options;
}

// A scene with an interval device over the anonymous pages.
struct IntervalScene : Scene {
  explicit IntervalScene(const Protocol& protocol = kV6_1,
                         const sched::WorldOptions& options = {},
                         const Behaviour& behaviour = {})
      : Scene(protocol, options),
        first(device::NewDevice(behaviour, false, Kind::kInterval)),
        second(device::NewDevice({}, false, Kind::kInterval)) {}

  int InsertNow(device::device* device, uint64_t start, uint64_t length) {
    return Call<int>(&world, [=, this] {
      return Insert(*protocol(), &device->interval, mm, start, length);
    });
  }
  int InsertFirst() { return InsertNow(first, kAnonPage, 2 * kPage); }
  int MapNow() {
    return Call<int>(&world, [this] {
      return device::establish(first, mm, kAnonPage, false);
    });
  }
  uint64_t Seq() const { return first->interval.invalidate_seq; }
  uint32_t Invalidations(const device::device* device) const {
    return device->deliveries[static_cast<size_t>(Method::kIntervalInvalidate)];
  }

  static Task<> MapFirst(void* arg) {
    auto* scene = static_cast<IntervalScene*>(arg);
    co_await device::establish(scene->first, scene->mm, kAnonPage, false);
  }
  // As a driver does: nothing mapped any more, then off, then freed.
  static Task<> RemoveAndFree(void* arg) {
    auto* scene = static_cast<IntervalScene*>(arg);
    co_await device::device_stop(scene->first);
    co_await Remove(*scene->protocol(), &scene->first->interval);
    FreeNotifier(&scene->first->mn);
  }
  static Task<> InsertSecondAndMap(void* arg) {
    auto* scene = static_cast<IntervalScene*>(arg);
    co_await Insert(*scene->protocol(), &scene->second->interval, scene->mm,
                    kAnonPage, 2 * kPage);
    co_await device::establish(scene->second, scene->mm, kAnonPage, false);
  }

  device::device* first;
  device::device* second;
};

class IntervalTest : public ::testing::TestWithParam<const Protocol*> {};
INSTANTIATE_TEST_SUITE_P(Versions, IntervalTest,
                         ::testing::Values(&kV6_1, &kV6_12, &kV7_3));

TEST_P(IntervalTest, SequenceIsOddAndGrowsWithTheRangesThatMeet) {
  IntervalScene scene(*GetParam());
  ASSERT_EQ(scene.InsertFirst(), 0);
  EXPECT_EQ(scene.Seq(), 1U);
  scene.world.Do(Scene::DontNeed, &scene);
  EXPECT_EQ(scene.Seq(), 3U);
  scene.world.Do(Scene::Truncate, &scene);  // elsewhere
  EXPECT_EQ(scene.Seq(), 3U);
  scene.world.Do(Scene::Unmap, &scene);
  EXPECT_EQ(scene.Seq(), 5U);
  EXPECT_EQ(scene.Invalidations(scene.first), 2U);
  EXPECT_EQ(scene.world.Violations(), "");
}

TEST_P(IntervalTest, InsertRefusesWhatTheKernelRefuses) {
  IntervalScene scene(*GetParam());
  EXPECT_EQ(scene.InsertNow(scene.first, kAnonPage, 0), -EOVERFLOW);
  // The tree counts from here on all the same.
  EXPECT_NE(scene.mm->subscriptions, nullptr);
  EXPECT_EQ(scene.mm->mm_count.counter, 1);
  EXPECT_EQ(scene.InsertNow(scene.first, UINT64_MAX - kPage, 2 * kPage),
            -EOVERFLOW);
  EXPECT_EQ(scene.InsertNow(scene.first, UINT64_MAX - kPage, kPage), 0);
  EXPECT_EQ(scene.InsertNow(scene.second, kAnonPage, 1), 0);
  EXPECT_EQ(scene.mm->mm_count.counter, 3);
  EXPECT_EQ(scene.world.Violations(), "");
}

TEST_P(IntervalTest, FirstInsertTakesTheLocksAndTheSecondDoesNot) {
  IntervalScene scene(*GetParam());
  scene.world.Arm(faults::Point::kMmLockStep, faults::ActionKind::kSignal,
                  kSigUsr1);
  EXPECT_EQ(scene.InsertFirst(), -EINTR);
  EXPECT_EQ(scene.mm->subscriptions, nullptr);
  scene.world->faults().DisarmAll();
  EXPECT_EQ(scene.InsertFirst(), 0);
  scene.world.Arm(faults::Point::kMmLockStep, faults::ActionKind::kSignal,
                  kSigUsr1);
  EXPECT_EQ(scene.InsertNow(scene.second, kFilePage, kPage), 0);
  EXPECT_EQ(scene.world.Violations(), "");
}

TEST_P(IntervalTest, DeadMmIsRefusedOnceTheTreeIsThere) {
  IntervalScene scene(*GetParam());
  ASSERT_EQ(scene.InsertFirst(), 0);
  scene.world.Do(Scene::Exit, &scene);
  EXPECT_EQ(scene.Invalidations(scene.first), 2U);  // RELEASE, then UNMAP
  EXPECT_EQ(scene.InsertNow(scene.second, kFilePage, kPage), -EINVAL);
  scene.world.Do(IntervalScene::RemoveAndFree, &scene);
  EXPECT_TRUE(scene.mm->object.freed());
  EXPECT_EQ(scene.world.Violations(), "");
}

TEST_P(IntervalTest, FaultsRacingInvalidationsAndRemoveAreClean) {
  IntervalScene scene(*GetParam());
  ASSERT_EQ(scene.InsertFirst(), 0);
  scene.world.Spawn("zapper", Scene::DontNeed, &scene);
  scene.world.Spawn("reclaim", Scene::Reclaim, &scene);
  scene.world.Spawn("device", IntervalScene::MapFirst, &scene);
  const Exploration seen = scene.world.Explore(kSchedules);
  EXPECT_TRUE(seen.Clean()) << seen.Text();
}

TEST_P(IntervalTest, InsertDuringAnInvalidationIsClean) {
  IntervalScene scene(*GetParam());
  ASSERT_EQ(scene.InsertFirst(), 0);
  scene.world.Spawn("zapper", Scene::DontNeed, &scene);
  scene.world.Spawn("client", IntervalScene::InsertSecondAndMap, &scene);
  const Exploration seen = scene.world.Explore(kSchedules);
  EXPECT_TRUE(seen.Clean()) << seen.Text();
}

TEST_P(IntervalTest, RemoveDuringAnInvalidationIsClean) {
  IntervalScene scene(*GetParam());
  ASSERT_EQ(scene.InsertFirst(), 0);
  scene.world.Spawn("zapper", Scene::DontNeed, &scene);
  scene.world.Spawn("unmapper", Scene::Unmap, &scene);
  scene.world.Spawn("client", IntervalScene::RemoveAndFree, &scene);
  const Exploration seen = scene.world.Explore(kSchedules);
  EXPECT_TRUE(seen.Clean()) << seen.Text();
}

// P54.
TEST(IntervalMutantTest, InsertThatDoesNotCollideMapsAPageThatGoes) {
  IntervalScene scene(kV6_1, With(Mutant::kInsertNotDeferred));
  ASSERT_EQ(scene.InsertFirst(), 0);
  scene.world.Spawn("zapper", Scene::DontNeed, &scene);
  scene.world.Spawn("client", IntervalScene::InsertSecondAndMap, &scene);
  const Exploration seen = scene.world.Explore(kSchedules);
  EXPECT_TRUE(
      seen.Found(Checker::kNoStaleSecondaryMapping, Cause::kStalePageFreed))
      << seen.Text();
}

// P55, both ways of not waiting.
TEST(IntervalMutantTest, RemoveThatDoesNotWaitIsUsedAfterItIsFreed) {
  for (const Mutant mutant :
       {Mutant::kRemoveNoWait, Mutant::kRemoveReadsSeqUnlocked}) {
    SCOPED_TRACE(static_cast<int>(mutant));
    IntervalScene scene(kV6_1, With(mutant));
    ASSERT_EQ(scene.InsertFirst(), 0);
    scene.world.Spawn("zapper", Scene::DontNeed, &scene);
    scene.world.Spawn("client", IntervalScene::RemoveAndFree, &scene);
    const Exploration seen = scene.world.Explore(kSchedules);
    EXPECT_TRUE(seen.Found(Checker::kNoUseAfterFree, Cause::kFreedNotifierUsed))
        << seen.Text();
  }
}

// P53: an even sequence equals the idle one, and read_begin waits for ever.
TEST(IntervalMutantTest, EvenSequenceSleepsForEver) {
  IntervalScene scene(kV6_1, With(Mutant::kSeqParity));
  ASSERT_EQ(scene.InsertFirst(), 0);
  EXPECT_EQ(scene.world.Try(IntervalScene::MapFirst, &scene),
            sched::RunStop::kDeadlock);
}

TEST(IntervalMutantTest, InsertWithoutAPinDropsTheMmTooEarly) {
  IntervalScene scene(kV6_1, With(Mutant::kInsertWithoutPin));
  ASSERT_EQ(scene.InsertFirst(), 0);
  scene.world.Try(IntervalScene::RemoveAndFree, &scene);
  scene.world.Try(Scene::Exit, &scene);
  EXPECT_TRUE(scene.world.Violated(Checker::kNoUseAfterFree))
      << scene.world.Violations();
}

struct Mistake {
  bool Behaviour::* field;
  const char* catalogue;
};
class IntervalMistakeTest : public ::testing::TestWithParam<Mistake> {};
INSTANTIATE_TEST_SUITE_P(
    Mistakes, IntervalMistakeTest,
    ::testing::Values(Mistake{&Behaviour::forgets_set_seq, "P51"},
                      Mistake{&Behaviour::retries_unlocked, "P51"},
                      Mistake{&Behaviour::forgets_retry, "P50"}),
    [](const auto& info) {
      return std::string(info.param.catalogue) + "_" +
             std::to_string(info.index);
    });

TEST_P(IntervalMistakeTest, MapsAPageThatIsGone) {
  Behaviour behaviour;
  behaviour.*GetParam().field = true;
  IntervalScene scene(kV6_1, {}, behaviour);
  ASSERT_EQ(scene.InsertFirst(), 0);
  scene.world.Spawn("zapper", Scene::DontNeed, &scene);
  scene.world.Spawn("device", IntervalScene::MapFirst, &scene);
  const Exploration seen = scene.world.Explore(kSchedules);
  EXPECT_TRUE(
      seen.Found(Checker::kNoStaleSecondaryMapping, Cause::kStalePageFreed))
      << seen.Text();
}

// P29.
TEST(IntervalMistakesTest, RemoveInsideInvalidateWaitsForItself) {
  Behaviour behaviour;
  behaviour.removes_in_invalidate = true;
  IntervalScene scene(kV6_1, {}, behaviour);
  ASSERT_EQ(scene.InsertFirst(), 0);
  EXPECT_EQ(scene.world.Try(Scene::DontNeed, &scene),
            sched::RunStop::kDeadlock);
  EXPECT_TRUE(scene.world.Violated(Checker::kNoDeadlock));
}

// 7.3: what the first pass left is done by the second, before the page goes.
TEST(TwoPassTest, SecondPassDropsBeforeThePageGoes) {
  Behaviour behaviour;
  behaviour.implemented = device::Bit(Method::kInvalidateRangeStart);
  IntervalScene scene(kV7_3, {}, behaviour);
  ASSERT_EQ(scene.InsertFirst(), 0);
  ASSERT_EQ(scene.MapNow(), 0);
  scene.world.Do(Scene::DontNeed, &scene);
  EXPECT_EQ(scene.Invalidations(scene.first), 1U);
  EXPECT_EQ(
      scene.first->deliveries[static_cast<size_t>(Method::kIntervalFinish)],
      1U);
  EXPECT_EQ(scene.first->spte_count, 0U);
  EXPECT_EQ(scene.world.Violations(), "");
}

TEST(TwoPassTest, RacesAreClean) {
  Behaviour behaviour;
  behaviour.implemented = device::Bit(Method::kInvalidateRangeStart);
  IntervalScene scene(kV7_3, {}, behaviour);
  ASSERT_EQ(scene.InsertFirst(), 0);
  scene.world.Spawn("zapper", Scene::DontNeed, &scene);
  scene.world.Spawn("unmapper", Scene::Unmap, &scene);
  scene.world.Spawn("device", IntervalScene::MapFirst, &scene);
  const Exploration seen = scene.world.Explore(kSchedules);
  EXPECT_TRUE(seen.Clean()) << seen.Text();
}

TEST(TwoPassTest, EarlierVersionsAskForOnePass) {
  Behaviour behaviour;
  behaviour.implemented = device::Bit(Method::kInvalidateRangeStart);
  IntervalScene scene(kV6_12, {}, behaviour);
  ASSERT_EQ(scene.InsertFirst(), 0);
  scene.world.Do(Scene::DontNeed, &scene);
  EXPECT_EQ(
      scene.first->deliveries[static_cast<size_t>(Method::kIntervalFinish)],
      0U);
}

}  // namespace
}  // namespace mmfault::notifier
