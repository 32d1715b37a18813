// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// mm_take_all_locks.h: every rmap lock of an mm at once.
//
// Models mm/mmap.c of 6.1. Requires mmap_lock for write, so that no VMA comes
// or goes and none gets an anon_vma. One system-wide mutex serialises takers,
// so locks of one class need no order among themselves, and marks on the locks
// (AS_MM_ALL_LOCKS, the low bit of the anon_vma's root) say which are held:
// no lock is taken twice, and a partial set can be dropped.
//
// Left out: the pass over hugetlb mappings, which comes before the others; no
// hugetlb VMAs are modelled.

#ifndef MMFAULT_SERVER_NOTIFIER_SUBSCRIPTIONS_MM_TAKE_ALL_LOCKS_H_
#define MMFAULT_SERVER_NOTIFIER_SUBSCRIPTIONS_MM_TAKE_ALL_LOCKS_H_

#include "server/mm/mm_types.h"
#include "server/sched/task.h"

namespace mmfault::notifier::subscriptions {

// Returns 0, or -EINTR with nothing held when a signal was pending at some VMA.
// Sleeps.
sched::Task<int> mm_take_all_locks(mm::mm_struct* mm);

// Drops what is held, all or a part. Walks every VMA without testing signals.
sched::Task<> mm_drop_all_locks(mm::mm_struct* mm);

}  // namespace mmfault::notifier::subscriptions

#endif  // MMFAULT_SERVER_NOTIFIER_SUBSCRIPTIONS_MM_TAKE_ALL_LOCKS_H_
