// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/mm/ksm_tree.h"

#include "server/base/check.h"

namespace mmfault::mm {
namespace {

template <typename T>
T* NewObject() {
  T* object = kernel::ThisWorld()->New<T>(ObjType::kNone);
  CHECK(object != nullptr);
  return object;
}

}  // namespace

ksm_state* Ksm() {
  if (State()->ksm == nullptr) {
    State()->ksm = NewObject<ksm_state>();
  }
  return State()->ksm;
}

// The KSM page of these contents, or null. Kernel: mm/ksm.c:
// stable_tree_search(), v6.1.
ksm_stable_node* StableSearch(uint8_t value) {
  Cell<ksm_stable_node*>& slot = Ksm()->stable[value];
  ksm_stable_node* node = slot;
  if (node != nullptr && node->kpage == nullptr && node->items == nullptr) {
    kernel::ThisWorld()->Delete(node);
    slot = nullptr;
  }
  return slot;
}

void StableAppend(ksm_stable_node* node, ksm_rmap_item* item) {
  Cell<ksm_rmap_item*>* link = &node->items;
  while (*link != nullptr) {
    link = &(*link)->next_node;
  }
  *link = item;
  item->next_node = nullptr;
  item->node = node;
}

// Kernel: mm/ksm.c:remove_rmap_item_from_tree(), v6.1.
void RemoveFromTree(ksm_rmap_item* item) {
  ksm_stable_node* node = item->node;
  if (node != nullptr) {
    Cell<ksm_rmap_item*>* link = &node->items;
    while (*link != item) {
      link = &(*link)->next_node;
    }
    *link = item->next_node.get();
    item->node = nullptr;
    put_anon_vma(item->anon_vma);
  }
  for (Cell<ksm_rmap_item*>& slot : Ksm()->unstable) {
    if (slot == item) {
      slot = nullptr;
    }
  }
}

// Kernel: mm/ksm.c:stable_tree_insert(), v6.1.
ksm_stable_node* StableInsert(page* kpage) {
  ksm_stable_node* node = StableSearch(kpage->value);
  if (node == nullptr) {
    node = NewObject<ksm_stable_node>();
    Ksm()->stable[kpage->value] = node;
  }
  node->kpage = kpage;
  kpage->ksm = node;
  return node;
}

ksm_rmap_item* ItemOf(ksm_mm* slot, uint64_t address) {
  Cell<ksm_rmap_item*>* link = &slot->items;
  while (*link != nullptr && (*link)->address < address) {
    link = &(*link)->next_mm;
  }
  ksm_rmap_item* item = *link;
  if (item == nullptr || item->address != address) {
    item = NewObject<ksm_rmap_item>();
    item->mm = slot->mm.get();
    item->address = address;
    item->next_mm = link->get();
    *link = item;
  }
  item->pass = Ksm()->pass.get();
  return item;
}

// Items that this pass has not met, or all of them. Kernel: mm/ksm.c:
// remove_trailing_rmap_items(), v6.1.
void RemoveItems(ksm_mm* slot, bool all) {
  Cell<ksm_rmap_item*>* link = &slot->items;
  while (*link != nullptr) {
    ksm_rmap_item* item = *link;
    if (!all && item->pass == Ksm()->pass) {
      link = &item->next_mm;
      continue;
    }
    *link = item->next_mm.get();
    RemoveFromTree(item);
    kernel::ThisWorld()->Delete(item);
  }
}

void RemoveSlot(ksm_mm* slot) {
  Cell<ksm_mm*>* link = &Ksm()->mms;
  while (*link != slot) {
    link = &(*link)->next;
  }
  *link = slot->next.get();
  RemoveItems(slot, true);
  slot->mm->ksm = nullptr;
  kernel::ThisWorld()->Delete(slot);
}

void EnterKsm(mm_struct* mm) {
  if (mm->ksm != nullptr) {
    return;
  }
  auto* slot = NewObject<ksm_mm>();
  slot->mm = mm;
  mm->ksm = slot;
  mm->mm_count.counter += 1;
  Cell<ksm_mm*>* link = &Ksm()->mms;
  while (*link != nullptr) {
    link = &(*link)->next;
  }
  *link = slot;
}

}  // namespace mmfault::mm
