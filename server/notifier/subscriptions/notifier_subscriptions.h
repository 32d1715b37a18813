// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// notifier_subscriptions.h: what hangs on mm->notifier_subscriptions, and the
// functions of mm/mmu_notifier.c over it. Private to this folder.
//
// Locks: the list is changed under subscriptions->lock, and added to only while
// every rmap lock of the mm is held too; walkers hold a read section of the
// srcu domain. The tree is changed under subscriptions->lock while
// invalidate_seq is even, and walked without it while it is odd. The object
// lives from the first registration until the struct of the mm goes.

#ifndef MMFAULT_SERVER_NOTIFIER_SUBSCRIPTIONS_NOTIFIER_SUBSCRIPTIONS_H_
#define MMFAULT_SERVER_NOTIFIER_SUBSCRIPTIONS_NOTIFIER_SUBSCRIPTIONS_H_

#include "server/kernel/lock.h"
#include "server/kernel/point.h"
#include "server/kernel/wait.h"
#include "server/notifier/interval.h"
#include "server/notifier/mm_take_all_locks.h"
#include "server/notifier/subscription.h"

namespace mmfault::notifier::subscriptions {

// Where the members of the family differ. A world knows its Era, which is the
// first field here.
struct Version {
  mm::Era era;
  AllLocksForm all_locks;
  // invalidate_range() of everybody at each full range_end; until 6.5.
  bool end_invalidates_range;
  // Both the secondary TLB method and start or end: -EINVAL; 6.6 and later.
  bool refuses_both_forms;
  // invalidate_start() and invalidate_finish() of intervals; 7.x.
  bool two_passes;
};
inline const Version& CurrentVersion() {
  return reinterpret_cast<const Version&>(mm::era());
}

struct mmu_notifier_subscriptions {
  Object object;
  hlist_head list;
  Cell<bool> has_itree;  // never cleared
  kernel::spinlock_t lock;
  // Even: idle. Odd: some range that meets an interval is being invalidated,
  // and the tree may not change.
  Cell<uint64_t> invalidate_seq;
  Cell<uint64_t> active_invalidate_ranges;
  Cell<mmu_interval_notifier*> itree;  // the first
  kernel::wait_queue_head_t wq;
  Cell<mmu_interval_notifier*> deferred_list;
};

// mm->notifier_subscriptions, read plainly: for holders of a lock or a section
// that keeps it, and where a scheduling point was just passed.
inline mmu_notifier_subscriptions* SubscriptionsOf(const mm_struct* mm) {
  return static_cast<mmu_notifier_subscriptions*>(
      kernel::Here(mm->subscriptions));
}
// mm_has_notifiers(), where somebody may be registering.
inline kernel::LoadPoint<void*> LoadSubscriptions(const mm_struct* mm) {
  return kernel::Load(mm->subscriptions, "mm_has_notifiers");
}

// --- Lists -------------------------------------------------------------------

// Registration. Takes mmap_lock for write; sleeps. 0, -ENOMEM, -EINTR, and
// -EINVAL where both forms are refused.
Task<int> mmu_notifier_register(mmu_notifier* mn, mm_struct* mm);
// The same for holders of mmap_lock; null for a first interval.
Task<int> __mmu_notifier_register(mmu_notifier* mn, mm_struct* mm);
// Never fails; waits for every walker, of any mm. Sleeps. Returns 0.
Task<int> mmu_notifier_unregister(mmu_notifier* mn, mm_struct* mm);

Task<int> mmu_notifier_get(const mmu_notifier_ops* ops, mm_struct* mm,
                           mmu_notifier** result);
Task<> mmu_notifier_put(mmu_notifier* mn);
Task<> mmu_notifier_synchronize();

// --- Intervals ---------------------------------------------------------------

Task<int> mmu_interval_notifier_insert(mmu_interval_notifier* sub,
                                       mm_struct* mm, uint64_t start,
                                       uint64_t length);
Task<> mmu_interval_notifier_remove(mmu_interval_notifier* sub);
Task<uint64_t> mmu_interval_read_begin(mmu_interval_notifier* sub);

// The tree, under subscriptions->lock. The place is the link that will lead to
// `sub`.
Cell<mmu_interval_notifier*>* PlaceInTree(
    const mmu_interval_notifier* sub,
    mmu_notifier_subscriptions* subscriptions);
void interval_tree_insert(mmu_interval_notifier* sub,
                          mmu_notifier_subscriptions* subscriptions);
void interval_tree_remove(mmu_interval_notifier* sub,
                          mmu_notifier_subscriptions* subscriptions);

// The start of a range, for everybody whose interval it meets: 0, or -EAGAIN
// with nothing begun.
Task<int> mn_itree_invalidate(mmu_notifier_subscriptions* subscriptions,
                              const mmu_notifier_range* range);
Task<> mn_itree_inv_end(mmu_notifier_subscriptions* subscriptions);
Task<> mn_itree_release(mmu_notifier_subscriptions* subscriptions,
                        mm_struct* mm);

// --- The end of an mm: exit_mmap() before anything else, and __mmdrop() ------

Task<> mmu_notifier_release(mm_struct* mm);
void mmu_notifier_subscriptions_init(mm_struct* mm);
Task<> mmu_notifier_subscriptions_destroy(mm_struct* mm);

// --- Walks, for the operations of mm/ ----------------------------------------

bool mm_has_notifiers(const mm_struct* mm);
Task<int> mmu_notifier_invalidate_range_start(mmu_notifier_range* range);
Task<> mmu_notifier_invalidate_range_end(mmu_notifier_range* range);
Task<> mmu_notifier_invalidate_range_only_end(mmu_notifier_range* range);
Task<> mmu_notifier_invalidate_range(mm_struct* mm, uint64_t start,
                                     uint64_t end);
Task<> mmu_notifier_change_pte(mm_struct* mm, uint64_t address,
                               mm::page* target);
Task<int> mmu_notifier_clear_flush_young(mm_struct* mm, uint64_t start,
                                         uint64_t end);
Task<int> mmu_notifier_clear_young(mm_struct* mm, uint64_t start, uint64_t end);
Task<int> mmu_notifier_test_young(mm_struct* mm, uint64_t address);

}  // namespace mmfault::notifier::subscriptions

#endif  // MMFAULT_SERVER_NOTIFIER_SUBSCRIPTIONS_NOTIFIER_SUBSCRIPTIONS_H_
