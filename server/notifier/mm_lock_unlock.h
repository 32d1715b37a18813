// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// mm_lock_unlock.h: the first mm_lock(), which cannot fail.
//
// Models the patch that was split out of #v11 on 4 Apr 2008 so that EMM-V3
// could use it too (linux-kernel: "mm_lock: locks all vmas"). There is no
// memory of what is held: each pass over the VMAs finds the lock of the lowest
// address above the last, and mm_unlock() repeats the same passes. The
// ascending order keeps two tasks that lock different mms with common files
// from deadlocking.
//
// Cost for N VMAs with Di files and Da anon_vmas: N(Di+1) + N(Da+1) VMA visits,
// the same again to unlock; no signal test, no memory.
//
// Lock order: mmap_sem, then all i_mmap_locks, then all anon_vma locks. The
// caller holds no lock of the mm and a pin on mm_users; a task may be inside
// one mm_lock() at a time.

#ifndef MMFAULT_SERVER_NOTIFIER_MM_LOCK_UNLOCK_H_
#define MMFAULT_SERVER_NOTIFIER_MM_LOCK_UNLOCK_H_

#include "server/mm/mm_types.h"
#include "server/sched/task.h"

namespace mmfault::notifier {

// Returns with mmap_sem for write and every rmap lock of the mm held. Sleeps
// until the first rmap lock, and no more where those are spinlocks.
sched::Task<> mm_lock(mm::mm_struct* mm);

// Requires mm_lock(). Class I is released before class A.
sched::Task<> mm_unlock(mm::mm_struct* mm);

}  // namespace mmfault::notifier

#endif  // MMFAULT_SERVER_NOTIFIER_MM_LOCK_UNLOCK_H_
