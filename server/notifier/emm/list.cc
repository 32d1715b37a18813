// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/notifier/emm/list.h"

#include "server/base/check.h"
#include "server/kernel/barrier.h"
#include "server/notifier/call.h"
#include "server/notifier/list.h"

namespace mmfault::notifier::emm {
namespace {

// mm->emm_notifier, an object of its own here, made with the mm.
struct emm_head {
  Object object;
  hlist_head list;
};

emm_head* HeadOf(const mm_struct* mm) {
  return static_cast<emm_head*>(mm->subscriptions.get());
}

// What points to `e`: the head, or the link of the entry before it. Null when
// nothing does.
Task<Cell<hlist_node*>*> LinkTo(mmu_notifier* e, hlist_head* head) {
  constexpr const char* kWhere = "emm_notifier_unregister";
  Cell<hlist_node*>* link = &head->first;
  hlist_node* node = co_await kernel::Load(*link, kWhere);
  while (node != nullptr && node != &e->hlist) {
    link = &node->next;
    node = co_await kernel::Load(*link, kWhere);
  }
  co_return node == nullptr ? nullptr : link;
}

}  // namespace

hlist_head* ListOf(const mm_struct* mm) { return &HeadOf(mm)->list; }

// Rule: whoever finds e finds what e->next was set to, if the two stores are
// ordered; two plain ones are not (P08). Nothing else is promised: a walk that
// found the list empty does not learn of the newcomer.
// Kernel: linux-kernel, 3 Mar 2008, EMM Notifier, mm/rmap.c:
// emm_notifier_register(); its barriers and rcu_assign_pointer() from the mails
// of 2 Apr 2008.
Task<> Link(mmu_notifier* e, mm_struct* mm, Publication publication) {
  constexpr const char* kWhere = "emm_notifier_register";
  hlist_head* head = ListOf(mm);
  hlist_node* first = co_await kernel::Load(head->first, kWhere);
  co_await kernel::StorePlain(e->hlist.next, first, kWhere);
  if (publication == Publication::kAssign) {
    co_await kernel::StoreRelease(head->first, &e->hlist, "rcu_assign_pointer");
  } else {
    if (publication == Publication::kBarriers) {
      co_await kernel::smp_wmb(kWhere);
    }
    co_await kernel::StorePlain(head->first, &e->hlist, kWhere);
  }
  co_await kernel::FaultPoint(faults::Point::kRegisterLinked,
                              kernel::At(mm, e));
}

// Kernel: linux-kernel, 2 Apr 2008, EMM with BUG_ON(mm_users != 1), mm/rmap.c:
// emm_notifier_unregister(). Differs: one that is not listed is a BUG_ON of
// ours, where the original would walk on from a null pointer.
Task<> Unlink(mmu_notifier* e, mm_struct* mm) {
  constexpr const char* kWhere = "emm_notifier_unregister";
  Cell<hlist_node*>* link = co_await LinkTo(e, ListOf(mm));
  co_await kernel::BugOn{link == nullptr, trace::Checker::kNoUseAfterFree,
                         trace::Cause::kNullDereference, e->object.key()};
  hlist_node* next = co_await kernel::Load(e->hlist.next, kWhere);
  co_await kernel::StorePlain(*link, next, kWhere);
  co_await kernel::FaultPoint(faults::Point::kUnregisterUnlinked,
                              kernel::At(mm, e));
}

Task<mmu_notifier*> FirstEntry(mm_struct* mm, Publication publication) {
  mmu_notifier* e = co_await hlist_first(ListOf(mm), "__emm_notify");
  if (publication == Publication::kBarriers) {
    co_await kernel::smp_rmb("__emm_notify");
  }
  co_return e;
}

Task<mmu_notifier*> NextEntry(mmu_notifier* e, Publication publication) {
  mmu_notifier* next = co_await hlist_next(e, "__emm_notify");
  if (publication == Publication::kBarriers) {
    co_await kernel::smp_rmb("__emm_notify");
  }
  co_return next;
}

// Rule: "only a single process remains", so the list is taken apart without a
// lock. A truncate or a reclaim may be walking all the same (P12, P13).
// Kernel: linux-kernel, 3 Mar 2008, EMM Notifier, mm/rmap.c:
// emm_notifier_release().
Task<> emm_notifier_release(mm_struct* mm) {
  hlist_head* head = ListOf(mm);
  mmu_notifier* e = co_await hlist_first(head, "emm_notifier_release");
  while (e != nullptr) {
    hlist_node* next =
        co_await kernel::Load(e->hlist.next, "emm_notifier_release");
    co_await kernel::StorePlain(head->first, next, "emm_notifier_release");
    co_await kernel::FaultPoint(faults::Point::kReleaseUnlinked,
                                kernel::At(mm, e));
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
// Kernel: EMM V1 to V3, linux-mm, March and April 2008: none of them frees
// anything; a list that is not empty is what __mmdrop() checks today.
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

}  // namespace mmfault::notifier::emm
