// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// lockdep.h: the order in which lock classes may nest.
//
// Models kernel/locking/lockdep.c by classes. Two rules: an order that
// mm/rmap.c documents (mmap_sem, then i_mmap_lock, then anon_vma, then the page
// table lock) may not be inverted, whether or not the other order was seen in
// this run; and an order observed in this run may not be inverted later in it.
// Two locks of one class need an outer lock that orders them (nest_lock) or
// must be taken by ascending address, as mm_lock of 2008 does.
//
// Left out: interrupt contexts, read recursion, chains through wait queues.

#ifndef MMFAULT_SERVER_KERNEL_LOCKDEP_H_
#define MMFAULT_SERVER_KERNEL_LOCKDEP_H_

#include "server/kernel/lock.h"

namespace mmfault::kernel {

// How a lock was taken. Within a class: in an order of addresses, or ordered by
// an outer lock. A trylock does not wait, so it can close no cycle: nothing is
// recorded or reported for it, as in __lock_acquire().
enum class Acquire : uint8_t { kOrdered, kNested, kTried };

// Records that `task` takes `lock`, and reports an order that cannot be right.
// LockClass::kNone takes no part.
void LockdepAcquire(sched::TaskRecord* task, const Lock& lock, Acquire how);
void LockdepRelease(sched::TaskRecord* task, const Lock& lock);

// How many locks of the class the task holds.
uint32_t HeldOfClass(const sched::TaskRecord& task, LockClass lock_class);

}  // namespace mmfault::kernel

#endif  // MMFAULT_SERVER_KERNEL_LOCKDEP_H_
