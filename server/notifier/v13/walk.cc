// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// The walks that the operations of mm/ make. #v13's rely on the locks that
// their callers hold; later ones are in a read section of the mm's SRCU domain,
// so that a method may sleep where the caller's locks let it.

#include "server/kernel/mutant.h"
#include "server/notifier/call.h"
#include "server/notifier/list.h"
#include "server/notifier/v13/mmu_notifier_mm.h"

namespace mmfault::notifier::v13 {
namespace {

// mm_has_notifiers(), where somebody may be registering.
kernel::LoadPoint<void*> LoadNotifierMm(const mm_struct* mm) {
  return kernel::Load(mm->subscriptions, "mm_has_notifiers");
}

bool ReadsUnderSrcu(const Rules& rules) {
  return rules.srcu &&
         !kernel::Mutated(kernel::Mutant::kWalkWithoutReadSection);
}

Task<> EnterWalk(mmu_notifier_mm* nm, const Rules& rules, const char* where) {
  if (ReadsUnderSrcu(rules)) {
    co_await kernel::srcu_read_lock(&nm->srcu, where);
  }
}

Task<> LeaveWalk(mmu_notifier_mm* nm, const Rules& rules, const char* where) {
  if (ReadsUnderSrcu(rules)) {
    co_await kernel::srcu_read_unlock(&nm->srcu, where);
  }
}

}  // namespace

// Kernel: linux-kernel, #v13 (22 Apr 2008) to #v16 (6 May 2008),
// mm/mmu_notifier.c:__mmu_notifier_invalidate_range_start().
Task<int> mmu_notifier_invalidate_range_start(mmu_notifier_range* range,
                                              const Rules& rules) {
  constexpr const char* kWhere = "__mmu_notifier_invalidate_range_start";
  auto* nm = static_cast<mmu_notifier_mm*>(co_await LoadNotifierMm(range->mm));
  if (nm == nullptr) {
    co_return 0;
  }
  co_await EnterWalk(nm, rules, kWhere);
  mmu_notifier* mn = co_await hlist_first(&nm->list, kWhere);
  while (mn != nullptr) {
    co_await CallInvalidateRangeStart(mn, range);
    mn = co_await hlist_next(mn, kWhere);
  }
  co_await LeaveWalk(nm, rules, kWhere);
  co_return 0;
}

// Kernel: the same mails: __mmu_notifier_invalidate_range_end().
Task<> mmu_notifier_invalidate_range_end(mmu_notifier_range* range,
                                         const Rules& rules) {
  constexpr const char* kWhere = "__mmu_notifier_invalidate_range_end";
  auto* nm = static_cast<mmu_notifier_mm*>(co_await LoadNotifierMm(range->mm));
  if (nm == nullptr) {
    co_return;
  }
  co_await EnterWalk(nm, rules, kWhere);
  mmu_notifier* mn = co_await hlist_first(&nm->list, kWhere);
  while (mn != nullptr) {
    co_await CallInvalidateRangeEnd(mn, range);
    mn = co_await hlist_next(mn, kWhere);
  }
  co_await LeaveWalk(nm, rules, kWhere);
}

// Rule: the pte is clear and the page not yet freed, so the driver has only to
// drop what it maps; a fault that looked the page up before is its to catch.
// Kernel: the same mails: __mmu_notifier_invalidate_page().
Task<> mmu_notifier_invalidate_page(mm_struct* mm, uint64_t address,
                                    const Rules& rules) {
  constexpr const char* kWhere = "__mmu_notifier_invalidate_page";
  auto* nm = static_cast<mmu_notifier_mm*>(co_await LoadNotifierMm(mm));
  if (nm == nullptr) {
    co_return;
  }
  co_await EnterWalk(nm, rules, kWhere);
  mmu_notifier* mn = co_await hlist_first(&nm->list, kWhere);
  while (mn != nullptr) {
    co_await CallInvalidatePage(mn, mm, address);
    mn = co_await hlist_next(mn, kWhere);
  }
  co_await LeaveWalk(nm, rules, kWhere);
}

// Rule: all are asked, since asking clears. Kernel: the same mails:
// __mmu_notifier_clear_flush_young().
Task<int> mmu_notifier_clear_flush_young(mm_struct* mm, uint64_t start,
                                         uint64_t end, const Rules& rules) {
  constexpr const char* kWhere = "__mmu_notifier_clear_flush_young";
  auto* nm = static_cast<mmu_notifier_mm*>(co_await LoadNotifierMm(mm));
  if (nm == nullptr) {
    co_return 0;
  }
  int young = 0;
  co_await EnterWalk(nm, rules, kWhere);
  mmu_notifier* mn = co_await hlist_first(&nm->list, kWhere);
  while (mn != nullptr) {
    const int one = co_await CallClearFlushYoung(mn, mm, start, end);
    young |= one;
    mn = co_await hlist_next(mn, kWhere);
  }
  co_await LeaveWalk(nm, rules, kWhere);
  co_return young;
}

}  // namespace mmfault::notifier::v13
