// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// mm_lock.h: mm_lock() over two sorted arrays. Private to this folder.
//
// Cost for N VMAs with Di files and Da anon_vmas: 2N VMA visits and O(N log N)
// comparisons to lock, up to 2N array entries to unlock; two arrays of N
// pointers. cond_resched() at every comparison; no signal test.
//
// Locks: mmap_sem for write, which the caller takes, then each class by
// ascending address. The caller holds no rmap lock and a pin on mm_users.

#ifndef MMFAULT_SERVER_NOTIFIER_V13_MM_LOCK_H_
#define MMFAULT_SERVER_NOTIFIER_V13_MM_LOCK_H_

#include "server/kernel/slab.h"
#include "server/notifier/mm_lock.h"
#include "server/notifier/subscription.h"

namespace mmfault::notifier::v13 {

// struct mm_lock_data. Comes from kmalloc() in #v13 and is on the caller's
// stack later: what nobody sets is garbage, and not 0.
struct mm_lock_data {
  Cell<kernel::allocation*> i_mmap_locks;
  Cell<kernel::allocation*> anon_vma_locks;
  Cell<uint64_t> nr_i_mmap_locks;
  Cell<uint64_t> nr_anon_vma_locks;
};
void Poison(mm_lock_data* data);

// With mmap_sem held for write: 0 with every rmap lock held, or -ENOMEM with
// none and nothing allocated. Sleeps until the first rmap lock.
Task<int> mm_lock(mm_struct* mm, mm_lock_data* data, bool anon_first);

// Cannot fail. mmap_sem stays held.
Task<> mm_unlock(mm_struct* mm, mm_lock_data* data);

}  // namespace mmfault::notifier::v13

#endif  // MMFAULT_SERVER_NOTIFIER_V13_MM_LOCK_H_
