// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/sched/store_buffer.h"

#include <bit>
#include <cstring>

#include "server/sched/world.h"

namespace mmfault::sched {
namespace {

constexpr int kFirstStoreSlot = kMaxTasks - kStoreSlots;

// The slots from the first on that hold no store, as a mask.
uint64_t FreeStoreSlots(const World& world) {
  uint64_t slots = 0;
  for (int slot = kFirstStoreSlot; slot < kMaxTasks; ++slot) {
    if (world.task(slot).state == TaskState::kFree) {
      slots |= Bit(slot);
    }
  }
  return slots;
}

// Whether `earlier`, which the same task made before, holds `store` back.
bool HoldsBack(const TaskRecord& earlier, const TaskRecord& store) {
  return store.store_release || earlier.op_target == store.op_target ||
         earlier.store_epoch < store.store_epoch;
}

bool MayGo(const World& world, const TaskRecord& owner,
           const TaskRecord& store) {
  for (uint64_t rest = owner.stores_pending; rest != 0; rest &= rest - 1) {
    const TaskRecord& other = world.task(std::countr_zero(rest));
    if (other.store_number < store.store_number && HoldsBack(other, store)) {
      return false;
    }
  }
  return true;
}

void EnableStores(World* world, const TaskRecord& owner) {
  uint64_t enabled = world->state().enabled;
  for (uint64_t rest = owner.stores_pending; rest != 0; rest &= rest - 1) {
    const int slot = std::countr_zero(rest);
    if (MayGo(*world, owner, world->task(slot))) {
      enabled |= Bit(slot);
    }
  }
  if (enabled != world->state().enabled) {
    world->state().enabled = enabled;
  }
}

// The task's oldest pending store. Requires one.
int OldestStore(const World& world, const TaskRecord& owner) {
  int oldest = std::countr_zero(owner.stores_pending.get());
  for (uint64_t rest = owner.stores_pending; rest != 0; rest &= rest - 1) {
    const int slot = std::countr_zero(rest);
    if (world.task(slot).store_number < world.task(oldest).store_number) {
      oldest = slot;
    }
  }
  return oldest;
}

bool Within(const void* cell, const void* at, size_t size) {
  const auto* byte = static_cast<const std::byte*>(cell);
  const auto* first = static_cast<const std::byte*>(at);
  return byte >= first && byte < first + size;
}

bool HasStoreInto(const World& world, const TaskRecord& owner, const void* at,
                  size_t size) {
  for (uint64_t rest = owner.stores_pending; rest != 0; rest &= rest - 1) {
    if (Within(world.task(std::countr_zero(rest)).op_target, at, size)) {
      return true;
    }
  }
  return false;
}

}  // namespace

void BufferStore(World* world, const BufferedStore& store) {
  TaskRecord& owner = *world->current();
  const uint64_t room = FreeStoreSlots(*world);
  CHECK(room != 0);
  // From the top: lower slots keep their numbers whatever is pending.
  const int slot = 63 - std::countl_zero(room);
  TaskRecord& pending = world->ClaimStoreSlot(slot);
  trace::LogRange(&pending, sizeof pending);
  std::memset(static_cast<void*>(&pending), 0, sizeof pending);
  pending.object.id = owner.object.id;  // a story tells whose store it is
  pending.object.type = trace::ObjType::kTask;
  pending.object.life = Life::kLive;
  pending.state = TaskState::kStore;
  pending.slot = static_cast<int16_t>(slot);
  pending.cpu = -1;
  pending.op_kind = trace::OpKind::kStoreVisible;
  pending.op_access = trace::Access::kWrite;
  pending.op_obj = store.obj;
  pending.op_where = store.where;
  pending.op_target = store.cell;
  pending.op_arg = store.value;
  pending.store_size = store.size;
  pending.store_release = store.release;
  pending.store_owner = owner.slot;
  pending.store_number = owner.stores_made;
  pending.store_epoch = owner.store_epoch;
  owner.stores_made += 1;
  owner.stores_pending |= Bit(slot);
  EnableStores(world, owner);
  world->Reevaluate(world->state().storers);
}

bool HasStoreRoom(const TaskRecord& task) {
  return std::popcount(task.stores_pending.get()) < kTaskStores &&
         FreeStoreSlots(*ThisWorld()) != 0;
}

uint64_t ForwardStore(const World& world, const TaskRecord& task,
                      const void* cell, uint64_t seen) {
  const TaskRecord* newest = nullptr;
  for (uint64_t rest = task.stores_pending; rest != 0; rest &= rest - 1) {
    const TaskRecord& store = world.task(std::countr_zero(rest));
    if (store.op_target == cell &&
        (newest == nullptr || store.store_number > newest->store_number)) {
      newest = &store;
    }
  }
  return newest == nullptr ? seen : newest->op_arg.get();
}

void OrderStores(TaskRecord* task) {
  if (task->stores_pending != 0) {
    task->store_epoch += 1;
  }
}

void CommitStore(World* world, int slot) {
  TaskRecord& store = world->task(slot);
  TaskRecord& owner = world->task(store.store_owner);
  trace::LogRange(store.op_target, store.store_size);
  const uint64_t value = store.op_arg;
  std::memcpy(store.op_target, &value, store.store_size);
  store.state = TaskState::kFree;
  world->state().enabled &= ~Bit(slot);
  owner.stores_pending &= ~Bit(slot);
  if (owner.stores_pending != 0) {
    EnableStores(world, owner);
  } else {
    owner.stores_made = 0;  // equal states are equal bytes
    owner.store_epoch = 0;
    world->ReevaluateTask(owner.slot);
  }
  world->Reevaluate(world->state().storers);
}

void SettleStores(World* world, TaskRecord* task) {
  while (task->stores_pending != 0) {
    CommitStore(world, OldestStore(*world, *task));
  }
}

void SettleMemory(World* world, const void* at, size_t size) {
  for (int slot = 0; slot < kFirstStoreSlot; ++slot) {
    TaskRecord& task = world->task(slot);
    if (task.stores_pending != 0 && HasStoreInto(*world, task, at, size)) {
      SettleStores(world, &task);
    }
  }
}

}  // namespace mmfault::sched
