// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// The walks that the operations of mm/ make. A method may sleep where the
// caller's locks allow it; whoever waits for a grace period meanwhile, for any
// mm, waits for it (P65).

#include "server/kernel/mutant.h"
#include "server/kernel/state.h"
#include "server/notifier/call.h"
#include "server/notifier/list.h"
#include "server/notifier/srcu/mmu_notifier_mm.h"

namespace mmfault::notifier::srcu {
namespace {

using kernel::Kernel;

// mm_has_notifiers(), where somebody may be registering.
kernel::LoadPoint<void*> LoadNotifierMm(const mm_struct* mm) {
  return kernel::Load(mm->subscriptions, "mm_has_notifiers");
}

Task<> EnterWalk(const char* where) {
  if (!kernel::Mutated(kernel::Mutant::kWalkWithoutReadSection)) {
    co_await kernel::srcu_read_lock(&Kernel()->srcu, where);
  }
}

Task<> LeaveWalk(const char* where) {
  if (!kernel::Mutated(kernel::Mutant::kWalkWithoutReadSection)) {
    co_await kernel::srcu_read_unlock(&Kernel()->srcu, where);
  }
}

}  // namespace

// Kernel: mm/mmu_notifier.c:__mmu_notifier_invalidate_range_start(), v3.7.
Task<int> mmu_notifier_invalidate_range_start(mmu_notifier_range* range) {
  constexpr const char* kWhere = "__mmu_notifier_invalidate_range_start";
  auto* nm = static_cast<mmu_notifier_mm*>(co_await LoadNotifierMm(range->mm));
  if (nm == nullptr) {
    co_return 0;
  }
  co_await EnterWalk(kWhere);
  mmu_notifier* mn = co_await hlist_first(&nm->list, kWhere);
  while (mn != nullptr) {
    co_await CallInvalidateRangeStart(mn, range);
    mn = co_await hlist_next(mn, kWhere);
  }
  co_await LeaveWalk(kWhere);
  co_return 0;
}

// Kernel: mm/mmu_notifier.c:__mmu_notifier_invalidate_range_end(), v3.7.
Task<> mmu_notifier_invalidate_range_end(mmu_notifier_range* range) {
  constexpr const char* kWhere = "__mmu_notifier_invalidate_range_end";
  auto* nm = static_cast<mmu_notifier_mm*>(co_await LoadNotifierMm(range->mm));
  if (nm == nullptr) {
    co_return;
  }
  co_await EnterWalk(kWhere);
  mmu_notifier* mn = co_await hlist_first(&nm->list, kWhere);
  while (mn != nullptr) {
    co_await CallInvalidateRangeEnd(mn, range);
    mn = co_await hlist_next(mn, kWhere);
  }
  co_await LeaveWalk(kWhere);
}

// Rule: the pte is clear and the page not yet freed, so the driver has only to
// drop what it maps; a fault that looked the page up before is its to catch.
// Kernel: mm/mmu_notifier.c:__mmu_notifier_invalidate_page(), v3.7.
Task<> mmu_notifier_invalidate_page(mm_struct* mm, uint64_t address) {
  constexpr const char* kWhere = "__mmu_notifier_invalidate_page";
  auto* nm = static_cast<mmu_notifier_mm*>(co_await LoadNotifierMm(mm));
  if (nm == nullptr) {
    co_return;
  }
  co_await EnterWalk(kWhere);
  mmu_notifier* mn = co_await hlist_first(&nm->list, kWhere);
  while (mn != nullptr) {
    co_await CallInvalidatePage(mn, mm, address);
    mn = co_await hlist_next(mn, kWhere);
  }
  co_await LeaveWalk(kWhere);
}

// Rule: all are asked, since asking clears. Kernel: mm/mmu_notifier.c:
// __mmu_notifier_clear_flush_young(), v3.7.
Task<int> mmu_notifier_clear_flush_young(mm_struct* mm, uint64_t start,
                                         uint64_t end) {
  constexpr const char* kWhere = "__mmu_notifier_clear_flush_young";
  auto* nm = static_cast<mmu_notifier_mm*>(co_await LoadNotifierMm(mm));
  if (nm == nullptr) {
    co_return 0;
  }
  int young = 0;
  co_await EnterWalk(kWhere);
  mmu_notifier* mn = co_await hlist_first(&nm->list, kWhere);
  while (mn != nullptr) {
    const int one = co_await CallClearFlushYoung(mn, mm, start, end);
    young |= one;
    mn = co_await hlist_next(mn, kWhere);
  }
  co_await LeaveWalk(kWhere);
  co_return young;
}

// Rule: a driver that can follow the change is told of the new page; the old
// one was announced already. Kernel: mm/mmu_notifier.c:
// __mmu_notifier_change_pte(), v3.7.
Task<> mmu_notifier_change_pte(mm_struct* mm, uint64_t address,
                               mm::page* target) {
  constexpr const char* kWhere = "__mmu_notifier_change_pte";
  auto* nm = static_cast<mmu_notifier_mm*>(co_await LoadNotifierMm(mm));
  if (nm == nullptr) {
    co_return;
  }
  co_await EnterWalk(kWhere);
  mmu_notifier* mn = co_await hlist_first(&nm->list, kWhere);
  while (mn != nullptr) {
    co_await CallChangePte(mn, mm, address, target);
    mn = co_await hlist_next(mn, kWhere);
  }
  co_await LeaveWalk(kWhere);
}

// Rule: only asks, so the first yes will do. Kernel: mm/mmu_notifier.c:
// __mmu_notifier_test_young(), v3.7.
Task<int> mmu_notifier_test_young(mm_struct* mm, uint64_t address) {
  constexpr const char* kWhere = "__mmu_notifier_test_young";
  auto* nm = static_cast<mmu_notifier_mm*>(co_await LoadNotifierMm(mm));
  if (nm == nullptr) {
    co_return 0;
  }
  int young = 0;
  co_await EnterWalk(kWhere);
  mmu_notifier* mn = co_await hlist_first(&nm->list, kWhere);
  while (mn != nullptr && young == 0) {
    young = co_await CallTestYoung(mn, mm, address);
    mn = co_await hlist_next(mn, kWhere);
  }
  co_await LeaveWalk(kWhere);
  co_return young;
}

}  // namespace mmfault::notifier::srcu
