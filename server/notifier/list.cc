// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/notifier/list.h"

namespace mmfault::notifier {
namespace {

using kernel::Load;
using kernel::Store;

}  // namespace

Task<mmu_notifier*> hlist_first(hlist_head* head, const char* where) {
  hlist_node* node = co_await Load(head->first, where);
  co_return node == nullptr ? nullptr : NotifierOf(node);
}

Task<mmu_notifier*> hlist_next(mmu_notifier* mn, const char* where) {
  co_await kernel::CheckLive(mn->object, trace::Cause::kFreedNotifierUsed);
  hlist_node* node = co_await Load(mn->hlist.next, where);
  co_await kernel::CheckLive(mn->object, trace::Cause::kFreedNotifierUsed);
  co_return node == nullptr ? nullptr : NotifierOf(node);
}

Task<> hlist_add_head(hlist_node* node, hlist_head* head, const char* where) {
  if (!hlist_unhashed(*node)) {
    kernel::ReportHere(trace::Checker::kCountsSane,
                       trace::Cause::kDoubleRegister,
                       NotifierOf(node)->object.key());
  }
  hlist_node* first = co_await Load(head->first, where);
  co_await Store(node->next, first, where);
  if (first != nullptr) {
    co_await Store(first->pprev, &node->next, where);
  }
  co_await Store(node->pprev, &head->first, where);
  co_await Store(head->first, node, where);
}

Task<> hlist_del(hlist_node* node, bool init, const char* where) {
  mmu_notifier* mn = NotifierOf(node);
  co_await kernel::CheckLive(mn->object, trace::Cause::kFreedNotifierUsed);
  Cell<hlist_node*>* pprev = co_await Load(node->pprev, where);
  co_await kernel::BugOn{pprev == nullptr, trace::Checker::kNoUseAfterFree,
                         trace::Cause::kNullDereference, mn->object.key()};
  hlist_node* next = co_await Load(node->next, where);
  co_await Store(*pprev, next, where);
  if (next != nullptr) {
    co_await Store(next->pprev, pprev, where);
  }
  if (init) {
    co_await Store(node->pprev, nullptr, where);
  }
}

}  // namespace mmfault::notifier
