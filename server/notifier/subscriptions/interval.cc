// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Interval subscriptions: insert, remove, and the readers' side of the
// collision-retry lock.

#include "server/kernel/errno.h"
#include "server/kernel/mutant.h"
#include "server/mm/fork.h"
#include "server/notifier/subscriptions/notifier_subscriptions.h"

namespace mmfault::notifier::subscriptions {
namespace {

using kernel::Mutant;
using kernel::Mutated;

bool SeqChanged(const sched::TaskRecord& task) {
  const auto* subscriptions =
      static_cast<const mmu_notifier_subscriptions*>(task.op_target.get());
  return subscriptions->invalidate_seq != task.op_arg;
}

// wait_event(subscriptions->wq, READ_ONCE(invalidate_seq) != seq): a look
// first, which may come in the middle of mn_itree_inv_end(), and sleep after
// it.
Task<> WaitForChange(mmu_notifier_subscriptions* subscriptions, uint64_t seq,
                     const char* where) {
  const uint64_t now =
      co_await kernel::Load(subscriptions->invalidate_seq, where);
  if (now == seq) {
    co_await kernel::wait_event(&subscriptions->wq, SeqChanged, subscriptions,
                                seq, where);
  }
}

// Rule: while ranges are being invalidated a new subscription counts as
// invalidated too, since nobody knows whether one of them meets it: it gets
// the odd sequence, and enters the tree now only if nobody walks it. When all
// is idle it gets the odd number before, which no even one equals. Kernel: the
// locked part of mm/mmu_notifier.c:__mmu_interval_notifier_insert(), v6.1.
void InsertLocked(mmu_interval_notifier* sub,
                  mmu_notifier_subscriptions* subscriptions) {
  const bool odd = (subscriptions->invalidate_seq & 1) != 0;
  const bool active = subscriptions->active_invalidate_ranges != 0 &&
                      !Mutated(Mutant::kInsertNotDeferred);
  if (active && odd) {
    sub->deferred_next = subscriptions->deferred_list.get();
    subscriptions->deferred_list = sub;
  } else {
    if (active) {
      subscriptions->invalidate_seq |= 1;
    }
    interval_tree_insert(sub, subscriptions);
  }
  const uint64_t idle = Mutated(Mutant::kSeqParity) ? 0 : 1;
  sub->invalidate_seq = active
                            ? subscriptions->invalidate_seq.get()
                            : subscriptions->invalidate_seq - (odd ? 2 : idle);
}

// Kernel: mm/mmu_notifier.c:__mmu_interval_notifier_insert(), v6.1.
Task<int> __mmu_interval_notifier_insert(
    mmu_interval_notifier* sub, mm_struct* mm,
    mmu_notifier_subscriptions* subscriptions, uint64_t start,
    uint64_t length) {
  sub->mm = mm;
  sub->in_tree = false;
  sub->start = start;
  sub->last = start + (length - 1);
  if (length == 0 || sub->last < start) {
    co_return -EOVERFLOW;
  }
  co_await kernel::Point{{trace::OpKind::kRead, trace::Access::kRead,
                          mm->users_key(), "mmu_interval_notifier_insert"}};
  if (mm->mm_users.counter <= 0) {
    co_return -EINVAL;  // with a WARN(): the caller owes a user
  }
  if (!Mutated(Mutant::kInsertWithoutPin)) {
    co_await mm::mmgrab(mm);
  }
  co_await kernel::spin_lock(&subscriptions->lock,
                             "mmu_interval_notifier_insert");
  if (Mutated(Mutant::kInsertNotDeferred)) {
    // Somebody may be walking the tree, without the lock.
    co_await kernel::Point{{trace::OpKind::kWrite, trace::Access::kWrite,
                            kernel::MemoryKey(PlaceInTree(sub, subscriptions)),
                            "interval_tree_insert"}};
  }
  InsertLocked(sub, subscriptions);
  co_await kernel::spin_unlock(&subscriptions->lock,
                               "mmu_interval_notifier_insert");
  co_return 0;
}

void RemoveDeferred(mmu_interval_notifier* sub,
                    mmu_notifier_subscriptions* subscriptions) {
  Cell<mmu_interval_notifier*>* link = &subscriptions->deferred_list;
  while (*link != nullptr && *link != sub) {
    link = &(*link)->deferred_next;
  }
  if (*link == sub) {
    *link = sub->deferred_next.get();
  }
}

bool IsDeferred(const mmu_interval_notifier* sub,
                const mmu_notifier_subscriptions* subscriptions) {
  const mmu_interval_notifier* at = subscriptions->deferred_list;
  while (at != nullptr && at != sub) {
    at = at->deferred_next;
  }
  return at != nullptr;
}

void ReportNotInserted(const mmu_interval_notifier* sub) {
  kernel::ReportHere(trace::Checker::kCountsSane, trace::Cause::kNotInserted,
                     sub->object().key());
}

// The locked part of remove: the sequence to wait for, 0 for none. It is odd
// where there is something to wait for.
uint64_t RemoveLocked(mmu_interval_notifier* sub,
                      mmu_notifier_subscriptions* subscriptions) {
  const bool odd = (subscriptions->invalidate_seq & 1) != 0;
  if (!sub->in_tree) {
    if (!IsDeferred(sub, subscriptions)) {
      ReportNotInserted(sub);  // WARN_ON(RB_EMPTY_NODE()), or a wild hlist_del
    }
    RemoveDeferred(sub, subscriptions);
    return 0;
  }
  if (odd) {
    sub->deferred_next = subscriptions->deferred_list.get();
    subscriptions->deferred_list = sub;
    return subscriptions->invalidate_seq;
  }
  interval_tree_remove(sub, subscriptions);
  return 0;
}

// Rule: who changed the sequence may still be applying what was deferred, this
// subscription too, so its end is seen under the lock only. Kernel:
// mm/mmu_notifier.c:mmu_interval_seq_released(), v6.1; until 5.17 the test was
// without the lock (P55). Differs: the condition is asked once under the lock,
// after it was seen without.
Task<> WaitReleased(mmu_notifier_subscriptions* subscriptions, uint64_t seq) {
  co_await WaitForChange(subscriptions, seq, "mmu_interval_notifier_remove");
  if (Mutated(Mutant::kRemoveReadsSeqUnlocked)) {
    co_return;
  }
  co_await kernel::spin_lock(&subscriptions->lock, "mmu_interval_seq_released");
  co_await kernel::spin_unlock(&subscriptions->lock,
                               "mmu_interval_seq_released");
}

}  // namespace

// Rule: the first interval of an mm takes every lock, as a list notifier does,
// so that no range is between its start and its end when the tree begins to
// count. -EOVERFLOW comes after that. Kernel: mm/mmu_notifier.c:
// mmu_interval_notifier_insert(), v6.1.
Task<int> mmu_interval_notifier_insert(mmu_interval_notifier* sub,
                                       mm_struct* mm, uint64_t start,
                                       uint64_t length) {
  auto* subscriptions =
      static_cast<mmu_notifier_subscriptions*>(co_await LoadSubscriptions(mm));
  if (subscriptions == nullptr || !subscriptions->has_itree) {
    const int rc = co_await mmu_notifier_register(nullptr, mm);
    if (rc != 0) {
      co_return rc;
    }
    subscriptions = SubscriptionsOf(mm);
  }
  const int rc = co_await __mmu_interval_notifier_insert(sub, mm, subscriptions,
                                                         start, length);
  co_return rc;
}

// Rule: while the tree is frozen the removal is left to the last range to end,
// and waited for; one that never entered the tree just leaves the queue.
// Kernel: mm/mmu_notifier.c:mmu_interval_notifier_remove(), v6.1.
Task<> mmu_interval_notifier_remove(mmu_interval_notifier* sub) {
  mm_struct* mm = sub->mm;
  mmu_notifier_subscriptions* subscriptions = SubscriptionsOf(mm);
  kernel::might_sleep();
  co_await kernel::spin_lock(&subscriptions->lock,
                             "mmu_interval_notifier_remove");
  const uint64_t seq = RemoveLocked(sub, subscriptions);
  co_await kernel::spin_unlock(&subscriptions->lock,
                               "mmu_interval_notifier_remove");
  if (seq != 0 && !Mutated(Mutant::kRemoveNoWait)) {
    co_await WaitReleased(subscriptions, seq);
  }
  co_await mm::mmdrop(mm);
}

// Rule: a subscription whose sequence is the mm's is between start and end. It
// waits once: whether a later range has collided is for read_retry to say, so
// that the caller can bound the time. Kernel: mm/mmu_notifier.c:
// mmu_interval_read_begin(), v6.1.
Task<uint64_t> mmu_interval_read_begin(mmu_interval_notifier* sub) {
  mmu_notifier_subscriptions* subscriptions = SubscriptionsOf(sub->mm);
  kernel::might_sleep();
  co_await kernel::spin_lock(&subscriptions->lock, "mmu_interval_read_begin");
  const uint64_t seq =
      co_await kernel::Load(sub->invalidate_seq, "mmu_interval_read_begin");
  const bool is_invalidating = seq == subscriptions->invalidate_seq;
  co_await kernel::spin_unlock(&subscriptions->lock, "mmu_interval_read_begin");
  if (is_invalidating) {
    co_await WaitForChange(subscriptions, seq, "mmu_interval_read_begin");
  }
  co_return seq;
}

}  // namespace mmfault::notifier::subscriptions
