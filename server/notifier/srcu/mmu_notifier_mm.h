// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// mmu_notifier_mm.h: what hangs on mm->mmu_notifier_mm, and the functions of
// mm/mmu_notifier.c over it, 3.7 to 3.10. Private to this folder.
//
// Locks: the list is changed under mmu_notifier_mm->lock, and added to only
// while every rmap lock of the mm is held too; walkers hold a read section of
// the one srcu domain.
// The object lives from the first registration until the struct of the mm goes.

#ifndef MMFAULT_SERVER_NOTIFIER_SRCU_MMU_NOTIFIER_MM_H_
#define MMFAULT_SERVER_NOTIFIER_SRCU_MMU_NOTIFIER_MM_H_

#include "server/kernel/lock.h"
#include "server/notifier/subscription.h"

namespace mmfault::notifier::srcu {

// Where the members of the family differ.
struct Rules {
  // The object is allocated while every lock is held, which only GFP_ATOMIC may
  // do there; otherwise before any lock.
  bool allocates_under_locks;
  // ->release() of every notifier, then off the list; otherwise each is
  // unlinked and then released.
  bool releases_first;
  // With releases_first: unregister unlinks without looking again whether exit
  // has done so (hlist_del_rcu; otherwise hlist_del_init_rcu).
  bool unlinks_unseen;
};

struct mmu_notifier_mm {
  Object object;
  hlist_head list;
  kernel::spinlock_t lock;
};

// mm->mmu_notifier_mm, read plainly: for holders of a lock or a section that
// keeps it, and where a scheduling point was just passed.
inline mmu_notifier_mm* NotifierMmOf(const mm_struct* mm) {
  return static_cast<mmu_notifier_mm*>(mm->subscriptions.get());
}

// Takes mmap_sem for write, unless the caller holds it; sleeps. 0, -ENOMEM or
// -EINTR.
Task<int> do_mmu_notifier_register(mmu_notifier* mn, mm_struct* mm,
                                   const Rules& rules, bool take_mmap_sem);
// Never fails; waits for every walker, of any mm. Sleeps. Returns 0.
Task<int> mmu_notifier_unregister(mmu_notifier* mn, mm_struct* mm,
                                  const Rules& rules);

// The end of an mm: exit_mmap() before anything else, and __mmdrop().
Task<> mmu_notifier_release(mm_struct* mm, const Rules& rules);
void mmu_notifier_mm_init(mm_struct* mm);
Task<> mmu_notifier_mm_destroy(mm_struct* mm);

// Walks, for the operations of mm/. What a method answers goes nowhere, so a
// start returns 0.
bool mm_has_notifiers(const mm_struct* mm);
Task<int> mmu_notifier_invalidate_range_start(mmu_notifier_range* range);
Task<> mmu_notifier_invalidate_range_end(mmu_notifier_range* range);
Task<> mmu_notifier_invalidate_page(mm_struct* mm, uint64_t address);
Task<int> mmu_notifier_clear_flush_young(mm_struct* mm, uint64_t start,
                                         uint64_t end);
Task<> mmu_notifier_change_pte(mm_struct* mm, uint64_t address,
                               mm::page* target);
Task<int> mmu_notifier_test_young(mm_struct* mm, uint64_t address);

}  // namespace mmfault::notifier::srcu

#endif  // MMFAULT_SERVER_NOTIFIER_SRCU_MMU_NOTIFIER_MM_H_
