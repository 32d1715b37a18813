// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// What drivers get wrong, under 6.1: each mistake is found by the checker it
// belongs to, and the same scene without it is clean. A schedule has fewer than
// 400 steps and each window is wider than two of them, so 3000 schedules miss a
// race that exists with a chance below 1e-5.

#include <gtest/gtest.h>

#include "server/kernel/signal.h"
#include "server/mm/fork.h"
#include "server/notifier/subscriptions/subscriptions.h"
#include "tests/unit/notifier/scene.h"

namespace mmfault::device {
namespace {

using notifier::kAnonPage;
using notifier::kFilePage;
using notifier::kV6_1;
using notifier::Scene;
using testing_support::Call;
using testing_support::Exploration;
using trace::Cause;
using trace::Checker;

constexpr int kSchedules = 3000;

struct FenceInWorld {
  sched::Object object;
  kernel::wait_queue_head_t queue;
  Cell<int64_t> count;
};

struct MmInWorld {
  sched::Object object;
  Cell<mm_struct*> mm;
};

// A scene with a fence.
struct DriverScene : Scene {
  explicit DriverScene(const Behaviour& behaviour)
      : Scene(kV6_1, {}, behaviour) {
    fence = world->New<FenceInWorld>(trace::ObjType::kWaitQueue);
    kernel::init_waitqueue_head(&fence->queue);
  }
  void Configured(Behaviour behaviour) {
    ASSERT_EQ(Configure(dev, behaviour), 0);
  }
  // As a good or a bad driver: one exploration.
  Exploration Race(sched::TaskEntry a, sched::TaskEntry b) {
    world.Spawn("a", a, this);
    world.Spawn("b", b, this);
    return world.Explore(kSchedules);
  }

  static Task<> SetUp(void* arg) {
    auto* scene = static_cast<DriverScene*>(arg);
    co_await notifier::Register(kV6_1, &scene->dev->mn, scene->mm);
    co_await establish(scene->dev, scene->mm, kAnonPage, false);
  }
  static Task<> ZapTwo(void* arg) {
    auto* scene = static_cast<DriverScene*>(arg);
    co_await mm::do_madvise(scene->mm, kAnonPage + mm::kPageSize,
                            kAnonPage + 2 * mm::kPageSize,
                            mm::Advice::kDontneed);
  }
  static Task<> Protect(void* arg) {
    auto* scene = static_cast<DriverScene*>(arg);
    co_await mm::do_mprotect(scene->mm, kAnonPage, kAnonPage + mm::kPageSize,
                             mm::VM_READ);
  }
  static Task<> PostFence(void* arg) {
    auto* scene = static_cast<DriverScene*>(arg);
    co_await kernel::Yield("dma_fence_signal");
    scene->fence->count = 1;
    co_await kernel::wake_up_all(&scene->fence->queue, "dma_fence_signal");
  }
  static Task<> Interrupted(void* arg) {
    kernel::send_sig(notifier::kSigUsr1, kernel::Current());
    co_await Scene::DontNeed(arg);
  }
  static Task<> UnregisterInMunmap(void* arg) {
    auto* scene = static_cast<DriverScene*>(arg);
    co_await kernel::down_write(&scene->mm->mmap_sem, "vm_munmap");
    co_await notifier::Unregister(kV6_1, &scene->dev->mn, scene->mm);
    co_await kernel::up_write(&scene->mm->mmap_sem, "vm_munmap");
  }

