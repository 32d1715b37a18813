// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// mm_lock.h: pieces that every "take all rmap locks" shares.
//
// mm_lock (2008) and mm_take_all_locks (2.6.27 and later) differ in how they
// find the locks, avoid taking one twice, and undo a part. What is the same is
// here: the marks with their ledger, and the fault point after each lock.

#ifndef MMFAULT_SERVER_NOTIFIER_MM_LOCK_H_
#define MMFAULT_SERVER_NOTIFIER_MM_LOCK_H_

#include "server/kernel/lock.h"
#include "server/mm/mm_types.h"
#include "server/mm/rmap.h"
#include "server/mm/vma.h"
#include "server/sched/task.h"

namespace mmfault::notifier {

using mm::vm_area_struct;

// After each rmap lock of an mm_lock: counts it and passes the fault point
// `notifier/mm_lock/lock`, where a signal "at the k-th lock" arrives.
sched::Task<> RmapLockTaken(mm::mm_struct* mm);

// Before the first lock, with mmap_sem held: restarts the counts of this
// mm_lock and passes `notifier/mm_lock/enter`.
sched::Task<> MmLockEntered(mm::mm_struct* mm);

// With every lock held: passes `notifier/mm_lock/held`.
sched::Task<> MmLockHeld(mm::mm_struct* mm);

// The two classes of rmap locks, in the order in which mm/rmap.c nests them.
enum class RmapClass : uint8_t { kIMmap, kAnonVma };

// Whether a mutant leaves a class out.
bool SkipsRmapClass(RmapClass rmap_class);

// mmap_sem for write, or for read where a mutant says so.
kernel::LockPoint DownMmapSem(mm::mm_struct* mm, const char* where);
kernel::UnlockPoint UpMmapSem(mm::mm_struct* mm, const char* where);

// Sets or clears a mark; a mark that is set twice is a BUG_ON of the original
// and is reported (lock_flags_clear). `mm` keeps the ledger.
void MarkVma(vm_area_struct* vma, uint64_t bit);
void UnmarkVma(vm_area_struct* vma, uint64_t bit);
void MarkMapping(mm::mm_struct* mm, mm::address_space* mapping);
void UnmarkMapping(mm::mm_struct* mm, mm::address_space* mapping);
void MarkAnonVma(mm::mm_struct* mm, mm::anon_vma* root);
void UnmarkAnonVma(mm::mm_struct* mm, mm::anon_vma* root);

}  // namespace mmfault::notifier

#endif  // MMFAULT_SERVER_NOTIFIER_MM_LOCK_H_
