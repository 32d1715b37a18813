// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// The invalidation of intervals: the collision-retry lock's writers.

#include "server/kernel/errno.h"
#include "server/notifier/call.h"
#include "server/notifier/subscriptions/notifier_subscriptions.h"

namespace mmfault::notifier::subscriptions {
namespace {

// The first subscription that a range meets, and the sequence to set; in the
// caller's frame.
struct Found {
  mmu_interval_notifier* sub;
  uint64_t cur_seq;
};

bool Meets(const mmu_interval_notifier* sub, const mmu_notifier_range* range) {
  return sub->start <= range->end - 1 && range->start <= sub->last;
}

// The next in the tree's order. A step.
Task<mmu_interval_notifier*> NextInTree(const mmu_interval_notifier* sub,
                                        const char* where) {
  mmu_interval_notifier* next = co_await kernel::Load(sub->tree_next, where);
  co_await CheckLink(sub->mn, sub->mn->tree_next_freed);
  co_return next;
}

bool mn_itree_is_invalidating(const mmu_notifier_subscriptions* subscriptions) {
  return (subscriptions->invalidate_seq & 1) != 0;
}

// From `sub` on, in the tree's order; the tree does not change meanwhile.
Task<mmu_interval_notifier*> FirstMet(mmu_interval_notifier* sub,
                                      const mmu_notifier_range* range) {
  while (sub != nullptr && !Meets(sub, range)) {
    sub = co_await NextInTree(sub, "interval_tree_iter_next");
  }
  co_return sub;
}

// Rule: the sequence becomes odd only when the range meets somebody; then the
// tree is frozen until the last such range ends. Kernel: mm/mmu_notifier.c:
// mn_itree_inv_start_range(), v6.1.
Task<> mn_itree_inv_start_range(mmu_notifier_subscriptions* subscriptions,
                                const mmu_notifier_range* range, Found* found) {
  co_await kernel::spin_lock(&subscriptions->lock, "mn_itree_inv_start_range");
  subscriptions->active_invalidate_ranges += 1;
  found->sub = co_await FirstMet(subscriptions->itree, range);
  if (found->sub != nullptr) {
    subscriptions->invalidate_seq |= 1;
  }
  found->cur_seq = subscriptions->invalidate_seq;
  co_await kernel::spin_unlock(&subscriptions->lock,
                               "mn_itree_inv_start_range");
}

// Rule: no lock: the sequence is odd, so nobody changes the tree. Kernel:
// mm/mmu_notifier.c:mn_itree_inv_next(), v6.1.
Task<mmu_interval_notifier*> mn_itree_inv_next(
    mmu_interval_notifier* sub, const mmu_notifier_range* range) {
  mmu_interval_notifier* next = co_await NextInTree(sub, "mn_itree_inv_next");
  next = co_await FirstMet(next, range);
  co_return next;
}

// What the first passes left to do, oldest first. The kernel's list is newest
// first and is turned round before it is walked.
struct FinishPasses {
  mmu_interval_notifier_finish* first;
  mmu_interval_notifier_finish* last;

