// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// store_buffer.h: stores that were made and are not visible yet.
//
// In a world of memory order PSO a buffered store takes effect for its own task
// at once, and for the others when the scheduler says so: each pending store is
// a slot of the world that can be stepped, beside the tasks, in the one stream
// of decisions. So a strategy needs to know nothing, and a step that makes a
// store visible names the memory it writes, as any other step does.
//
// Which pending store may go next: the oldest of its task to its address, not
// across a write barrier (OrderStores()), and a release store only when it is
// the oldest of all. Visible to one other task is visible to all. Loads are in
// order, data dependencies hold.
//
// A store waits for room: kTaskStores a task, kStoreSlots a world. The last
// kStoreSlots slots of such a world are for stores and never hold a task.
//
// Models no cache, no speculation and no reordering of loads, so it is weaker
// than x86 and stronger than Arm, Power and Alpha: what it finds is a bug on
// any of the three, and what it does not find may still be one.
//
// Threads: as the world.

#ifndef MMFAULT_SERVER_SCHED_STORE_BUFFER_H_
#define MMFAULT_SERVER_SCHED_STORE_BUFFER_H_

#include <cstddef>
#include <cstdint>

#include "server/sched/task_record.h"

namespace mmfault::sched {

class World;

inline constexpr int kTaskStores = 16;
inline constexpr int kStoreSlots = 24;

struct BufferedStore {
  void* cell;      // in the arena
  uint64_t value;  // its first `size` bytes
  uint8_t size;    // 1 to 8
  bool release;    // not before any store that the task made earlier
  uint64_t obj;    // ObjKey of the memory
  const char* where;
};

// Puts a store of the running task into its buffer. Requires room.
void BufferStore(World* world, const BufferedStore& store);

// ReadyFns: the running world has room for a store of the task; all that the
// task stored is visible.
bool HasStoreRoom(const TaskRecord& task);
inline bool StoresVisible(const TaskRecord& task) {
  return task.stores_pending == 0;
}

// What the task reads where memory says `seen`: its own newest store, if one is
// pending.
uint64_t ForwardStore(const World& world, const TaskRecord& task,
                      const void* cell, uint64_t seen);

// smp_wmb(): stores from now on become visible after those pending.
void OrderStores(TaskRecord* task);

// The step of a slot that holds a store: memory has it from now on.
void CommitStore(World* world, int slot);

// Commits, in program order, every store of the task; or of each task that has
// one pending into [at, at + size): before that memory gets another meaning.
void SettleStores(World* world, TaskRecord* task);
void SettleMemory(World* world, const void* at, size_t size);

}  // namespace mmfault::sched

#endif  // MMFAULT_SERVER_SCHED_STORE_BUFFER_H_
