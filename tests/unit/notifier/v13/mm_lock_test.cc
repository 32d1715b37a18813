// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// mm_lock() over sorted arrays: each lock once and in order, the cost, failing
// allocation, and a million VMAs.

#include "server/notifier/v13/mm_lock.h"

#include <bit>

#include "server/notifier/v13/v13.h"
#include "tests/unit/notifier/all_locks_scene.h"

namespace mmfault::notifier {
namespace {

using faults::ActionKind;
using faults::Point;
using trace::OpKind;

class V13MmLockTest : public ::testing::TestWithParam<const Protocol*> {
 protected:
  const Protocol& protocol() const { return *GetParam(); }
  bool srcu() const { return &protocol() != &kV13; }

  static sched::WorldOptions Shuffled(uint64_t seed) {
    sched::WorldOptions options;
    options.kaddr_order = sched::KaddrOrder::kShuffled;
    options.seed = seed;
    return options;
  }
};
INSTANTIATE_TEST_SUITE_P(V13, V13MmLockTest,
                         ::testing::Values(&kV13, &kV14, &kV15, &kV16),
                         TestNameOf);

void AddFileVmas(Scene* scene, uint64_t count, mm::address_space* file) {
  const mm::vm_area_struct* last = scene->mm->mmap;
  while (last != nullptr && last->vm_next != nullptr) {
    last = last->vm_next;
  }
  uint64_t at = last->vm_end + mm::kPageSize;
  for (uint64_t i = 0; i < count; ++i) {
    mm::vm_area_struct* vma = mm::NewVma(scene->mm, at, at + mm::kPageSize,
                                         mm::VM_READ | mm::VM_SHARED, file, i);
    mm::InsertVma(vma);
    mm::LinkFileVma(vma);
    at += 2 * mm::kPageSize;
  }
}

class CountingSink : public trace::EventSink {
 public:
  void OnEvent(const trace::Event& event) override {
    const std::string_view where = event.op.where;
    vma_visits += event.op.kind == OpKind::kRead &&
                          event.op.obj.type() == trace::ObjType::kVma
                      ? 1
                      : 0;
    comparisons += where == "cond_resched" ? 1 : 0;
    rmap_locks += event.op.kind == OpKind::kLock && where == "mm_lock" ? 1 : 0;
    allocations += event.op.kind == OpKind::kAlloc ? 1 : 0;
    signal_tests += event.op.kind == OpKind::kSignalTest ? 1 : 0;
  }
  void OnViolation(const trace::Violation& /*violation*/) override {}

  uint64_t vma_visits = 0;
  uint64_t comparisons = 0;
  uint64_t rmap_locks = 0;
  uint64_t allocations = 0;
  uint64_t signal_tests = 0;
};

// P34: 40 VMAs of one file and 40 of another, between each other.
TEST_P(V13MmLockTest, TakesEachLockOnceAtTheCostOfASort) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    Scene scene(protocol(), Shuffled(seed));
    mm::address_space* second = mm::NewFile(4, 4);
    for (int i = 0; i < 10; ++i) {
      AddFileVmas(&scene, 4, second);
      AddFileVmas(&scene, 4, scene.file);
    }
    const uint64_t n = scene.mm->map_count;
    CountingSink sink;
    scene.world->SetSink(&sink);
    EXPECT_EQ(scene.RegisterNow(), 0);
    scene.world->SetSink(nullptr);
    EXPECT_FALSE(scene.world.Violated(Checker::kNoSelfDeadlock));
    EXPECT_FALSE(
        scene.world.Violated(Checker::kLockOrder, Cause::kLockAddressOrder));
    EXPECT_TRUE(scene.file->i_mmap_lock.free_for_write());
    EXPECT_TRUE(second->i_mmap_lock.free_for_write());
    EXPECT_EQ(sink.vma_visits, 2 * n);
    EXPECT_LE(sink.comparisons, 4 * n * std::bit_width(n));
    EXPECT_EQ(sink.signal_tests, 0U);
    EXPECT_EQ(sink.allocations, srcu() ? 4U : 3U);
  }
}

