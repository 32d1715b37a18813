// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Starts and ends of ranges, as the operations of mm/ make them: intervals
// first, then the list.

#include "server/kernel/errno.h"
#include "server/kernel/mutant.h"
#include "server/kernel/state.h"
#include "server/notifier/call.h"
#include "server/notifier/list.h"
#include "server/notifier/subscriptions/notifier_subscriptions.h"

namespace mmfault::notifier::subscriptions {
namespace {

using kernel::Kernel;
using kernel::Mutant;
using kernel::Mutated;

void non_block_start(const mmu_notifier_range* range) {
  if (!range->blockable) {
    kernel::Current()->non_block_count += 1;
  }
}

void non_block_end(const mmu_notifier_range* range) {
  if (!range->blockable) {
    kernel::Current()->non_block_count -= 1;
  }
}

// The kernel warns, and goes on: only -EAGAIN, and only to a caller that may
// not block, is an answer that anybody will act upon.
void CheckAnswer(const mmu_notifier* mn, const mmu_notifier_range* range,
                 int rc) {
  if (range->blockable || rc != -EAGAIN) {
    kernel::ReportHere(trace::Checker::kErrorsAsSpecified,
                       trace::Cause::kErrorNotSpecified, mn->object.key(),
                       static_cast<uint64_t>(-rc));
  }
}

Task<int> StartOne(mmu_notifier* mn, const mmu_notifier_range* range) {
  non_block_start(range);
  const int rc = co_await CallInvalidateRangeStart(mn, range);
  non_block_end(range);
  if (rc != 0) {
    CheckAnswer(mn, range, rc);
  }
  co_return rc;
}

// Rule: those that started expect their end now. One that failed must not have
// a range_end, since nobody remembers who failed.
Task<> UndoStarts(mmu_notifier_subscriptions* subscriptions,
                  const mmu_notifier_range* range) {
  mmu_notifier* mn = co_await hlist_first(&subscriptions->list,
                                          "mn_hlist_invalidate_range_start");
  while (mn != nullptr) {
    co_await CallInvalidateRangeEnd(mn, range);
    mn = co_await hlist_next(mn, "mn_hlist_invalidate_range_start");
  }
}

// Rule: an error is remembered and the walk goes on, so everybody has seen the
// start when the ends are undone. Kernel: mm/mmu_notifier.c:
// mn_hlist_invalidate_range_start(), v6.1.
Task<int> mn_hlist_invalidate_range_start(
    mmu_notifier_subscriptions* subscriptions,
    const mmu_notifier_range* range) {
  int ret = 0;
  co_await kernel::srcu_read_lock(&Kernel()->srcu,
                                  "mn_hlist_invalidate_range_start");
  mmu_notifier* mn = co_await hlist_first(&subscriptions->list,
                                          "mn_hlist_invalidate_range_start");
  while (mn != nullptr) {
    const int rc = co_await StartOne(mn, range);
    ret = rc != 0 ? rc : ret;
    if (rc != 0 && Mutated(Mutant::kStartStopsAtError)) {
      break;
    }
    mn = co_await hlist_next(mn, "mn_hlist_invalidate_range_start");
  }
  if (ret != 0 && !Mutated(Mutant::kNoRollback)) {
    co_await UndoStarts(subscriptions, range);
  }
  co_await kernel::srcu_read_unlock(&Kernel()->srcu,
                                    "mn_hlist_invalidate_range_start");
  co_return ret;
}

// Rule: a device that shares the page tables needs no range_end: until 6.5 its
// invalidate_range() is called here too, unless the site has called it under
// the page table lock. Kernel: mm/mmu_notifier.c:mn_hlist_invalidate_end(),
// v6.1 and v6.12.
Task<> EndOne(mmu_notifier* mn, const mmu_notifier_range* range,
              bool only_end) {
  if (!only_end && CurrentVersion().end_invalidates_range) {
    co_await CallInvalidateRange(mn, range->mm, range->start, range->end);
  }
  non_block_start(range);
  co_await CallInvalidateRangeEnd(mn, range);
  non_block_end(range);
}

// Kernel: mm/mmu_notifier.c:mn_hlist_invalidate_end(), v6.1.
Task<> mn_hlist_invalidate_end(mmu_notifier_subscriptions* subscriptions,
                               const mmu_notifier_range* range, bool only_end) {
  co_await kernel::srcu_read_lock(&Kernel()->srcu, "mn_hlist_invalidate_end");
  mmu_notifier* mn =
      co_await hlist_first(&subscriptions->list, "mn_hlist_invalidate_end");
  while (mn != nullptr) {
    co_await EndOne(mn, range, only_end);
    mn = co_await hlist_next(mn, "mn_hlist_invalidate_end");
  }
  co_await kernel::srcu_read_unlock(&Kernel()->srcu, "mn_hlist_invalidate_end");
}

// Kernel: mm/mmu_notifier.c:__mmu_notifier_invalidate_range_start(), v6.1 to
// v7.3, with its bug (P46): the list's error is returned with the intervals'
// range begun, and the caller, who was told that nothing was, calls no end.
// invalidate_seq then stays odd, or will with the next interval, for ever.
Task<int> StartRange(mmu_notifier_subscriptions* subscriptions,
                     const mmu_notifier_range* range) {
  const bool has_itree = subscriptions->has_itree;
  if (has_itree) {
    const int rc = co_await mn_itree_invalidate(subscriptions, range);
    if (rc != 0) {
      co_return rc;
    }
  }
  const hlist_node* first =
      co_await kernel::Load(subscriptions->list.first, "hlist_empty");
  if (first == nullptr) {
    co_return 0;
  }
  const int rc = co_await mn_hlist_invalidate_range_start(subscriptions, range);
  const bool ended_here =
      rc != 0 && has_itree && !range->blockable;  // as it should be
  if (ended_here && Mutated(Mutant::kItreeEndOnListError)) {
    co_await mn_itree_inv_end(subscriptions);
  }
  co_return rc;
}

// Kernel: mm/mmu_notifier.c:__mmu_notifier_invalidate_range_end(), v6.1.
Task<> EndRange(const mmu_notifier_range* range, bool only_end) {
  auto* subscriptions = static_cast<mmu_notifier_subscriptions*>(
      co_await LoadSubscriptions(range->mm));
  if (subscriptions == nullptr) {
    co_return;
  }
  if (subscriptions->has_itree) {
    co_await mn_itree_inv_end(subscriptions);
  }
  const hlist_node* first =
      co_await kernel::Load(subscriptions->list.first, "hlist_empty");
  if (first != nullptr) {
    co_await mn_hlist_invalidate_end(subscriptions, range, only_end);
  }
}

}  // namespace

bool mm_has_notifiers(const mm_struct* mm) {
  return mm->subscriptions != nullptr;
}

// Kernel: include/linux/mmu_notifier.h:mmu_notifier_invalidate_range_start()
// and its _nonblock form, which the range's `blockable` stands for, v6.1.
// Differs: a blockable range's error is returned too; no caller looks at it.
Task<int> mmu_notifier_invalidate_range_start(mmu_notifier_range* range) {
  auto* subscriptions = static_cast<mmu_notifier_subscriptions*>(
      co_await LoadSubscriptions(range->mm));
  if (subscriptions == nullptr) {
    co_return 0;
  }
  const int rc = co_await StartRange(subscriptions, range);
  co_return rc;
}

// Kernel: mm/mmu_notifier.c:__mmu_notifier_invalidate_range_end(), v6.1.
Task<> mmu_notifier_invalidate_range_end(mmu_notifier_range* range) {
  return EndRange(range, false);
}

// Kernel: include/linux/mmu_notifier.h:
// mmu_notifier_invalidate_range_only_end(), v6.1; gone in 6.6.
Task<> mmu_notifier_invalidate_range_only_end(mmu_notifier_range* range) {
  return EndRange(range, true);
}

}  // namespace mmfault::notifier::subscriptions
