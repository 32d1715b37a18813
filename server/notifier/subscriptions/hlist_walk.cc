// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// The walks over list notifiers that the operations of mm/ make.

#include "server/kernel/errno.h"
#include "server/kernel/state.h"
#include "server/notifier/call.h"
#include "server/notifier/list.h"
#include "server/notifier/subscriptions/notifier_subscriptions.h"

namespace mmfault::notifier::subscriptions {
namespace {

using kernel::Kernel;

// mm_has_notifiers(), where somebody may be registering.
kernel::LoadPoint<void*> LoadSubscriptions(const mm_struct* mm) {
  return kernel::Load(mm->subscriptions, "mm_has_notifiers");
}

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
    mn = co_await hlist_next(mn, "mn_hlist_invalidate_range_start");
  }
  if (ret != 0) {
    co_await UndoStarts(subscriptions, range);
  }
  co_await kernel::srcu_read_unlock(&Kernel()->srcu,
                                    "mn_hlist_invalidate_range_start");
  co_return ret;
}

// Kernel: mm/mmu_notifier.c:mn_hlist_invalidate_end(), v6.1. Differs: no
// invalidate_range.
Task<> mn_hlist_invalidate_end(mmu_notifier_subscriptions* subscriptions,
                               const mmu_notifier_range* range) {
  co_await kernel::srcu_read_lock(&Kernel()->srcu, "mn_hlist_invalidate_end");
  mmu_notifier* mn =
      co_await hlist_first(&subscriptions->list, "mn_hlist_invalidate_end");
  while (mn != nullptr) {
    non_block_start(range);
    co_await CallInvalidateRangeEnd(mn, range);
    non_block_end(range);
    mn = co_await hlist_next(mn, "mn_hlist_invalidate_end");
  }
  co_await kernel::srcu_read_unlock(&Kernel()->srcu, "mn_hlist_invalidate_end");
}

}  // namespace

bool mm_has_notifiers(const mm_struct* mm) {
  return mm->subscriptions != nullptr;
}

// Kernel: __mmu_notifier_invalidate_range_start(), v6.1. Differs: no intervals.
Task<int> mmu_notifier_invalidate_range_start(mmu_notifier_range* range) {
  void* loaded = co_await LoadSubscriptions(range->mm);
  if (loaded == nullptr) {
    co_return 0;
  }
  const int rc = co_await mn_hlist_invalidate_range_start(
      static_cast<mmu_notifier_subscriptions*>(loaded), range);
  co_return rc;
}

// Kernel: __mmu_notifier_invalidate_range_end(), v6.1. Differs: no intervals.
Task<> mmu_notifier_invalidate_range_end(mmu_notifier_range* range) {
  void* loaded = co_await LoadSubscriptions(range->mm);
  if (loaded != nullptr) {
    co_await mn_hlist_invalidate_end(
        static_cast<mmu_notifier_subscriptions*>(loaded), range);
  }
}

// Kernel: __mmu_notifier_clear_flush_young(), v6.1.
Task<int> mmu_notifier_clear_flush_young(mm_struct* mm, uint64_t start,
                                         uint64_t end) {
  void* loaded = co_await LoadSubscriptions(mm);
  if (loaded == nullptr) {
    co_return 0;
  }
  auto* subscriptions = static_cast<mmu_notifier_subscriptions*>(loaded);
  int young = 0;
  co_await kernel::srcu_read_lock(&Kernel()->srcu,
                                  "__mmu_notifier_clear_flush_young");
  mmu_notifier* mn = co_await hlist_first(&subscriptions->list,
                                          "__mmu_notifier_clear_flush_young");
  while (mn != nullptr) {
    const int one = co_await CallClearFlushYoung(mn, mm, start, end);
    young |= one;
    mn = co_await hlist_next(mn, "__mmu_notifier_clear_flush_young");
  }
  co_await kernel::srcu_read_unlock(&Kernel()->srcu,
                                    "__mmu_notifier_clear_flush_young");
  co_return young;
}

}  // namespace mmfault::notifier::subscriptions
