// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/mm/swap.h"

#include "server/base/check.h"
#include "server/mm/page.h"

// The swap cache is changed in steps that name a pte or a page, not the entry:
// docs/findings.md.

namespace mmfault::mm {
namespace {

void FreeIfUnused(swap_entry* entry) {
  if (entry->count == 0 && entry->cached == nullptr) {
    kernel::ThisWorld()->Delete(entry);
  }
}

void Cache(swap_entry* entry, page* p) {
  entry->cached = p;
  p->swap = entry;
  get_page(p);
}

}  // namespace

// Kernel: mm/swap_state.c:add_to_swap(), v6.1. Differs: never fails.
swap_entry* add_to_swap(page* p) {
  const trace::AccessPause pause;
  if (p->swap == nullptr) {
    auto* entry = kernel::ThisWorld()->New<swap_entry>(ObjType::kNone);
    CHECK(entry != nullptr);
    entry->value = p->value.get();
    Cache(entry, p);
  }
  return p->swap;
}

void swap_duplicate(swap_entry* entry) {
  const trace::AccessPause pause;
  entry->count += 1;
}

// Kernel: mm/swapfile.c:free_swap_and_cache(), v6.1.
page* swap_free(swap_entry* entry) {
  const trace::AccessPause pause;
  CHECK(entry->count != 0);
  entry->count -= 1;
  page* cached = entry->cached;
  if (entry->count != 0 || cached == nullptr || cached->mapcount != 0) {
    FreeIfUnused(entry);
    return nullptr;
  }
  cached->swap = nullptr;
  entry->cached = nullptr;
  FreeIfUnused(entry);
  return cached;
}

// Kernel: mm/swap_state.c:read_swap_cache_async(), v6.1.
page* swapin_page(swap_entry* entry, void* mapping, uint64_t index) {
  const trace::AccessPause pause;
  page* p = entry->cached;
  if (p == nullptr) {
    p = alloc_page(mapping, true, index);
    p->value = entry->value.get();
    Cache(entry, p);
    return p;
  }
  get_page(p);
  return p;
}

// Kernel: mm/swap_state.c:delete_from_swap_cache(), v6.1.
void delete_from_swap_cache(page* p) {
  const trace::AccessPause pause;
  swap_entry* entry = p->swap;
  CHECK(p->refcount.counter > 1);
  p->refcount.counter -= 1;
  p->swap = nullptr;
  entry->cached = nullptr;
  FreeIfUnused(entry);
}

// Kernel: mm/swap_state.c:free_swap_cache(), v6.1.
void free_swap_cache(page* p) {
  const trace::AccessPause pause;
  if (p->swap != nullptr && p->mapcount == 0 && p->swap->count == 0) {
    delete_from_swap_cache(p);
  }
}

}  // namespace mmfault::mm
