// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// mmu_notifier_mm.h: what hangs on mm->mmu_notifier_mm, and the functions of
// mm/mmu_notifier.c over it, #v13 to #v16. Private to this folder.
//
// Locks: #v13 adds and removes under every lock of the mm. From #v14 on the
// list is changed under mmu_notifier_mm->lock, and added to only while every
// rmap lock is held too; walkers are in a read section of the mm's own SRCU
// domain. The object of #v13 lives as long as the mm's struct; later ones from
// the first registration on.

#ifndef MMFAULT_SERVER_NOTIFIER_V13_MMU_NOTIFIER_MM_H_
#define MMFAULT_SERVER_NOTIFIER_V13_MMU_NOTIFIER_MM_H_

#include "server/kernel/lock.h"
#include "server/kernel/rcu.h"
#include "server/kernel/slab.h"
#include "server/notifier/subscription.h"

namespace mmfault::notifier::v13 {

// Where the members of the family differ.
struct Rules {
  bool srcu;  // v14: SRCU, the pin on mm_count, unregister without mm_lock
  bool anon_first;  // v14: class A before class I
};

struct mmu_notifier_mm {
  Object object;
  hlist_head list;
  kernel::spinlock_t lock;
  kernel::grace_domain srcu;
  Cell<kernel::allocation*> per_cpu_ref;  // of the srcu_struct
};

// mm->mmu_notifier_mm, read plainly: for holders of a lock or a section that
// keeps it, and where a scheduling point was just passed.
inline mmu_notifier_mm* NotifierMmOf(const mm_struct* mm) {
  return static_cast<mmu_notifier_mm*>(mm->subscriptions.get());
}

// 0 or -ENOMEM. Sleeps. The caller holds mmap_sem for write, or takes_mmap_sem.
Task<int> mmu_notifier_register(mmu_notifier* mn, mm_struct* mm,
                                const Rules& rules, bool takes_mmap_sem);
// #v13: 0 or -ENOMEM; later: 0, and waits for every walker of this mm. Sleeps.
Task<int> mmu_notifier_unregister(mmu_notifier* mn, mm_struct* mm,
                                  const Rules& rules);

// The end of an mm: exit_mmap() before anything else, and __mmdrop().
Task<> mmu_notifier_release(mm_struct* mm, const Rules& rules);
void mmu_notifier_mm_init(mm_struct* mm, const Rules& rules);
Task<> mmu_notifier_mm_destroy(mm_struct* mm, const Rules& rules);

// #v14 and later: what unregister does instead of an mm_lock() (release.cc).
Task<> UnlinkAndRelease(mmu_notifier* mn, mm_struct* mm);

// Walks, for the operations of mm/. What a method answers goes nowhere, so a
// start returns 0.
bool mm_has_notifiers(const mm_struct* mm);
Task<int> mmu_notifier_invalidate_range_start(mmu_notifier_range* range,
                                              const Rules& rules);
Task<> mmu_notifier_invalidate_range_end(mmu_notifier_range* range,
                                         const Rules& rules);
Task<> mmu_notifier_invalidate_page(mm_struct* mm, uint64_t address,
                                    const Rules& rules);
Task<int> mmu_notifier_clear_flush_young(mm_struct* mm, uint64_t start,
                                         uint64_t end, const Rules& rules);

}  // namespace mmfault::notifier::v13

#endif  // MMFAULT_SERVER_NOTIFIER_V13_MMU_NOTIFIER_MM_H_
