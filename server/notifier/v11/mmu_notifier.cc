// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/notifier/v11/mmu_notifier.h"

#include "server/base/check.h"
#include "server/notifier/call.h"
#include "server/notifier/list.h"
#include "server/notifier/mm_lock_unlock.h"

namespace mmfault::notifier::v11 {
namespace {

// mm->mmu_notifier_list, an object of its own here, made with the mm.
struct mmu_notifier_head {
  Object object;
  hlist_head list;
};

mmu_notifier_head* HeadOf(const mm_struct* mm) {
  return static_cast<mmu_notifier_head*>(mm->subscriptions.get());
}
hlist_head* ListOf(const mm_struct* mm) { return &HeadOf(mm)->list; }

}  // namespace

// Kernel: linux-kernel, 4 Apr 2008, "[PATCH] mmu notifier #v11",
// mm/mmu_notifier.c:mmu_notifier_register().
Task<int> mmu_notifier_register(mmu_notifier* mn, mm_struct* mm) {
  co_await mm_lock(mm);
  co_await hlist_add_head(&mn->hlist, ListOf(mm), "mmu_notifier_register");
  co_await kernel::FaultPoint(faults::Point::kRegisterLinked,
                              kernel::At(mm, mn));
  co_await mm_unlock(mm);
  co_return 0;
}

// Rule: one at a time, off the list before its release is called. The comment
// of the original says that only a single process remains; a truncate of a
// shared file or a reclaim may still be walking (P12), and one that comes after
// the unlink misses a notifier that still maps (P13).
// Kernel: the same mail: __mmu_notifier_release(). Differs: hlist_del() leaves
// poison in the node; here it is marked unhashed, so that a driver may register
// it again.
Task<> mmu_notifier_release(mm_struct* mm) {
  hlist_head* list = ListOf(mm);
  mmu_notifier* mn = co_await hlist_first(list, "__mmu_notifier_release");
  while (mn != nullptr) {
    co_await hlist_del(&mn->hlist, true, "__mmu_notifier_release");
    co_await kernel::FaultPoint(faults::Point::kReleaseUnlinked,
                                kernel::At(mm, mn));
    co_await CallRelease(mn, mm);
    mn = co_await hlist_first(list, "__mmu_notifier_release");
  }
}

void mmu_notifier_mm_init(mm_struct* mm) {
  auto* head = kernel::ThisWorld()->New<mmu_notifier_head>(
      trace::ObjType::kSubscriptions);
  CHECK(head != nullptr);
  mm->subscriptions = head;
}

// Differs: the original does not look; a notifier that is left was registered
// after release and will never be told anything (P09).
// Kernel: mmu notifiers #v11, linux-mm, 4 Apr 2008: the list head is in the mm
// and nothing is freed.
Task<> mmu_notifier_mm_destroy(mm_struct* mm) {
  if (ListOf(mm)->first != nullptr) {
    kernel::ReportHere(trace::Checker::kCountsSane,
                       trace::Cause::kSubscriptionsLeft, mm->object.key());
  }
  kernel::ThisWorld()->Delete(HeadOf(mm));
  co_return;
}

bool mm_has_notifiers(const mm_struct* mm) {
  return kernel::Here(ListOf(mm)->first) != nullptr;
}

// Kernel: the same mail, the walks of mm/mmu_notifier.c. One read of the head
// serves mm_has_notifiers() and the walk, which no lock separates.
Task<int> mmu_notifier_invalidate_range_start(mmu_notifier_range* range) {
  mmu_notifier* mn =
      co_await hlist_first(ListOf(range->mm), "invalidate_range_start");
  while (mn != nullptr) {
    co_await CallInvalidateRangeStart(mn, range);
    mn = co_await hlist_next(mn, "invalidate_range_start");
  }
  co_return 0;
}

// Kernel: mmu notifiers #v11,
// mm/mmu_notifier.c:__mmu_notifier_invalidate_range_end(), linux-mm, 4 Apr
// 2008.
Task<> mmu_notifier_invalidate_range_end(mmu_notifier_range* range) {
  mmu_notifier* mn =
      co_await hlist_first(ListOf(range->mm), "invalidate_range_end");
  while (mn != nullptr) {
    co_await CallInvalidateRangeEnd(mn, range);
    mn = co_await hlist_next(mn, "invalidate_range_end");
  }
}

// Kernel: mmu notifiers #v11,
// mm/mmu_notifier.c:__mmu_notifier_invalidate_page(), linux-mm, 4 Apr 2008.
Task<> mmu_notifier_invalidate_page(mm_struct* mm, uint64_t address) {
  mmu_notifier* mn = co_await hlist_first(ListOf(mm), "invalidate_page");
  while (mn != nullptr) {
    co_await CallInvalidatePage(mn, mm, address);
    mn = co_await hlist_next(mn, "invalidate_page");
  }
}

// Kernel: mmu notifiers #v11,
// mm/mmu_notifier.c:__mmu_notifier_clear_flush_young(), linux-mm, 4 Apr 2008.
Task<int> mmu_notifier_clear_flush_young(mm_struct* mm, uint64_t start,
                                         uint64_t end) {
  int young = 0;
  mmu_notifier* mn = co_await hlist_first(ListOf(mm), "clear_flush_young");
  while (mn != nullptr) {
    const int one = co_await CallClearFlushYoung(mn, mm, start, end);
    young |= one;
    mn = co_await hlist_next(mn, "clear_flush_young");
  }
  co_return young;
}

}  // namespace mmfault::notifier::v11
