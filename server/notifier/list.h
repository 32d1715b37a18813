// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// list.h: hlist primitives on shared links, one scheduling point per access.
//
// Models include/linux/list.h and rculist.h. Each link is an object of its own:
// a walker and a writer conflict only where they touch the same link. A node of
// freed memory is reported when it is read (no_use_after_free) and the task
// stops there, since the kernel would follow a wild pointer.

#ifndef MMFAULT_SERVER_NOTIFIER_LIST_H_
#define MMFAULT_SERVER_NOTIFIER_LIST_H_

#include "server/notifier/subscription.h"

namespace mmfault::notifier {

// head->first and node->next, as a walker reads them. In a world of memory
// order PSO the link of a node may be junk still: following it is reported
// (kUninitialisedRead, no_use_after_free), and stops the task.
Task<mmu_notifier*> hlist_first(hlist_head* head, const char* where);
Task<mmu_notifier*> hlist_next(mmu_notifier* mn, const char* where);

// hlist_add_head(): four stores, the publishing one last. The node must be in
// no list; one that is gets reported (kDoubleRegister, counts_sane) and the
// list is left as a double add would leave it. Plain stores: only a lock that
// readers take, too, orders the node's content before the node.
Task<> hlist_add_head(hlist_node* node, hlist_head* head, const char* where);
// The same, published with rcu_assign_pointer().
Task<> hlist_add_head_rcu(hlist_node* node, hlist_head* head,
                          const char* where);

// hlist_del(), hlist_del_init() and their _rcu forms: unlink; `init` marks the
// node as unhashed. Deleting an unhashed node is a null dereference, reported
// (no_use_after_free), and stops the task.
Task<> hlist_del(hlist_node* node, bool init, const char* where);

}  // namespace mmfault::notifier

#endif  // MMFAULT_SERVER_NOTIFIER_LIST_H_
