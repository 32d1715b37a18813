// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/notifier/emm/emm_notifier.h"

#include "server/base/check.h"
#include "server/notifier/call.h"
#include "server/notifier/list.h"
#include "server/notifier/mm_lock_unlock.h"

namespace mmfault::notifier::emm {
namespace {

// mm->emm_notifier, an object of its own here, made with the mm. EMM's list is
// singly linked: the nodes' pprev stays null.
struct emm_head {
  Object object;
  hlist_head list;
};

emm_head* HeadOf(const mm_struct* mm) {
  return static_cast<emm_head*>(mm->subscriptions.get());
}
hlist_head* ListOf(const mm_struct* mm) { return &HeadOf(mm)->list; }

// Rule: e->next is visible before e is. Nothing else is promised: a walk that
// found the list empty does not learn of the newcomer.
// Kernel: linux-kernel, 2 Apr 2008, EMM V2, mm/rmap.c:emm_notifier_register().
Task<> Link(mmu_notifier* e, mm_struct* mm) {
  hlist_head* head = ListOf(mm);
  hlist_node* first = co_await kernel::Load(head->first, "emm_notifier");
  co_await kernel::Store(e->hlist.next, first, "emm_notifier_register");
  co_await kernel::Store(head->first, &e->hlist, "rcu_assign_pointer");
  co_await kernel::FaultPoint(faults::Point::kRegisterLinked, mm->object.id);
}

// What __emm_notify() returns so far, with one answer more.
template <OnAnswer on_answer>
int Combine(int result, int answer) {
  if (on_answer == OnAnswer::kStop || result < 0) {
    return result < 0 ? result : answer;
  }
  return answer < 0 ? answer : result + answer;
}

template <OnAnswer on_answer>
bool GoesOn(int result) {
  return on_answer == OnAnswer::kContinue || result == 0;
}

}  // namespace

Task<int> emm_notifier_register_v2(mmu_notifier* e, mm_struct* mm) {
  co_await Link(e, mm);
  co_return 0;
}

// Kernel: linux-kernel, 4 Apr 2008, EMM V3, mm/rmap.c:emm_notifier_register().
// Differs: its comment still asks for mmap_sem held for write, which would
// deadlock with mm_lock(); nobody here obeys.
Task<int> emm_notifier_register_v3(mmu_notifier* e, mm_struct* mm) {
  co_await mm_lock(mm);
  co_await Link(e, mm);
  co_await mm_unlock(mm);
  co_return 0;
}

// Rule: "only a single process remains", so the list is taken apart without a
// lock. A truncate or a reclaim may be walking all the same (P12, P13).
// Kernel: linux-kernel, 2 Apr 2008, EMM V2, mm/rmap.c:emm_notifier_release().
Task<> emm_notifier_release(mm_struct* mm) {
  hlist_head* head = ListOf(mm);
  mmu_notifier* e = co_await hlist_first(head, "emm_notifier_release");
  while (e != nullptr) {
    hlist_node* next =
        co_await kernel::Load(e->hlist.next, "emm_notifier_release");
    co_await kernel::Store(head->first, next, "emm_notifier_release");
    co_await kernel::FaultPoint(faults::Point::kReleaseUnlinked, mm->object.id);
    co_await CallRelease(e, mm);
    e = co_await hlist_first(head, "emm_notifier_release");
  }
}

void emm_notifier_mm_init(mm_struct* mm) {
  auto* head =
      kernel::ThisWorld()->New<emm_head>(trace::ObjType::kSubscriptions);
  CHECK(head != nullptr);
  mm->subscriptions = head;
}

// Differs: the original does not look; a notifier that is left was registered
// after release and will never be told anything (P09).
Task<> emm_notifier_mm_destroy(mm_struct* mm) {
  if (ListOf(mm)->first != nullptr) {
    kernel::ReportHere(trace::Checker::kCountsSane,
                       trace::Cause::kSubscriptionsLeft, mm->object.key());
  }
  kernel::ThisWorld()->Delete(HeadOf(mm));
  co_return;
}

bool mm_has_notifiers(const mm_struct* mm) {
  return ListOf(mm)->first != nullptr;
}

// Kernel: EMM V2 and its fix-up of 2 Apr 2008, mm/rmap.c:__emm_notify().
template <OnAnswer on_answer>
Task<int> emm_invalidate_start(mmu_notifier_range* range) {
  int result = 0;
  mmu_notifier* e = co_await hlist_first(ListOf(range->mm), "__emm_notify");
  while (e != nullptr && GoesOn<on_answer>(result)) {
    const int answer = co_await CallInvalidateRangeStart(e, range);
    result = Combine<on_answer>(result, answer);
    e = co_await hlist_next(e, "__emm_notify");
  }
  co_return result;
}
template Task<int> emm_invalidate_start<OnAnswer::kStop>(mmu_notifier_range*);
template Task<int> emm_invalidate_start<OnAnswer::kContinue>(
    mmu_notifier_range*);

Task<> emm_invalidate_end(mmu_notifier_range* range) {
  mmu_notifier* e = co_await hlist_first(ListOf(range->mm), "__emm_notify");
  while (e != nullptr) {
    co_await CallInvalidateRangeEnd(e, range);
    e = co_await hlist_next(e, "__emm_notify");
  }
}

template <OnAnswer on_answer>
Task<int> emm_referenced(mm_struct* mm, uint64_t start, uint64_t end) {
  int result = 0;
  mmu_notifier* e = co_await hlist_first(ListOf(mm), "__emm_notify");
  while (e != nullptr && GoesOn<on_answer>(result)) {
    const int answer = co_await CallClearFlushYoung(e, mm, start, end);
    result = Combine<on_answer>(result, answer);
    e = co_await hlist_next(e, "__emm_notify");
  }
  co_return result;
}
template Task<int> emm_referenced<OnAnswer::kStop>(mm_struct*, uint64_t,
                                                   uint64_t);
template Task<int> emm_referenced<OnAnswer::kContinue>(mm_struct*, uint64_t,
                                                       uint64_t);

}  // namespace mmfault::notifier::emm
