// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// call_srcu.h: callbacks after a grace period, in order, by one worker.
//
// Models kernel/rcu/srcutree.c:call_srcu(), srcu_invoke_callbacks() and
// srcu_barrier(), v6.1. Callbacks run in a kernel thread with bottom halves
// off: they may not sleep. The thread is made when there is work and ends when
// there is none. Differs: one queue a domain, not one a CPU; while the world
// has no slot for the thread, work waits for the next caller, and a barrier
// does it itself.
//
// Threads: as the world.

#ifndef MMFAULT_SERVER_KERNEL_CALL_SRCU_H_
#define MMFAULT_SERVER_KERNEL_CALL_SRCU_H_

#include "server/kernel/rcu.h"

namespace mmfault::kernel {

struct srcu_callback {
  sched::Object object;
  GraceCallback func;
  void* arg;
  Cell<srcu_callback*> next;
};

struct srcu_callbacks {
  grace_domain* domain;
  Cell<srcu_callback*> first;
  Cell<srcu_callback*> last;
  Cell<uint64_t> queued;  // ever
  Cell<uint64_t> done;
  Cell<bool> working;      // the thread is there
  sched::WaitSet waiters;  // tasks in srcu_barrier()
};

void InitCallbacks(srcu_callbacks* callbacks, grace_domain* domain);

// Runs func(arg) after a grace period. Never sleeps.
sched::Task<> call_srcu(srcu_callbacks* callbacks, GraceCallback func,
                        void* arg);

// Returns after every callback that was queued before has returned. Sleeps.
sched::Task<> srcu_barrier(srcu_callbacks* callbacks, const char* where);

}  // namespace mmfault::kernel

#endif  // MMFAULT_SERVER_KERNEL_CALL_SRCU_H_