  void Add(mmu_interval_notifier_finish* finish, mmu_interval_notifier* sub) {
    finish->notifier = sub;
    finish->link = nullptr;
    if (last == nullptr) {
      first = finish;
    } else {
      last->link = finish;
    }
    last = finish;
  }
};

// Rule: every finish after every start. Kernel: mm/mmu_notifier.c:
// mn_itree_finish_pass(), v7.3.
Task<> mn_itree_finish_pass(const FinishPasses* passes, mm_struct* mm) {
  mmu_interval_notifier_finish* finish = passes->first;
  while (finish != nullptr) {
    // The driver may use its token again once it was called.
    mmu_interval_notifier_finish* next = finish->link;
    co_await CallIntervalFinish(finish, mm);
    finish = next;
  }
}

// One subscription; in 7.x perhaps the first of two passes.
Task<bool> InvalidateOne(mmu_interval_notifier* sub,
                         const mmu_notifier_range* range, uint64_t cur_seq,
                         FinishPasses* passes) {
  bool done = false;
  if (CurrentVersion().two_passes) {
    mmu_interval_notifier_finish* finish = nullptr;
    done = co_await CallIntervalInvalidateStart(sub, range, cur_seq, &finish);
    if (done && finish != nullptr) {
      passes->Add(finish, sub);
    }
  } else {
    done = co_await CallIntervalInvalidate(sub, range, cur_seq);
  }
  if (!done && range->blockable) {
    // WARN_ON(): the device goes on using what it maps, and the caller too.
    kernel::ReportHere(trace::Checker::kErrorsAsSpecified,
                       trace::Cause::kErrorNotSpecified, sub->object().key(),
                       EAGAIN);
  }
  co_return done;
}

// Every subscription that the range meets; -EAGAIN when one may not block, and
// the rest is not asked.
Task<int> InvalidateAll(mmu_notifier_subscriptions* subscriptions,
                        const mmu_notifier_range* range) {
  Found found = {};
  FinishPasses passes = {};
  int rc = 0;
  co_await mn_itree_inv_start_range(subscriptions, range, &found);
  while (found.sub != nullptr) {
    const bool done =
        co_await InvalidateOne(found.sub, range, found.cur_seq, &passes);
    if (!done && !range->blockable) {
      rc = -EAGAIN;
      break;
    }
    found.sub = co_await mn_itree_inv_next(found.sub, range);
  }
  co_await mn_itree_finish_pass(&passes, range->mm);
  co_return rc;
}

// Rule: what came while the sequence was odd happens now: those not in the
// tree are inserted, the others leave it. Kernel: the loop of
// mm/mmu_notifier.c:mn_itree_inv_end(), v6.1.
Task<> ApplyDeferred(mmu_notifier_subscriptions* subscriptions) {
  mmu_interval_notifier* sub = subscriptions->deferred_list;
  while (sub != nullptr) {
    mmu_interval_notifier* next =
        co_await kernel::Load(sub->deferred_next, "mn_itree_inv_end");
    co_await CheckLink(sub->mn, sub->mn->next_freed);
    if (sub->in_tree) {
      interval_tree_remove(sub, subscriptions);
    } else {
      interval_tree_insert(sub, subscriptions);
    }
    subscriptions->deferred_list = next;
    sub = next;
  }
}

}  // namespace

Cell<mmu_interval_notifier*>* PlaceInTree(
    const mmu_interval_notifier* sub,
    mmu_notifier_subscriptions* subscriptions) {
  Cell<mmu_interval_notifier*>* link = &subscriptions->itree;
  while (*link != nullptr && (*link)->start <= sub->start) {
    link = &(*link)->tree_next;
  }
  return link;
}

void interval_tree_insert(mmu_interval_notifier* sub,
                          mmu_notifier_subscriptions* subscriptions) {
  Cell<mmu_interval_notifier*>* link = PlaceInTree(sub, subscriptions);
  sub->tree_next = link->get();
  *link = sub;
  sub->in_tree = true;
}

// `tree_next` stays: who stands on the node finds the rest.
void interval_tree_remove(mmu_interval_notifier* sub,
                          mmu_notifier_subscriptions* subscriptions) {
  Cell<mmu_interval_notifier*>* link = &subscriptions->itree;
  while (*link != nullptr && *link != sub) {
    link = &(*link)->tree_next;
  }
  if (*link == sub) {
    *link = sub->tree_next.get();
  }
  sub->in_tree = false;
}

// Rule: the last range to end makes the sequence even, applies what was
// deferred, and wakes who waits for either. Kernel: mm/mmu_notifier.c:
// mn_itree_inv_end(), v6.1.
Task<> mn_itree_inv_end(mmu_notifier_subscriptions* subscriptions) {
  co_await kernel::spin_lock(&subscriptions->lock, "mn_itree_inv_end");
  subscriptions->active_invalidate_ranges -= 1;
  const bool last = subscriptions->active_invalidate_ranges == 0 &&
                    mn_itree_is_invalidating(subscriptions);
  if (last) {
    co_await kernel::Store(subscriptions->invalidate_seq,
                           subscriptions->invalidate_seq + 1,
                           "mn_itree_inv_end");
    co_await ApplyDeferred(subscriptions);
  }
  co_await kernel::spin_unlock(&subscriptions->lock, "mn_itree_inv_end");
  if (last) {
    co_await kernel::wake_up_all(&subscriptions->wq, "mn_itree_inv_end");
  }
}

// Rule: a caller that is told -EAGAIN calls no range_end, so the range ends
// here; those that were asked keep the sequence they set, and a later odd one
// is another. Kernel: mm/mmu_notifier.c:mn_itree_invalidate(), v6.1 and v7.3.
Task<int> mn_itree_invalidate(mmu_notifier_subscriptions* subscriptions,
                              const mmu_notifier_range* range) {
  const int rc = co_await InvalidateAll(subscriptions, range);
  if (rc != 0) {
    co_await mn_itree_inv_end(subscriptions);
  }
  co_return rc;
}

// Kernel: mm/mmu_notifier.c:mn_itree_release(), v6.1 and v7.3.
Task<> mn_itree_release(mmu_notifier_subscriptions* subscriptions,
                        mm_struct* mm) {
  const mmu_notifier_range range{mm, 0, UINT64_MAX, mm::Event::kRelease, true};
  co_await InvalidateAll(subscriptions, &range);
  co_await mn_itree_inv_end(subscriptions);
}

}  // namespace mmfault::notifier::subscriptions
