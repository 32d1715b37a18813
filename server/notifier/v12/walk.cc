// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/notifier/v12/walk.h"

#include "server/base/check.h"
#include "server/notifier/call.h"
#include "server/notifier/list.h"

namespace mmfault::notifier::v12 {
namespace {

struct NotifierList {
  Object object;
  hlist_head list;
};

NotifierList* Of(const mm_struct* mm) {
  return static_cast<NotifierList*>(mm->subscriptions.get());
}

// Rule: one read decides whether there is anybody to call; it races with
// nothing, since the caller holds a lock that register needs.
// Kernel: include/linux/mmu_notifier.h:mm_has_notifiers(), #v11.
kernel::LoadPoint<hlist_node*> HasNotifiers(const mm_struct* mm) {
  return kernel::Load(ListOf(mm)->first, "mm_has_notifiers");
}

// Rule: every entry is called; answers are ignored.
// Kernel: linux-kernel, 8 Apr 2008, "[PATCH 0 of 9] mmu notifier #v12", patch
// 2: __mmu_notifier_invalidate_range_start().
Task<int> invalidate_range_start(mmu_notifier_range* range) {
  constexpr const char* kWhere = "mmu_notifier_invalidate_range_start";
  hlist_node* any = co_await HasNotifiers(range->mm);
  if (any == nullptr) {
    co_return 0;
  }
  mmu_notifier* mn = co_await hlist_first(ListOf(range->mm), kWhere);
  while (mn != nullptr) {
    co_await CallInvalidateRangeStart(mn, range);
    mn = co_await hlist_next(mn, kWhere);
  }
  co_return 0;
}

// Kernel: the same mail: __mmu_notifier_invalidate_range_end().
Task<> invalidate_range_end(mmu_notifier_range* range) {
  constexpr const char* kWhere = "mmu_notifier_invalidate_range_end";
  hlist_node* any = co_await HasNotifiers(range->mm);
  if (any == nullptr) {
    co_return;
  }
  mmu_notifier* mn = co_await hlist_first(ListOf(range->mm), kWhere);
  while (mn != nullptr) {
    co_await CallInvalidateRangeEnd(mn, range);
    mn = co_await hlist_next(mn, kWhere);
  }
}

// Kernel: the same mail: __mmu_notifier_invalidate_page().
Task<> invalidate_page(mm_struct* mm, uint64_t address) {
  constexpr const char* kWhere = "mmu_notifier_invalidate_page";
  hlist_node* any = co_await HasNotifiers(mm);
  if (any == nullptr) {
    co_return;
  }
  mmu_notifier* mn = co_await hlist_first(ListOf(mm), kWhere);
  while (mn != nullptr) {
    co_await CallInvalidatePage(mn, mm, address);
    mn = co_await hlist_next(mn, kWhere);
  }
}

// Rule: young if one of them says so; all are asked, since asking clears.
// Kernel: the same mail: __mmu_notifier_clear_flush_young().
Task<int> clear_flush_young(mm_struct* mm, uint64_t start, uint64_t end) {
  constexpr const char* kWhere = "mmu_notifier_clear_flush_young";
  hlist_node* any = co_await HasNotifiers(mm);
  if (any == nullptr) {
    co_return 0;
  }
  int young = 0;
  mmu_notifier* mn = co_await hlist_first(ListOf(mm), kWhere);
  while (mn != nullptr) {
    const int answer = co_await CallClearFlushYoung(mn, mm, start, end);
    young |= answer;
    mn = co_await hlist_next(mn, kWhere);
  }
  co_return young;
}

// Rule: each notifier is unlinked, then released; no lock is taken, on the
// ground that nobody else can use the list any more. A walk that comes through
// a rmap lock of another mm's file can, and that is this design's hole.
// Kernel: the same mail: __mmu_notifier_release(), called by exit_mmap().
// Differs: the node is marked unhashed, see UnlinkNotifier().
Task<> release(mm_struct* mm) {
  constexpr const char* kWhere = "mmu_notifier_release";
  mmu_notifier* mn = co_await hlist_first(ListOf(mm), kWhere);
  while (mn != nullptr) {
    co_await hlist_del(&mn->hlist, true, kWhere);
    co_await kernel::FaultPoint(faults::Point::kReleaseUnlinked,
                                kernel::At(mm, mn));
    co_await CallRelease(mn, mm);
    mn = co_await hlist_first(ListOf(mm), kWhere);
  }
}

void mmu_notifier_mm_init(mm_struct* mm) {
  auto* list =
      kernel::ThisWorld()->New<NotifierList>(kernel::ObjType::kSubscriptions);
  CHECK(list != nullptr);
  mm->subscriptions = list;
}

// Rule: whoever is still listed was linked after exit emptied the list, and
// points into a struct that goes away now.
// Kernel: no such test in 2008; __mmdrop() has had a BUG_ON since #v14.
Task<> mmu_notifier_mm_destroy(mm_struct* mm) {
  hlist_node* left = co_await HasNotifiers(mm);
  if (left != nullptr) {
    kernel::ReportHere(trace::Checker::kCountsSane,
                       trace::Cause::kSubscriptionsLeft, mm->object.key());
  }
  kernel::ThisWorld()->Delete(Of(mm));
}

bool mm_has_notifiers(const mm_struct* mm) {
  return kernel::Here(ListOf(mm)->first) != nullptr;
}

}  // namespace

hlist_head* ListOf(const mm_struct* mm) { return &Of(mm)->list; }

const mm::Era kEra = {
    .name = "v12",
    .invalidate_range_start = invalidate_range_start,
    .invalidate_range_end = invalidate_range_end,
    .invalidate_page = invalidate_page,
    .clear_flush_young = clear_flush_young,
    .release = release,
    .mm_init = mmu_notifier_mm_init,
    .mm_destroy = mmu_notifier_mm_destroy,
    .mm_has_notifiers = mm_has_notifiers,
    .page_hook = mm::PageHook::kInvalidatePage,
    .unmap_frees_before_end = true,
    .zap_frees_before_end = false,
    .exit_mmap_locks = false,
    .fork_error_skips_end = true,  // mended in #v14 only
    .list_needs_mm_lock = true,
    .anon_vma_chains = false,
    .killable = false,
    .rmap_walk_reads = false,
};

}  // namespace mmfault::notifier::v12
