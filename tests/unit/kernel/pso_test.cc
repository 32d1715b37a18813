// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// What partial store order allows and forbids: the classic litmus tests, by
// every interleaving of the tasks and of their pending stores.

#include <algorithm>
#include <array>
#include <bit>
#include <memory>
#include <vector>

#include "gtest/gtest.h"
#include "server/base/prng.h"
#include "server/kernel/barrier.h"
#include "server/kernel/lock.h"
#include "server/kernel/refcount.h"
#include "server/kernel/slab.h"
#include "tests/support/engine_world.h"

namespace mmfault {
namespace {

using kernel::Load;
using kernel::StorePlain;
using kernel::StoreRelease;
using sched::Task;
using testing_support::EngineWorld;
using testing_support::ExploreFromScratch;
using testing_support::ExploreWithUndo;
using testing_support::Litmus;
using testing_support::Outcomes;

struct Shared {
  sched::Object object;
  trace::Cell<int64_t> x;
  trace::Cell<int64_t> y;
  trace::Cell<int64_t> r1;
  trace::Cell<int64_t> r2;
  kernel::atomic_t count;
  kernel::spinlock_t lock;
};

sched::WorldOptions Options(sched::MemoryOrder order) {
  sched::WorldOptions options;
  options.memory_order = order;
  return options;
}

// Two tasks over one Shared; the outcome is r1 and r2 as two decimal digits.
Litmus Two(sched::TaskEntry first, sched::TaskEntry second,
           sched::MemoryOrder order = sched::MemoryOrder::kPso) {
  auto shared = std::make_shared<Shared*>(nullptr);
  return {[=] {
            auto world = std::make_unique<EngineWorld>(Options(order));
            *shared = world->New<Shared>();
            kernel::spin_lock_init(&(*shared)->lock,
                                   kernel::LockClass::kDriver);
            world->Spawn(first, *shared);
            world->Spawn(second, *shared);
            return world;
          },
          [=](EngineWorld* world) -> int64_t {
            EXPECT_EQ(world->violation_count(), 0) << world->Violations();
            return (*shared)->r1 * 10 + (*shared)->r2;
          }};
}

// --- Store buffering --------------------------------------------------------

enum class Fence : uint8_t { kNone, kWmb, kMb, kAtomic, kAtomicInc };

Task<> Between(Fence fence, Shared* s) {
  switch (fence) {
    case Fence::kNone:
      break;
    case Fence::kWmb:
      co_await kernel::smp_wmb("test");
      break;
    case Fence::kMb:
      co_await kernel::smp_mb("test");
      break;
    case Fence::kAtomic: {
      const bool taken = co_await kernel::atomic_inc_not_zero(
          &s->count, s->object.key(1), "test");
      EXPECT_FALSE(taken);
      break;
    }
    case Fence::kAtomicInc:
      co_await kernel::atomic_inc(&s->count, s->object.key(1), "test");
      break;
  }
}

template <Fence fence>
Task<> StoreXLoadY(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  co_await StorePlain(s->x, 1, "test");
  co_await Between(fence, s);
  const int64_t y = co_await Load(s->y, "test");
  s->r1 = y;
}

template <Fence fence>
Task<> StoreYLoadX(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  co_await StorePlain(s->y, 1, "test");
  co_await Between(fence, s);
  const int64_t x = co_await Load(s->x, "test");
  s->r2 = x;
}

template <Fence fence>
Outcomes StoreBuffering(sched::MemoryOrder order = sched::MemoryOrder::kPso) {
  return ExploreWithUndo(Two(StoreXLoadY<fence>, StoreYLoadX<fence>, order));
}

TEST(PsoTest, StoreBufferingIsAllowed) {
  const Outcomes outcomes = StoreBuffering<Fence::kNone>();
  EXPECT_TRUE(outcomes.Has(0));
  EXPECT_TRUE(outcomes.Has(1));
  EXPECT_TRUE(outcomes.Has(10));
  EXPECT_TRUE(outcomes.Has(11));
}

TEST(PsoTest, StoreBufferingIsForbiddenUnderSc) {
  EXPECT_FALSE(StoreBuffering<Fence::kNone>(sched::MemoryOrder::kSc).Has(0));
}

TEST(PsoTest, FullBarriersForbidStoreBuffering) {
  EXPECT_FALSE(StoreBuffering<Fence::kMb>().Has(0));
  EXPECT_FALSE(StoreBuffering<Fence::kAtomic>().Has(0));
}

TEST(PsoTest, WriteBarriersDoNot) {
  EXPECT_TRUE(StoreBuffering<Fence::kWmb>().Has(0));
  EXPECT_TRUE(StoreBuffering<Fence::kAtomicInc>().Has(0));
}

// --- Message passing --------------------------------------------------------

Task<> Plain(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  co_await StorePlain(s->x, 1, "test");
  co_await StorePlain(s->y, 1, "test");
}

Task<> WithWmb(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  co_await StorePlain(s->x, 1, "test");
  co_await kernel::smp_wmb("test");
  co_await StorePlain(s->y, 1, "test");
}

Task<> WithRelease(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  co_await StorePlain(s->x, 1, "test");
  co_await StoreRelease(s->y, 1, "test");
}

Task<> ReleaseFirst(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  co_await StoreRelease(s->x, 1, "test");
  co_await StorePlain(s->y, 1, "test");
}

Task<> UnderLock(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  co_await kernel::spin_lock(&s->lock, "test");
  co_await StorePlain(s->x, 1, "test");
  co_await StorePlain(s->y, 1, "test");
  co_await kernel::spin_unlock(&s->lock, "test");
}

// The driver initialises, then registers: the lock is only an acquire.
Task<> BeforeLock(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  co_await StorePlain(s->x, 1, "test");
  co_await kernel::spin_lock(&s->lock, "test");
  co_await StorePlain(s->y, 1, "test");
  co_await kernel::spin_unlock(&s->lock, "test");
}

Task<> ReadYThenX(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  const int64_t y = co_await Load(s->y, "test");
  co_await kernel::smp_rmb("test");
  const int64_t x = co_await Load(s->x, "test");
  s->r1 = y;
  s->r2 = x;
}

Task<> ReadUnderLock(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  co_await kernel::spin_lock(&s->lock, "test");
  const int64_t y = co_await Load(s->y, "test");
  const int64_t x = co_await Load(s->x, "test");
  s->r1 = y;
  s->r2 = x;
  co_await kernel::spin_unlock(&s->lock, "test");
}

// Sees the flag, not the message.
bool Junk(sched::TaskEntry writer, sched::TaskEntry reader,
          sched::MemoryOrder order = sched::MemoryOrder::kPso) {
  const Outcomes outcomes = ExploreWithUndo(Two(writer, reader, order));
  EXPECT_TRUE(outcomes.Has(0));
  EXPECT_TRUE(outcomes.Has(11));
  return outcomes.Has(10);
}

TEST(PsoTest, MessagePassingNeedsABarrier) {
  EXPECT_TRUE(Junk(Plain, ReadYThenX));
  EXPECT_FALSE(Junk(Plain, ReadYThenX, sched::MemoryOrder::kSc));
  EXPECT_FALSE(Junk(WithWmb, ReadYThenX));
  EXPECT_FALSE(Junk(WithRelease, ReadYThenX));
}

TEST(PsoTest, ReleaseDoesNotHoldLaterStoresBack) {
  EXPECT_TRUE(Junk(ReleaseFirst, ReadYThenX));
}

TEST(PsoTest, LockHandsOverWhatWasStoredUnderIt) {
  EXPECT_FALSE(Junk(UnderLock, ReadUnderLock));
  EXPECT_FALSE(Junk(BeforeLock, ReadUnderLock));
}

TEST(PsoTest, LockIsNothingToAReaderWithoutIt) {
  EXPECT_TRUE(Junk(UnderLock, ReadYThenX));
  EXPECT_TRUE(Junk(BeforeLock, ReadYThenX));
}

// --- One address ------------------------------------------------------------

Task<> OneThenTwo(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  co_await StorePlain(s->x, 1, "test");
  co_await StorePlain(s->x, 2, "test");
  const int64_t own = co_await Load(s->x, "test");
  EXPECT_EQ(own, 2);
  EXPECT_EQ(kernel::Here(s->x), 2);
}

Task<> ReadTwice(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  const int64_t first = co_await Load(s->x, "test");
  const int64_t second = co_await Load(s->x, "test");
  s->r1 = first;
  s->r2 = second;
}

TEST(PsoTest, StoresToOneAddressKeepTheirOrder) {
  const Outcomes outcomes = ExploreWithUndo(Two(OneThenTwo, ReadTwice));
  for (const auto& [outcome, count] : outcomes.count) {
    EXPECT_LE(outcome / 10, outcome % 10);
  }
  EXPECT_TRUE(outcomes.Has(12));
  EXPECT_TRUE(outcomes.Has(2));
}

Task<> ForwardedToItself(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  co_await StorePlain(s->x, 1, "test");
  s->r1 = kernel::Here(s->x);
}

Task<> ReadX(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  const int64_t x = co_await Load(s->x, "test");
  const bool writer_done = s->r1 != 0;
  s->r2 = writer_done && x == 0 ? 5 : 0;
}

TEST(PsoTest, TaskReadsItsOwnStoreBeforeOthersDo) {
  EXPECT_TRUE(ExploreWithUndo(Two(ForwardedToItself, ReadX)).Has(15));
  EXPECT_FALSE(
      ExploreWithUndo(Two(ForwardedToItself, ReadX, sched::MemoryOrder::kSc))
          .Has(15));
}

// --- The engine -------------------------------------------------------------

TEST(PsoTest, UndoFindsWhatNewWorldsFind) {
  const Litmus litmus = Two(BeforeLock, ReadYThenX);
  EXPECT_EQ(ExploreWithUndo(litmus), ExploreFromScratch(litmus));
}

constexpr int kCells = 40;

struct Many {
  sched::Object object;
  std::array<trace::Cell<int64_t>, kCells> cells;
  trace::Cell<uint64_t> most_pending;
};

Task<> StoreMany(void* arg) {
  auto* many = static_cast<Many*>(arg);
  const int64_t value = sched::Current()->slot + 1;
  for (int i = 0; i < kCells; ++i) {
    co_await StorePlain(many->cells[i], value, "test");
    const auto pending = static_cast<uint64_t>(
        std::popcount(sched::Current()->stores_pending.get()));
    many->most_pending = std::max(many->most_pending.get(), pending);
  }
}

TEST(PsoTest, FullBufferWaitsForRoom) {
  uint64_t most = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    EngineWorld world(Options(sched::MemoryOrder::kPso));
    auto* many = world.New<Many>();
    for (int i = 0; i < 6; ++i) {
      world.Spawn(StoreMany, many);
    }
    EXPECT_EQ(world.Run(seed), sched::RunStop::kFinished);
    for (const auto& cell : many->cells) {
      EXPECT_NE(cell, 0);
    }
    most = std::max(most, many->most_pending.get());
  }
  EXPECT_LE(most, uint64_t{sched::kTaskStores});
  EXPECT_GT(most, 2U);
}

TEST(PsoTest, OneTaskAloneFillsItsBuffer) {
  EngineWorld world(Options(sched::MemoryOrder::kPso));
  auto* many = world.New<Many>();
  const sched::TaskRecord* task = world.Spawn(StoreMany, many);
  while (world.Runnable(task)) {
    world.Step(task);
  }
  EXPECT_EQ(std::popcount(task->stores_pending.get()), sched::kTaskStores);
  EXPECT_EQ(world.Run(), sched::RunStop::kFinished);
}

TEST(PsoTest, TaskEndsWhenItsStoresAreVisible) {
  EngineWorld world(Options(sched::MemoryOrder::kPso));
  auto* s = world.New<Shared>();
  const sched::TaskRecord* task = world.Spawn(Plain, s);
  while (world.Runnable(task)) {
    world.Step(task);
  }
  EXPECT_EQ(s->x + s->y, 0);
  EXPECT_EQ(task->state, sched::TaskState::kAlive);
  EXPECT_EQ(world.Run(), sched::RunStop::kFinished);
  EXPECT_EQ(s->x + s->y, 2);
  EXPECT_EQ(task->state, sched::TaskState::kExited);
}

Task<> StoreAndFree(void* arg) {
  auto* slot = static_cast<trace::Cell<void*>*>(arg);
  auto* s = sched::ThisWorld()->New<Shared>(trace::ObjType::kNone);
  *slot = s;
  co_await StorePlain(s->x, 7, "test");
  sched::ThisWorld()->Delete(s);
  EXPECT_EQ(s->x.get(), 7) << "not into memory that is somebody else's";
  EXPECT_EQ(sched::Current()->stores_pending, 0U);
}

TEST(PsoTest, FreedMemoryHasNothingPending) {
  EngineWorld world(Options(sched::MemoryOrder::kPso));
  auto* many = world.New<Many>();
  world.Spawn(StoreAndFree, &many->cells[0]);
  EXPECT_EQ(world.Run(), sched::RunStop::kFinished);
}

Task<> Mixed(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  base::Prng prng(sched::Current()->object.id);
  for (int i = 0; i < 30; ++i) {
    const uint32_t which = prng.Below(8);
    if (which < 3) {
      trace::Cell<int64_t>& cell = which == 0 ? s->x : s->y;
      co_await StorePlain(cell, i, "test");
    } else if (which == 3) {
      co_await StoreRelease(s->r1, i, "test");
    } else if (which == 4) {
      co_await kernel::smp_wmb("test");
    } else if (which == 5) {
      co_await kernel::spin_lock(&s->lock, "test");
      co_await StorePlain(s->r2, i, "test");
      co_await kernel::spin_unlock(&s->lock, "test");
    } else {
      co_await Load(s->x, "test");
    }
  }
}

Shared* Populate(EngineWorld* world) {
  auto* s = world->New<Shared>();
  kernel::spin_lock_init(&s->lock, kernel::LockClass::kDriver);
  for (int i = 0; i < 3; ++i) {
    world->Spawn(Mixed, s);
  }
  return s;
}

std::vector<uint64_t> RandomSteps(EngineWorld* world, uint64_t seed) {
  base::Prng prng(seed);
  std::vector<uint64_t> hashes;
  for (uint64_t ready = (*world)->runnable(); ready != 0;
       ready = (*world)->runnable()) {
    hashes.push_back((*world)->StateHash());
    const auto count = static_cast<uint32_t>(std::popcount(ready));
    (*world)->Step(sched::NthBit(ready, static_cast<int>(prng.Below(count))));
  }
  return hashes;
}

TEST(PsoTest, EveryStepCanBeTakenBack) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    EngineWorld world(Options(sched::MemoryOrder::kPso));
    Populate(&world);
    world->SetUndo(true);
    const std::vector<uint64_t> hashes = RandomSteps(&world, seed);
    EXPECT_GT(hashes.size(), 60U);
    for (size_t i = hashes.size(); i-- > 0;) {
      world->UndoStep();
      ASSERT_EQ(world->StateHash(), hashes[i]) << "step " << i;
    }
  }
}

