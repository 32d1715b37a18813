// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Allocation: failures where a rule says so, and the ledger of each task.

#include "server/kernel/slab.h"

#include <cerrno>

#include "gtest/gtest.h"
#include "server/kernel/lock.h"
#include "tests/support/engine_world.h"

namespace mmfault::kernel {
namespace {

using testing_support::EngineWorld;
using trace::Cause;
using trace::Checker;

struct Box {
  sched::Object object;
  Cell<allocation*> block;
  Cell<int> failures;
  spinlock_t spin;
};

void FailAt(EngineWorld* world, faults::Point point, uint64_t hit) {
  faults::Rule rule;
  rule.point = point;
  rule.terms.emplace_back();
  rule.terms.back().when = {hit, hit, 1};
  rule.terms.back().action = {faults::ActionKind::kError, ENOMEM};
  (*world)->faults().Arm(rule);
}

sched::Task<> AllocateFour(void* arg) {
  auto* box = static_cast<Box*>(arg);
  for (int i = 0; i < 4; ++i) {
    allocation* block = co_await kmalloc(32, GFP_KERNEL, "test");
    if (block == nullptr) {
      box->failures = box->failures.get() * 10 + i + 1;
    }
    kfree(block);
  }
}

TEST(SlabTest, FailsOnlyTheAllocationThatARuleNames) {
  EngineWorld world;
  auto* box = world.New<Box>();
  FailAt(&world, faults::Point::kKmalloc, 3);
  FailAt(&world, faults::Point::kVmalloc, 1);  // another point
  sched::TaskRecord* task = world.Spawn(AllocateFour, box);
  world.Run();
  EXPECT_EQ(box->failures, 3);
  EXPECT_EQ(task->live_allocations, 0);
  EXPECT_EQ(world.violation_count(), 0);
}

sched::Task<> Allocate(void* arg) {
  auto* box = static_cast<Box*>(arg);
  allocation* block = co_await vmalloc(100, "test");
  box->block = block;
}
sched::Task<> Free(void* arg) {
  kfree(static_cast<Box*>(arg)->block);
  co_return;
}
sched::Task<> Disown(void* arg) {
  DisownAllocation(static_cast<Box*>(arg)->block);
  co_return;
}
TEST(LedgerTest, IsTheOwnersWhoeverFrees) {
  EngineWorld world;
  auto* box = world.New<Box>();
  sched::TaskRecord* owner = world.Spawn(Allocate, box);
  world.Run();
  EXPECT_EQ(owner->live_allocations, 1);
  sched::TaskRecord* other = world.Spawn(Free, box);
  world.Run();
  EXPECT_EQ(owner->live_allocations, 0);
  EXPECT_EQ(other->live_allocations, 0);
}

TEST(LedgerTest, AHandedOverBlockIsNobodys) {
  EngineWorld world;
  auto* box = world.New<Box>();
  sched::TaskRecord* owner = world.Spawn(Allocate, box);
  world.Run();
  world.Do(Disown, box);
  EXPECT_EQ(owner->live_allocations, 0);
  sched::TaskRecord* freer = world.Spawn(Free, box);
  world.Run();
  EXPECT_EQ(freer->live_allocations, 0);
  EXPECT_EQ(owner->live_allocations, 0);
}

TEST(SlabTest, ASecondFreeIsReported) {
  EngineWorld world;
  auto* box = world.New<Box>();
  world.Do(Allocate, box);
  world.Do(Free, box);
  EXPECT_EQ(world.violation_count(), 0);
  world.Do(Free, box);
  EXPECT_TRUE(world.Violated(Checker::kNoUseAfterFree, Cause::kDoubleFree));
}

sched::Task<> AllocateUnderSpin(void* arg) {
  auto* box = static_cast<Box*>(arg);
  co_await spin_lock(&box->spin, "test");
  allocation* atomic = co_await kmalloc(8, GFP_ATOMIC, "test");
  kfree(atomic);
  EXPECT_EQ(ThisWorld()->state().violation_count, 0U);
  allocation* sleeping = co_await kmalloc(8, GFP_KERNEL, "test");
  kfree(sleeping);
  co_await spin_unlock(&box->spin, "test");
}

TEST(SlabTest, GfpKernelMayNotBeAskedUnderASpinlock) {
  EngineWorld world;
  auto* box = world.New<Box>();
  spin_lock_init(&box->spin, LockClass::kDriver);
  world.Do(AllocateUnderSpin, box);
  EXPECT_TRUE(
      world.Violated(Checker::kNoSleepInAtomic, Cause::kSleptWhileAtomic));
  EXPECT_EQ(world.violation_count(), 1);
}

sched::Task<> AskCapable(void* arg) {
  const bool can = co_await capable("test");
  static_cast<Box*>(arg)->failures = can ? 0 : 1;
}

TEST(CapableTest, FollowsTheWorldAndARule) {
  sched::WorldOptions without;
  without.capable = false;
  EngineWorld poor(without);
  auto* box = poor.New<Box>();
  poor.Do(AskCapable, box);
  EXPECT_EQ(box->failures, 1);

  EngineWorld rich;
  box = rich.New<Box>();
  rich.Do(AskCapable, box);
  EXPECT_EQ(box->failures, 0);
  FailAt(&rich, faults::Point::kCapable, 1);
  rich.Do(AskCapable, box);
  EXPECT_EQ(box->failures, 1);
}

}  // namespace
}  // namespace mmfault::kernel
