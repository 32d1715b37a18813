// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// ksm_tree.h: what ksmd knows: its mms, their addresses, the trees of contents.
// Private to ksm.cc and ksmd.cc.
//
// Each function is one step of its caller.

#ifndef MMFAULT_SERVER_MM_KSM_TREE_H_
#define MMFAULT_SERVER_MM_KSM_TREE_H_

#include "server/mm/ksm.h"
#include "server/mm/rmap.h"

namespace mmfault::mm {

ksm_state* Ksm();

// The KSM page of these contents, or null.
ksm_stable_node* StableSearch(uint8_t value);
// Makes a page the KSM page of its contents.
ksm_stable_node* StableInsert(page* kpage);
void StableAppend(ksm_stable_node* node, ksm_rmap_item* item);
// Takes an item out of either tree.
void RemoveFromTree(ksm_rmap_item* item);

// The item of an address, which this pass has seen now.
ksm_rmap_item* ItemOf(ksm_mm* slot, uint64_t address);
// Frees the items that this pass has not met, or all of them.
void RemoveItems(ksm_mm* slot, bool all);
// Takes an mm off the list; its mm_count is the caller's to drop.
void RemoveSlot(ksm_mm* slot);

}  // namespace mmfault::mm

#endif  // MMFAULT_SERVER_MM_KSM_TREE_H_
