// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// One event hash for every compiler, optimisation level and process. The world
// uses each kind of primitive; a change of the constant means that recorded
// traces no longer replay, and needs a reason in the commit and a line in the
// change log.

#include "gtest/gtest.h"
#include "server/base/prng.h"
#include "server/kernel/lock.h"
#include "server/kernel/rcu.h"
#include "server/kernel/refcount.h"
#include "server/kernel/signal.h"
#include "server/kernel/slab.h"
#include "server/kernel/state.h"
#include "server/kernel/wait.h"
#include "tests/support/engine_world.h"

namespace mmfault {
namespace {

using testing_support::EngineWorld;

struct Machine {
  sched::Object object;
  trace::Cell<int64_t> x;
  kernel::atomic_t count;
  kernel::spinlock_t spin;
  kernel::rw_semaphore sem;
};

sched::Task<> Primitives(Machine* m, uint32_t which) {
  switch (which) {
    case 0: {
      co_await kernel::spin_lock(&m->spin, "golden");
      const int64_t x = co_await kernel::Load(m->x, "golden");
      co_await kernel::Store(m->x, x + 1, "golden");
      co_await kernel::spin_unlock(&m->spin, "golden");
      break;
    }
    case 1:
      co_await kernel::down_read(&m->sem, "golden");
      co_await kernel::Yield("golden");
      co_await kernel::up_read(&m->sem, "golden");
      break;
    case 2:
      co_await kernel::down_write(&m->sem, "golden");
      co_await kernel::downgrade_write(&m->sem, "golden");
      co_await kernel::up_read(&m->sem, "golden");
      break;
    case 3:
      co_await kernel::rcu_read_lock("golden");
      co_await kernel::rcu_read_unlock("golden");
      break;
    case 4:
      co_await kernel::synchronize_srcu(&kernel::Kernel()->srcu, "golden");
      break;
    case 5: {
      kernel::allocation* block =
          co_await kernel::kmalloc(32, kernel::GFP_KERNEL, "golden");
      co_await kernel::sleep_ns(7, "golden");
      kernel::kfree(block);
      break;
    }
    default:
      co_await kernel::atomic_inc(&m->count, m->object.key(), "golden");
      co_await kernel::kill_task(&sched::ThisWorld()->task(0), 10);
  }
}

sched::Task<> Mixed(void* arg) {
  auto* m = static_cast<Machine*>(arg);
  base::Prng prng(sched::Current()->object.id);
  for (int i = 0; i < 40; ++i) {
    const uint32_t which = prng.Below(7);
    co_await Primitives(m, which);
  }
}

uint64_t EventHash(uint64_t seed) {
  sched::WorldOptions options;
  options.seed = seed;
  options.cpu_count = 3;
  EngineWorld world(options);
  auto* m = world.New<Machine>();
  kernel::spin_lock_init(&m->spin, kernel::LockClass::kDriver);
  kernel::init_rwsem(&m->sem, kernel::LockClass::kMmap);
  for (int i = 0; i < 4; ++i) {
    world.Spawn(Mixed, m);
  }
  EXPECT_EQ(world.Run(seed), sched::RunStop::kFinished);
  EXPECT_EQ(world.violation_count(), 0) << world.Violations();
  return world->event_hash();
}

TEST(GoldenTest, EventHashIsTheSameEverywhere) {
  EXPECT_EQ(EventHash(1), 0x3e7774ec85310ef1U) << std::hex << EventHash(1);
  EXPECT_EQ(EventHash(2), 0xda836ce1b7b8e5abU) << std::hex << EventHash(2);
}

}  // namespace
}  // namespace mmfault
