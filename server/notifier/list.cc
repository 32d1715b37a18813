// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/notifier/list.h"

#include "server/kernel/barrier.h"

namespace mmfault::notifier {
namespace {

using kernel::Load;
using kernel::StorePlain;
using kernel::StoreRelease;

// Following a link that was junk in `holder`.
kernel::BugOn WildPointer(trace::ObjKey holder) {
  return {true, trace::Checker::kNoUseAfterFree,
          trace::Cause::kUninitialisedRead, holder};
}

void CheckUnhashed(hlist_node* node) {
  if (!hlist_unhashed(*node)) {
    kernel::ReportHere(trace::Checker::kCountsSane,
                       trace::Cause::kDoubleRegister,
                       NotifierOf(node)->object.key());
  }
}

}  // namespace

// Kernel: include/linux/rculist.h:hlist_first_rcu(), v6.1.
Task<mmu_notifier*> hlist_first(hlist_head* head, const char* where) {
  hlist_node* node = co_await Load(head->first, where);
  if (node == JunkNode()) [[unlikely]] {
    co_await WildPointer(kernel::MemoryKey(head));
  }
  co_return node == nullptr ? nullptr : NotifierOf(node);
}

// Kernel: include/linux/rculist.h:hlist_next_rcu(), v6.1.
Task<mmu_notifier*> hlist_next(mmu_notifier* mn, const char* where) {
  hlist_node* node = co_await Load(mn->hlist.next, where);
  co_await CheckLink(mn, mn->next_freed);
  if (node == JunkNode()) [[unlikely]] {
    co_await WildPointer(mn->object.key());
  }
  co_return node == nullptr ? nullptr : NotifierOf(node);
}

// Kernel: include/linux/list.h:hlist_add_head(), v2.6.25.
Task<> hlist_add_head(hlist_node* node, hlist_head* head, const char* where) {
  CheckUnhashed(node);
  hlist_node* first = co_await Load(head->first, where);
  if (first == JunkNode()) [[unlikely]] {
    co_await WildPointer(kernel::MemoryKey(head));
  }
  co_await StorePlain(node->next, first, where);
  if (first != nullptr) {
    co_await StorePlain(first->pprev, &node->next, where);
  }
  co_await StorePlain(node->pprev, &head->first, where);
  co_await StorePlain(head->first, node, where);
}

// Kernel: include/linux/rculist.h:hlist_add_head_rcu(), v6.1.
Task<> hlist_add_head_rcu(hlist_node* node, hlist_head* head,
                          const char* where) {
  CheckUnhashed(node);
  hlist_node* first = co_await Load(head->first, where);
  if (first == JunkNode()) [[unlikely]] {
    co_await WildPointer(kernel::MemoryKey(head));
  }
  co_await StorePlain(node->next, first, where);
  co_await StorePlain(node->pprev, &head->first, where);
  co_await StoreRelease(head->first, node, where);
  if (first != nullptr) {
    co_await StorePlain(first->pprev, &node->next, where);
  }
}

// Kernel: include/linux/list.h:__hlist_del() and hlist_del_init(), v6.1.
Task<> hlist_del(hlist_node* node, bool init, const char* where) {
  mmu_notifier* mn = NotifierOf(node);
  co_await kernel::CheckLive(mn->object, trace::Cause::kFreedNotifierUsed);
  Cell<hlist_node*>* pprev = co_await Load(node->pprev, where);
  co_await kernel::BugOn{pprev == nullptr, trace::Checker::kNoUseAfterFree,
                         trace::Cause::kNullDereference, mn->object.key()};
  hlist_node* next = co_await Load(node->next, where);
  if (next == JunkNode()) [[unlikely]] {
    co_await WildPointer(mn->object.key());
  }
  co_await StorePlain(*pprev, next, where);
  if (next != nullptr) {
    co_await StorePlain(next->pprev, pprev, where);
  }
  if (init) {
    co_await StorePlain(node->pprev, nullptr, where);
  }
}

}  // namespace mmfault::notifier
