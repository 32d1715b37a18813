// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/kernel/state.h"

namespace mmfault::kernel {

void InitKernel(sched::World* world) {
  auto* kernel = world->New<KernelState>(ObjType::kNone);
  CHECK(kernel != nullptr);
  world->state().kernel = kernel;
  InitDomain(&kernel->rcu, false);
  InitDomain(&kernel->srcu, true);
  InitCallbacks(&kernel->srcu_work, &kernel->srcu);
  mutex_init(&kernel->mm_all_locks_mutex, LockClass::kMmAllLocks);
}

}  // namespace mmfault::kernel
