// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// page.h: pages and the batch that frees them.
//
// A page lives while its reference count is above 0. Ptes, the page cache and
// get_user_pages() hold references; device mappings (sptes) do not: that is the
// notifier's job. Freeing a page that a device still maps is the violation this
// whole project is about (no_stale_secondary_mapping), and it is checked here,
// at the moment it happens.

#ifndef MMFAULT_SERVER_MM_PAGE_H_
#define MMFAULT_SERVER_MM_PAGE_H_

#include "server/mm/mm_types.h"
#include "server/sched/task.h"

namespace mmfault::mm {

// A fresh page with one reference. Never fails: an exhausted arena is a CHECK.
page* alloc_page(void* mapping, bool anonymous, uint64_t index);

// Takes a reference; the caller already holds one or a lock that keeps one.
void get_page(page* p);

// folio_mapped(): whether some pte maps it, asked without a lock of it; a walk
// that follows may find nothing. Which of the two it is, the search does not
// try in every order: docs/findings.md.
inline bool page_mapped(const page* p) {
  const trace::AccessPause pause;
  return p->mapcount != 0;
}

// Drops a reference; frees at 0. A scheduling point.
sched::Task<> put_page(page* p);

// Pages whose ptes are cleared and whose references are dropped together:
// struct mmu_gather. Lives in a frame; its nodes in the arena, because a shared
// page can be in the batches of two tasks at once.
struct gather_node {
  Object object;
  Cell<page*> gathered;
  Cell<gather_node*> next;
};
struct mmu_gather {
  gather_node* first = nullptr;
  gather_node* last = nullptr;
  // What the TLB may still hold: from the first to the last entry changed.
  mm_struct* mm = nullptr;
  uint64_t start = UINT64_MAX;
  uint64_t end = 0;
};
// Moves the pte's reference to the batch.
void tlb_remove_page(mmu_gather* tlb, page* p);
// Entries were changed that a TLB may hold.
void tlb_remove_tlb_entry(mmu_gather* tlb, mm_struct* mm, uint64_t address,
                          uint64_t size = kPageSize);
// Flushes the TLB, and the devices' TLBs where the era tells them, if there is
// anything to flush.
sched::Task<> tlb_flush_mmu_tlbonly(mmu_gather* tlb);
// Flushes and drops the references, one step a page.
sched::Task<> tlb_finish_mmu(mmu_gather* tlb);

}  // namespace mmfault::mm

#endif  // MMFAULT_SERVER_MM_PAGE_H_