TEST(PsoTest, SnapshotsHoldPendingStores) {
  EngineWorld world(Options(sched::MemoryOrder::kPso));
  Populate(&world);
  base::Prng prng(3);
  for (int i = 0; i < 40; ++i) {
    const uint64_t ready = world->runnable();
    const auto count = static_cast<uint32_t>(std::popcount(ready));
    world->Step(sched::NthBit(ready, static_cast<int>(prng.Below(count))));
  }
  const sched::World::Snapshot snapshot = world->Save();
  const std::vector<uint64_t> first = RandomSteps(&world, 5);
  const uint64_t end = world->event_hash();
  world->Restore(snapshot);
  EXPECT_EQ(RandomSteps(&world, 5), first);
  EXPECT_EQ(world->event_hash(), end);
}

TEST(PsoTest, OneSeedIsOneStory) {
  uint64_t hashes[2] = {};
  for (uint64_t& hash : hashes) {
    EngineWorld world(Options(sched::MemoryOrder::kPso));
    Populate(&world);
    EXPECT_EQ(world.Run(11), sched::RunStop::kFinished);
    hash = world->event_hash();
  }
  EXPECT_EQ(hashes[0], hashes[1]);
}

Task<> ScStore(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  co_await kernel::Store(s->x, 1, "test");
  co_await kernel::Store(s->y, 1, "test");
  co_await kernel::Store(s->x, 2, "test");
}

Task<> ScOrdered(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  co_await StorePlain(s->x, 1, "test");
  co_await kernel::smp_wmb("test");
  co_await StoreRelease(s->y, 1, "test");
  co_await kernel::smp_mb("test");
  co_await kernel::smp_rmb("test");
  co_await StorePlain(s->x, 2, "test");
}

TEST(PsoTest, UnderScBarriersAreFree) {
  uint64_t hashes[2] = {};
  for (int i = 0; i < 2; ++i) {
    EngineWorld world;
    world.Spawn(i == 0 ? ScStore : ScOrdered, world.New<Shared>());
    EXPECT_EQ(world.Run(), sched::RunStop::kFinished);
    hashes[i] = world->event_hash();
  }
  EXPECT_EQ(hashes[0], hashes[1]);
}

}  // namespace
}  // namespace mmfault