  FenceInWorld* fence;
};

// P63: two sections overlap; the first end must not open the device.
TEST(MistakesTest, AFlagIsNoCounter) {
  for (const bool flag : {true, false}) {
    Behaviour behaviour;
    behaviour.flag_instead_of_counter = flag;
    DriverScene scene(behaviour);
    ASSERT_EQ(scene.RegisterNow(), 0);
    scene.world.Spawn("zapper", Scene::DontNeed, &scene);
    scene.world.Spawn("other", DriverScene::ZapTwo, &scene);
    scene.world.Spawn("device", Scene::MapAnon, &scene);
    const Exploration seen = scene.world.Explore(kSchedules);
    EXPECT_EQ(seen.Found(Checker::kNoStaleSecondaryMapping), flag)
        << seen.Text();
  }
}

// P57: slots change between start and end.
TEST(MistakesTest, AnEndCountsWhatItsStartCounted) {
  for (const bool wrong : {true, false}) {
    Behaviour behaviour;
    behaviour.asks_slots_again_at_end = wrong;
    behaviour.slots_start = kFilePage;
    behaviour.slots_end = kFilePage + mm::kPageSize;
    DriverScene scene(behaviour);
    ASSERT_EQ(scene.RegisterNow(), 0);
    mm::mmu_notifier_range range{scene.mm, kAnonPage, kAnonPage + mm::kPageSize,
                                 mm::Event::kClear, true};
    behaviour.slots_start = kAnonPage;
    behaviour.slots_end = kAnonPage + mm::kPageSize;
    scene.Configured(behaviour);
    Call<int>(&scene.world,
              [&] { return kV6_1.era->invalidate_range_start(&range); });
    EXPECT_EQ(scene.dev->invalidate_count, 1U);
    behaviour.slots_start = kFilePage;
    behaviour.slots_end = kFilePage + mm::kPageSize;
    scene.Configured(behaviour);
    Call(&scene.world, [&] { return kV6_1.era->invalidate_range_end(&range); });
    EXPECT_EQ(scene.dev->invalidate_count, wrong ? 1U : 0U);
  }
}

// P24: an end that never comes must not block faults after a new registration.
TEST(MistakesTest, TheCountIsResetByARegistration) {
  for (const bool forgets : {true, false}) {
    Behaviour behaviour;
    behaviour.forgets_reset = forgets;
    DriverScene scene(behaviour);
    ASSERT_EQ(scene.RegisterNow(), 0);
    mm::mmu_notifier_range range{scene.mm, kAnonPage, kAnonPage + mm::kPageSize,
                                 mm::Event::kClear, true};
    Call<int>(&scene.world,
              [&] { return kV6_1.era->invalidate_range_start(&range); });
    ASSERT_EQ(scene.UnregisterNow(), 0);
    device_restart(scene.dev);
    ASSERT_EQ(scene.RegisterNow(), 0);
    EXPECT_EQ(scene.world.Try(Scene::MapAnon, &scene),
              forgets ? sched::RunStop::kDeadlock : sched::RunStop::kFinished);
    EXPECT_EQ(scene.world.Violated(Checker::kNoDeadlock), forgets);
  }
}

// P64: a signal ends the wait, and the page goes with the device using it.
TEST(MistakesTest, AnInterruptedWaitIsNoSuccess) {
  for (const bool interruptible : {true, false}) {
    DriverScene scene({});
    scene.world.Do(DriverScene::SetUp, &scene);
    Behaviour behaviour;
    behaviour.waits_for = {&scene.fence->queue, &scene.fence->count};
    behaviour.waits_interruptibly = interruptible;
    scene.Configured(behaviour);
    const Exploration seen =
        scene.Race(DriverScene::Interrupted, DriverScene::PostFence);
    EXPECT_EQ(seen.Found(Checker::kNoStaleSecondaryMapping), interruptible)
        << seen.Text();
    EXPECT_FALSE(seen.Found(Checker::kNoDeadlock)) << seen.Text();
  }
}

// P23: a fault that takes no user maps in an address space that has been
// released.
TEST(MistakesTest, AFaultTakesAUser) {
  for (const bool forgets : {true, false}) {
    Behaviour behaviour;
    behaviour.forgets_users = forgets;
    DriverScene scene(behaviour);
    ASSERT_EQ(scene.RegisterNow(), 0);
    const Exploration seen = scene.Race(Scene::Exit, Scene::MapAnon);
    EXPECT_EQ(seen.Found(Checker::kNoStaleSecondaryMapping,
                         Cause::kMappedAfterRelease),
              forgets)
        << seen.Text();
  }
}

// P30: unregistered under mmap_lock, whose release wants it.
TEST(MistakesTest, ReleaseTakesNoMmapLock) {
  for (const bool locks : {true, false}) {
    DriverScene scene({});
    ASSERT_EQ(scene.RegisterNow(), 0);
    auto* ref = scene.world->New<MmInWorld>(trace::ObjType::kNone);
    Cell<mm_struct*>* cell = &ref->mm;
    *cell = scene.mm;
    Behaviour behaviour;
    behaviour.release_locks_mm = locks ? cell : nullptr;
    scene.Configured(behaviour);
    scene.world.Try(DriverScene::UnregisterInMunmap, &scene);
    EXPECT_EQ(scene.world.Violated(Checker::kNoSelfDeadlock), locks);
  }
}

// P31: the last user is put in a method, and exit_mmap() wants what the
// caller holds.
TEST(MistakesTest, MethodsPutNoUser) {
  for (const bool puts : {true, false}) {
    Behaviour behaviour;
    behaviour.puts_user_in_callback = puts;
    DriverScene scene(behaviour);
    ASSERT_EQ(scene.RegisterNow(), 0);
    const Exploration seen = scene.Race(Scene::Exit, Scene::Truncate);
    EXPECT_EQ(seen.Clean(), !puts) << seen.Text();
  }
}

// A lock around the fault and in the methods: mmap_lock is inside it here and
// outside it there. munmap has turned mmap_lock into a read lock by then.
TEST(MistakesTest, ALockAroundFaultsIsTakenInNoMethod) {
  for (const bool around : {true, false}) {
    Behaviour behaviour;
    behaviour.locks_around_fault = around;
    DriverScene scene(behaviour);
    ASSERT_EQ(scene.RegisterNow(), 0);
    const Exploration seen = scene.Race(DriverScene::Protect, Scene::MapAnon);
    EXPECT_EQ(seen.Found(Checker::kNoDeadlock), around) << seen.Text();
    EXPECT_EQ(seen.Found(Checker::kLockOrder), around) << seen.Text();
  }
}

// Time passes in a method only where it may sleep.
TEST(MistakesTest, ADelayIsSleptWhereThatIsRight) {
  Behaviour behaviour;
  behaviour.start_delay_ns = 1000;
  DriverScene scene(behaviour);
  ASSERT_EQ(scene.RegisterNow(), 0);
  scene.world.Do(Scene::DontNeed, &scene);
  EXPECT_EQ(scene.world->state().time_ns, 1000U);
  mm::mmu_notifier_range range{scene.mm, kAnonPage, kAnonPage + mm::kPageSize,
                               mm::Event::kUnmap, false};
  Call<int>(&scene.world,
            [&] { return kV6_1.era->invalidate_range_start(&range); });
  EXPECT_EQ(scene.world->state().time_ns, 1000U);
  EXPECT_EQ(scene.world.Violations(), "");
}

}  // namespace
}  // namespace mmfault::device
