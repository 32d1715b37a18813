// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// mm_take_all_locks.h: every rmap lock of an mm at once, since 2.6.27.
//
// Models mm/mmap.c of 2.6.27 to 6.1. Requires mmap_lock for write, so that no
// VMA comes or goes and none gets an anon_vma. One system-wide mutex serialises
// takers, so locks of one class need no order among themselves, and marks on
// the locks (AS_MM_ALL_LOCKS, the low bit of the anon_vma's root) say which are
// held: no lock is taken twice, and a partial set can be dropped.
//
// What changed over the years: the order of the classes is a setting. Before
// 2.6.34 a VMA has at most one anon_vma and before 2.6.37 an anon_vma its own
// lock; the walk over all chains to each root is the same then. spinlocks until
// 2.6.39, mutexes and semaphores since 3.0 are a setting of the world.

#ifndef MMFAULT_SERVER_NOTIFIER_MM_TAKE_ALL_LOCKS_H_
#define MMFAULT_SERVER_NOTIFIER_MM_TAKE_ALL_LOCKS_H_

#include "server/mm/mm_types.h"
#include "server/sched/task.h"

namespace mmfault::notifier {

// Where the versions differ. The default is what 2.6.27 was released with, and
// every version after it.
struct AllLocksForm {
  // One pass that takes at each VMA its anon_vma's lock and then its mapping's,
  // as 2.6.27-rc1 did (7906d00cd1f6): the second VMA's i_mmap_lock is taken
  // under the first one's anon_vma lock, against the order of mm/rmap.c (P36).
  // Otherwise a pass for each class, mappings first (7cd5a02f54f4).
  bool vma_by_vma = false;
  // Mappings of hugetlb files in a pass of their own, before the others: their
  // locks are taken outside those of other files (4.5 and later, 88f306b68cbb).
  bool hugetlb_first = false;
  // Before all that, every VMA is locked for write, so that no fault is inside
  // one (6.4 and later).
  bool marks_vmas = false;
};

// Returns 0, or -EINTR with nothing held when a signal was pending at some VMA.
// Sleeps.
sched::Task<int> mm_take_all_locks(mm::mm_struct* mm, AllLocksForm form = {});

// Drops what is held, all or a part, in any form. Walks every VMA without
// testing signals.
sched::Task<> mm_drop_all_locks(mm::mm_struct* mm);

}  // namespace mmfault::notifier

#endif  // MMFAULT_SERVER_NOTIFIER_MM_TAKE_ALL_LOCKS_H_
