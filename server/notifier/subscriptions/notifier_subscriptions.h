// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// notifier_subscriptions.h: what hangs on mm->notifier_subscriptions, and the
// functions of mm/mmu_notifier.c over it. Private to this folder.
//
// Locks: the list is changed under subscriptions->lock, and added to only while
// every rmap lock of the mm is held too; walkers hold a read section of the
// srcu domain. The object lives from the first registration until the struct
// of the mm goes.

#ifndef MMFAULT_SERVER_NOTIFIER_SUBSCRIPTIONS_NOTIFIER_SUBSCRIPTIONS_H_
#define MMFAULT_SERVER_NOTIFIER_SUBSCRIPTIONS_NOTIFIER_SUBSCRIPTIONS_H_

#include "server/kernel/lock.h"
#include "server/notifier/subscription.h"

namespace mmfault::notifier::subscriptions {

// struct mmu_notifier_subscriptions, the part that list notifiers need.
struct mmu_notifier_subscriptions {
  Object object;
  hlist_head list;
  kernel::spinlock_t lock;
};

// mm->notifier_subscriptions, read plainly: for holders of a lock or a section
// that keeps it, and where a scheduling point was just passed.
inline mmu_notifier_subscriptions* SubscriptionsOf(const mm_struct* mm) {
  return static_cast<mmu_notifier_subscriptions*>(mm->subscriptions.get());
}

// Registration. Takes mmap_lock for write; sleeps. 0, -ENOMEM or -EINTR.
Task<int> mmu_notifier_register(mmu_notifier* mn, mm_struct* mm);
// Never fails; waits for every walker, of any mm. Sleeps. Returns 0.
Task<int> mmu_notifier_unregister(mmu_notifier* mn, mm_struct* mm);

// The end of an mm: exit_mmap() before anything else, and __mmdrop().
Task<> mmu_notifier_release(mm_struct* mm);
void mmu_notifier_subscriptions_init(mm_struct* mm);
Task<> mmu_notifier_subscriptions_destroy(mm_struct* mm);

// Walks, for the operations of mm/.
bool mm_has_notifiers(const mm_struct* mm);
Task<int> mmu_notifier_invalidate_range_start(mmu_notifier_range* range);
Task<> mmu_notifier_invalidate_range_end(mmu_notifier_range* range);
Task<int> mmu_notifier_clear_flush_young(mm_struct* mm, uint64_t start,
                                         uint64_t end);

}  // namespace mmfault::notifier::subscriptions

#endif  // MMFAULT_SERVER_NOTIFIER_SUBSCRIPTIONS_NOTIFIER_SUBSCRIPTIONS_H_
