// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// barrier.h: stores whose order others can tell, and what orders them.
//
// Models include/asm-generic/barrier.h, as tools/memory-model defines it, for
// the cells whose publication order is disputed: list links and the fields of
// a notifier. Such a cell is written with StorePlain() or StoreRelease() and
// nothing else, and read with Load() or Here().
//
// In a world of memory order SC these are Store() under other names, and the
// barriers are free: no scheduling point, no event. In one of PSO a store goes
// to the task's buffer (sched/store_buffer.h) and becomes visible later, by a
// step of its own. What orders it, beside the barriers below:
//
//   unlock, up, downgrade     release: waits until what was stored is visible
//   atomics with a result,    fully ordered: as smp_mb()
//     wake-ups, signals
//   rcu and srcu unlock,      as smp_mb(): the grace period promises it
//     synchronize
//   wait_event                as smp_mb(): set_current_state()
//   the end of the task       as smp_mb()
//   freeing memory            what is pending into it becomes visible first
//
//   lock, down, trylock       nothing: acquire keeps later accesses behind it,
//                             but an earlier store may sink into the critical
//                             section, as on Power and Arm (a locked x86
//                             instruction would drain; code may not rely on it)
//   atomic_inc()              nothing: Documentation/atomic_t.txt
//
// Unlock to lock is therefore release to acquire, and no more: a reader that
// takes the lock finds what was stored under it, one that takes none need not.
//
// Threads: as the world.

#ifndef MMFAULT_SERVER_KERNEL_BARRIER_H_
#define MMFAULT_SERVER_KERNEL_BARRIER_H_

#include <coroutine>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "server/kernel/point.h"

namespace mmfault::kernel {

// In a PSO world the step waits for room in the buffer.
void PublishStore(const trace::Op& op);
void BufferStore(const trace::Op& op, void* cell, uint64_t value, size_t size,
                 bool release);

template <typename T>
struct [[nodiscard]] OrderedStore : Point {
  Cell<T>* cell;
  T value;
  bool release;

  void await_suspend(std::coroutine_handle<> /*leaf*/) const {
    PublishStore(op);
  }
  void await_resume() const {
    if (!ThisWorld()->pso()) [[likely]] {
      *cell = value;
      return;
    }
    uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof value);
    BufferStore(op, cell, bits, sizeof value, release);
  }
};

// A plain store: `e->next = head`. Nothing orders it but a barrier.
template <typename T>
OrderedStore<T> StorePlain(Cell<T>& cell, std::type_identity_t<T> value,
                           const char* where) {
  return {
      {{trace::OpKind::kWrite, trace::Access::kWrite, MemoryKey(&cell), where}},
      &cell,
      value,
      false};
}

// smp_store_release(), rcu_assign_pointer(): whoever sees the value sees every
// store that the task made before it. Later stores may overtake it.
template <typename T>
OrderedStore<T> StoreRelease(Cell<T>& cell, std::type_identity_t<T> value,
                             const char* where) {
  return {
      {{trace::OpKind::kWrite, trace::Access::kWrite, MemoryKey(&cell), where}},
      &cell,
      value,
      true};
}

// A barrier that lets the task go straight on.
struct [[nodiscard]] OrderOnly {
  bool await_ready() const noexcept { return true; }
  void await_suspend(std::coroutine_handle<> /*leaf*/) const noexcept {}
  void await_resume() const noexcept {}
};

// Stores before it become visible before those after it; it waits for none.
inline OrderOnly smp_wmb(const char* /*where*/) {
  sched::OrderStores(Current());
  return {};
}

// Orders loads. Loads are never reordered here, so it has nothing to do.
inline OrderOnly smp_rmb(const char* /*where*/) { return {}; }

// Goes on once the stores before it are visible.
struct [[nodiscard]] FullBarrier : ReleasingPoint {
  bool await_ready() const noexcept { return Current()->stores_pending == 0; }
};
inline FullBarrier smp_mb(const char* where) {
  return {{{trace::OpKind::kBarrier, trace::Access::kRead,
            Current()->object.key(), where}}};
}

}  // namespace mmfault::kernel

#endif  // MMFAULT_SERVER_KERNEL_BARRIER_H_
