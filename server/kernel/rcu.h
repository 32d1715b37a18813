// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// rcu.h: read-copy-update and its sleepable form, as one kind of domain.
//
// Models kernel/rcu/tree.c and srcutree.c as far as a caller can tell: a grace
// period ends only after every read section open when it began has closed.
// Batching and per-CPU counters are left out; they change timing, not order.
// A reader of the rcu domain may not sleep; one of an srcu domain may.
//
// Lock order: nothing is held across synchronize_rcu(); it sleeps. A task that
// waits for its own read section waits for ever, and is reported as a deadlock.

#ifndef MMFAULT_SERVER_KERNEL_RCU_H_
#define MMFAULT_SERVER_KERNEL_RCU_H_

#include <array>
#include <cstdint>

#include "server/kernel/point.h"
#include "server/sched/task.h"

namespace mmfault::kernel {

struct grace_domain {
  uint32_t id;
  bool sleepable;
  Cell<uint64_t> readers;  // tasks with an open section
  std::array<Cell<uint8_t>, sched::kMaxTasks> depth;
  sched::WaitSet waiters;  // tasks in synchronize

  ObjKey key() const { return {ObjType::kDomain, id}; }
};

void InitDomain(grace_domain* domain, bool sleepable);

// Opens a read section of the running task. Sections nest.
struct [[nodiscard]] ReadSection : Point {
  grace_domain* domain;
  void await_resume() const;
};
ReadSection read_section_begin(grace_domain* domain, const char* where);

// Closes the innermost one.
struct [[nodiscard]] ReadSectionEnd : ReleasingPoint {
  grace_domain* domain;
  void await_resume() const;
};
ReadSectionEnd read_section_end(grace_domain* domain, const char* where);

// The world's rcu domain.
ReadSection rcu_read_lock(const char* where);
ReadSectionEnd rcu_read_unlock(const char* where);
sched::Task<> synchronize_rcu(const char* where);

// An srcu domain.
inline ReadSection srcu_read_lock(grace_domain* ssp, const char* where) {
  return read_section_begin(ssp, where);
}
inline ReadSectionEnd srcu_read_unlock(grace_domain* ssp, const char* where) {
  return read_section_end(ssp, where);
}

// Returns after every read section open at the call has closed. Sleeps.
sched::Task<> synchronize(grace_domain* domain, const char* where);
inline sched::Task<> synchronize_srcu(grace_domain* ssp, const char* where) {
  return synchronize(ssp, where);
}

// Runs callback(arg) in a kernel thread after a grace period. Never sleeps.
// False when the world has no slot for the thread.
using GraceCallback = sched::Task<> (*)(void* arg);
bool call_after_grace(grace_domain* domain, GraceCallback callback, void* arg);

}  // namespace mmfault::kernel

#endif  // MMFAULT_SERVER_KERNEL_RCU_H_