// P38: each allocation fails in turn.
TEST_P(V13MmLockTest, FailingAllocationsLeaveNothing) {
  struct Failure {
    Point point;
    uint64_t nth;
  };
  for (const auto& [point, nth] :
       {Failure{Point::kKmalloc, 1}, Failure{Point::kKmalloc, 2},
        Failure{Point::kVmalloc, 1}, Failure{Point::kVmalloc, 2}}) {
    if (!srcu() && point == Point::kKmalloc && nth == 2) {
      continue;
    }
    Scene scene(protocol());
    scene.world.Arm(point, ActionKind::kError, ENOMEM, nth);
    const uint64_t bytes = scene.world->arena().state().live_bytes;
    EXPECT_EQ(scene.RegisterNow(), -ENOMEM);
    EXPECT_EQ(scene.world.Violations(), "");
    EXPECT_TRUE(hlist_unhashed(scene.dev->mn.hlist));
    EXPECT_EQ(scene.mm->mm_count.counter, 1);
    EXPECT_TRUE(scene.mm->mmap_sem.free_for_write());
    EXPECT_EQ(scene.world->arena().state().live_bytes, bytes);
  }
}

// P19: only #v13's unregister can fail.
TEST_P(V13MmLockTest, UnregisterFailsInV13Only) {
  Scene scene(protocol());
  ASSERT_EQ(scene.RegisterNow(), 0);
  scene.world.Arm(Point::kVmalloc, ActionKind::kError, ENOMEM);
  EXPECT_EQ(scene.UnregisterNow(), srcu() ? 0 : -ENOMEM);
  EXPECT_EQ(hlist_unhashed(scene.dev->mn.hlist), srcu());
}

TEST_P(V13MmLockTest, SignalsEndNothing) {
  Scene scene(protocol());
  scene.world.Arm(Point::kMmLockStep, ActionKind::kSignal, kSigUsr1, 1);
  EXPECT_EQ(scene.RegisterNow(), 0);
}

// P35 is absent.
TEST_P(V13MmLockTest, RegistrationsOfMmsWithACommonFileDoNotDeadlock) {
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    Scene scene(protocol(), Shuffled(seed));
    OtherMm other(&scene);
    scene.world.Spawn("first", RegisterIt, &scene);
    scene.world.Spawn("second", OtherMm::RegisterIt, &other);
    const Exploration seen = scene.world.Explore(500);
    EXPECT_FALSE(seen.Found(Checker::kNoDeadlock)) << seen.Text();
    EXPECT_FALSE(seen.Found(Checker::kLockOrder, Cause::kLockAddressOrder));
  }
}

TEST_P(V13MmLockTest, AnEmptyMm) {
  TestWorld world(protocol());
  mm::mm_struct* mm = world.NewMm();
  device::device* dev = device::NewDevice({}, false);
  EXPECT_EQ(
      Call<int>(&world, [&] { return Register(protocol(), &dev->mn, mm); }), 0);
  EXPECT_EQ(
      Call<int>(&world, [&] { return Unregister(protocol(), &dev->mn, mm); }),
      0);
  EXPECT_EQ(world.Violations(), "");
}

// #v16: a caller that holds mmap_sem.
TEST(V16Test, RegistersUnderTheCallersMmapSem) {
  EXPECT_EQ(kV15.mmu_notifier_register_locked, nullptr);
  Scene scene(kV16);
  const auto task = [](void* arg) -> Task<> {
    auto* one = static_cast<Scene*>(arg);
    co_await kernel::down_write(&one->mm->mmap_sem, "caller");
    co_await kV16.mmu_notifier_register_locked(&one->dev->mn, one->mm);
    co_await kernel::up_write(&one->mm->mmap_sem, "caller");
  };
  scene.world.Do(task, &scene);
  EXPECT_FALSE(hlist_unhashed(scene.dev->mn.hlist));
  EXPECT_FALSE(scene.world.Violated(Checker::kNoSelfDeadlock));
  EXPECT_TRUE(scene.mm->mmap_sem.free_for_write());
}

TEST(V13MillionTest, VmasOfOneFile) {
  constexpr uint64_t kVmas = 1000000;
  Scene scene(kV13);
  AddFileVmas(&scene, kVmas, scene.file);
  EXPECT_EQ(scene.RegisterNow(), 0);
  EXPECT_EQ(scene.world.Violations(), "");
}

}  // namespace
}  // namespace mmfault::notifier
