// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// state.h: what the simulated kernel has once per machine.

#ifndef MMFAULT_SERVER_KERNEL_STATE_H_
#define MMFAULT_SERVER_KERNEL_STATE_H_

#include <array>

#include "server/kernel/call_srcu.h"
#include "server/kernel/lock.h"
#include "server/kernel/rcu.h"
#include "server/sched/world.h"

namespace mmfault::kernel {

struct KernelState {
  sched::Object object;
  // Lock classes taken while a class was held: row A has bit B when B was
  // taken under A.
  std::array<trace::Cell<uint32_t>, kLockClassCount> order;
  grace_domain rcu;
  grace_domain srcu;         // the one domain of mm/mmu_notifier.c
  srcu_callbacks srcu_work;  // its callbacks
  mutex mm_all_locks_mutex;  // mm/mmap.c, since 2.6.27
};

// Creates the machine-wide state of a new world. Call once, inside a Scope.
void InitKernel(sched::World* world);

inline KernelState* Kernel() {
  return static_cast<KernelState*>(sched::ThisWorld()->state().kernel.get());
}

}  // namespace mmfault::kernel

#endif  // MMFAULT_SERVER_KERNEL_STATE_H_
