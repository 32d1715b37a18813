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
// barriers are free: no scheduling point, no event.
//
// Threads: as the world.

#ifndef MMFAULT_SERVER_KERNEL_BARRIER_H_
#define MMFAULT_SERVER_KERNEL_BARRIER_H_

#include <coroutine>
#include <type_traits>

#include "server/kernel/point.h"

namespace mmfault::kernel {

// A plain store: `e->next = head`. Nothing orders it but a barrier.
template <typename T>
StorePoint<T> StorePlain(Cell<T>& cell, std::type_identity_t<T> value,
                         const char* where) {
  return Store(cell, value, where);
}

// smp_store_release(), rcu_assign_pointer(): whoever sees the value sees every
// store that the task made before it.
template <typename T>
StorePoint<T> StoreRelease(Cell<T>& cell, std::type_identity_t<T> value,
                           const char* where) {
  return Store(cell, value, where);
}

// A barrier that lets the task go straight on.
struct [[nodiscard]] OrderOnly {
  bool await_ready() const noexcept { return true; }
  void await_suspend(std::coroutine_handle<> /*leaf*/) const noexcept {}
  void await_resume() const noexcept {}
};

// Stores before it become visible before those after it.
inline OrderOnly smp_wmb(const char* /*where*/) { return {}; }
// Orders loads. Loads are never reordered here, so it has nothing to do.
inline OrderOnly smp_rmb(const char* /*where*/) { return {}; }
// Waits until the stores before it are visible.
inline OrderOnly smp_mb(const char* /*where*/) { return {}; }

}  // namespace mmfault::kernel

#endif  // MMFAULT_SERVER_KERNEL_BARRIER_H_
