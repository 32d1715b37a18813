// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// When does a signal end mm_lock(), and what is left when it does? One run per
// place where a signal can arrive: at each VMA step, at each lock, in a wait.

#include "server/kernel/signal.h"

#include "tests/unit/notifier/v12/scene.h"

namespace mmfault::notifier::v12_test {
namespace {

using faults::ActionKind;
using faults::Point;

constexpr uint64_t kPass = Scene::kMixedVmas + 1;  // steps of one pass

// VMA steps of one mm_lock() over the mixed VMAs, up to the last one.
uint64_t LockSteps(const Protocol& protocol) {
  const uint64_t passes = Scene::kMixedFiles + 1 + Scene::kMixedAnons + 1;
  const uint64_t counting = &protocol == &kV12 ? 1 : 0;
  return (passes + counting) * kPass;
}

class V12SignalTest : public ::testing::TestWithParam<const Protocol*> {
 protected:
  sched::WorldOptions Options(sched::LockKind kind) const {
    sched::WorldOptions options;
    options.rmap_lock = kind;
    return options;
  }
};

// The step that ends the last pass is followed by no test, and neither are the
// steps of mm_unlock(): a signal there comes too late.
TEST_P(V12SignalTest, AtEachVmaStepLeavesNothingBehind) {
  Scene scene(*GetParam());
  scene.AddMixedVmas();
  const uint64_t lock_steps = LockSteps(*GetParam());
  for (uint64_t step = 1; step <= lock_steps + kPass; ++step) {
    const uint32_t rule = scene.world.Arm(Point::kMmLockStep,
                                          ActionKind::kSignal, kSigTerm, step);
    const bool seen = GetParam()->tests_signals && step < lock_steps;
    EXPECT_EQ(scene.RegisterNow(), seen ? -EINTR : 0) << "step " << step;
    EXPECT_TRUE(scene.NothingHeld()) << "step " << step;
    EXPECT_EQ(scene.Linked(), !seen) << "step " << step;
    scene.world->faults().Disarm(rule);
    if (!seen) {
      ASSERT_EQ(scene.UnregisterNow(), 0);
    }
  }
  EXPECT_EQ(scene.world.Violations(), "");
}

TEST_P(V12SignalTest, UnregisterIsEndedAtTheSameSteps) {
  Scene scene(*GetParam());
  scene.AddMixedVmas();
  ASSERT_EQ(scene.RegisterNow(), 0);
  const uint64_t lock_steps = LockSteps(*GetParam());
  for (uint64_t step = 1; step <= lock_steps; ++step) {
    const uint32_t rule = scene.world.Arm(Point::kMmLockStep,
                                          ActionKind::kSignal, kSigTerm, step);
    const bool seen = GetParam()->tests_signals && step < lock_steps;
    EXPECT_EQ(scene.UnregisterNow(), seen ? -EINTR : 0) << "step " << step;
    EXPECT_TRUE(scene.NothingHeld()) << "step " << step;
    EXPECT_EQ(scene.Linked(), seen) << "stays registered, step " << step;
    scene.world->faults().Disarm(rule);
    if (!seen) {
      ASSERT_EQ(scene.RegisterNow(), 0);
    }
  }
  EXPECT_EQ(scene.world.Violations(), "");
}

// #v12 does not look while it locks; the two seed designs roll back.
TEST_P(V12SignalTest, AtEachLockRollsBackWhereItIsLookedFor) {
  const bool looks = GetParam() == &kSeedFlags || GetParam() == &kSeedBitmaps;
  for (const auto kind : {sched::LockKind::kSpin, sched::LockKind::kMutex}) {
    Scene scene(*GetParam(), Options(kind));
    scene.AddMixedVmas();
    const uint64_t locks = Scene::kMixedFiles + Scene::kMixedAnons;
    for (uint64_t lock = 1; lock <= locks; ++lock) {
      scene.world.Arm(Point::kMmLockLock, ActionKind::kSignal, kSigTerm, lock);
      EXPECT_EQ(scene.RegisterNow(), looks ? -EINTR : 0) << "lock " << lock;
      EXPECT_EQ(scene.locks_taken, looks ? lock : locks);
      EXPECT_TRUE(scene.NothingHeld()) << "lock " << lock;
      scene.world->faults().DisarmAll();
      if (!looks) {
        ASSERT_EQ(scene.UnregisterNow(), 0);
      }
    }
    EXPECT_EQ(scene.world.Violations(), "");
  }
}

// A signal that is blocked, or ignored, does not end anything.
TEST_P(V12SignalTest, IgnoredSignalIsNotSeen) {
  Scene scene(*GetParam());
  scene.AddMixedVmas();
  scene.world.Arm(Point::kMmLockStep, ActionKind::kSignal, kernel::kSigChld);
  EXPECT_EQ(scene.RegisterNow(), 0);
}

// How many VMAs pass unseen: one where the scan looks at each, all once where
// mm_unlock() walks them, every visit there is where nobody looks.
TEST_P(V12SignalTest, VmaStepsWithoutTestStayInTheBound) {
  Scene scene(*GetParam());
  scene.AddMixedVmas();
  ASSERT_EQ(scene.RegisterNow(), 0);
  if (GetParam() == &kV12) {
    EXPECT_EQ(scene.untested_max, 1U);
  } else if (GetParam() == &kSeedThreshold) {
    const uint64_t passes = LockSteps(*GetParam()) / kPass;
    EXPECT_EQ(scene.untested_max, 2 * passes * Scene::kMixedVmas);
  } else {
    EXPECT_EQ(scene.untested_max, Scene::kMixedVmas);
  }
  EXPECT_FALSE(scene.world.Violated(Checker::kSignalLatency));
}

// The lock that a registration needs is held by somebody else when the signal
// comes. Only a design that can roll back may give up there, and only where the
// lock is one that can be waited for asleep.
sched::Task<> HoldFileLock(void* arg) {
  auto* scene = static_cast<Scene*>(arg);
  kernel::Lock* lock = &scene->file->i_mmap_lock;
  co_await kernel::lock(lock, "holder");
  co_await kernel::Yield("holder");
  co_await kernel::unlock(lock, "holder");
}

void StepWhileRunnable(TestWorld* world, int slot) {
  while (((*world)->runnable() >> slot & 1) != 0) {
    (*world)->Step(slot);
  }
}

TEST_P(V12SignalTest, InAWaitForAMutexEndsTheDesignsThatCanRollBack) {
  const bool gives_up =
      GetParam() == &kSeedFlags || GetParam() == &kSeedBitmaps;
  for (const auto kind : {sched::LockKind::kSpin, sched::LockKind::kMutex}) {
    Scene scene(*GetParam(), Options(kind));
    scene.AddMixedVmas();
    scene.live_bytes = scene.world->arena().state().live_bytes;
    const int holder = scene.world.Spawn("holder", HoldFileLock, &scene)->slot;
    sched::TaskRecord* task = scene.world.Spawn("client", RegisterTask, &scene);
    while (!scene.file->i_mmap_lock.held_by(holder)) {
      scene.world->Step(holder);
    }
    StepWhileRunnable(&scene.world, task->slot);  // until it waits
    ASSERT_EQ(task->state, sched::TaskState::kAlive);
    kernel::send_sig(kSigTerm, task);
    StepWhileRunnable(&scene.world, task->slot);
    const bool ended = gives_up && kind == sched::LockKind::kMutex;
    EXPECT_EQ(task->state == sched::TaskState::kExited, ended);
    scene.world.Run(1);
    // Where it went on, the seed designs see the signal at the next VMA.
    EXPECT_EQ(scene.rc, gives_up ? -EINTR : 0);
    EXPECT_TRUE(scene.NothingHeld());
    EXPECT_EQ(scene.world.Violations(), "");
  }
}

INSTANTIATE_TEST_SUITE_P(Family, V12SignalTest, MMFAULT_V12_FAMILY, NameOf);

}  // namespace
}  // namespace mmfault::notifier::v12_test
