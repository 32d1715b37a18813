// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/mm/page.h"

#include "server/base/check.h"
#include "server/mm/announce.h"
#include "server/mm/ksm.h"
#include "server/mm/swap.h"

namespace mmfault::mm {
namespace {

void ReportStale(const page* p) {
  sched::World* world = kernel::ThisWorld();
  const SpteOwnerFn owner_of = State()->spte_owner;
  world->Report({.checker = trace::Checker::kNoStaleSecondaryMapping,
                 .cause = trace::Cause::kStalePageFreed,
                 .task = static_cast<int8_t>(world->current_slot()),
                 .obj = p->object.key(),
                 .by = owner_of == nullptr ? ObjKey() : owner_of(world, p),
                 .a = p->index << kPageShift,
                 .b = p->spte_count});
}

void CountPage(int delta) {
  const trace::AccessPause pause;  // for whoever is outside
  State()->pages_live += static_cast<uint64_t>(delta);
}

void FreePage(page* p) {
  if (p->spte_count != 0) {
    ReportStale(p);
  }
  if (p->ksm != nullptr) {
    ksm_page_freed(p);
  }
  CountPage(-1);
  kernel::ThisWorld()->Delete(p);
}

}  // namespace

page* alloc_page(void* mapping, bool anonymous, uint64_t index) {
  auto* p = kernel::ThisWorld()->New<page>(ObjType::kPage);
  CHECK(p != nullptr);
  p->refcount.counter = 1;
  p->mapping = mapping;
  p->anonymous = anonymous;
  p->index = index;
  CountPage(1);
  return p;
}

void get_page(page* p) {
  // Beside a reference that is held: commutes with every other and with puts.
  // Not with reclaim's look at who is left: docs/findings.md.
  const trace::AccessPause pause;
  p->refcount.counter += 1;
}

// Kernel: include/linux/mm.h:put_page(), v6.1. Differs: a page that dies with
// device mappings is the finding; there are no per-CPU batches.
sched::Task<> put_page(page* p) {
  const bool last = co_await kernel::atomic_dec_and_test(
      &p->refcount, p->object.key(), trace::Cause::kRefcountBelowZero,
      "put_page");
  if (last) {
    FreePage(p);
  }
}

void tlb_remove_page(mmu_gather* tlb, page* p) {
  auto* node = kernel::ThisWorld()->New<gather_node>(ObjType::kNone);
  CHECK(node != nullptr);
  node->gathered = p;
  if (tlb->last == nullptr) {
    tlb->first = node;
  } else {
    tlb->last->next = node;
  }
  tlb->last = node;
}

void tlb_remove_tlb_entry(mmu_gather* tlb, mm_struct* mm, uint64_t address,
                          uint64_t size) {
  tlb->mm = mm;
  tlb->start = address < tlb->start ? address : tlb->start;
  tlb->end = address + size > tlb->end ? address + size : tlb->end;
}

// Rule: a device that shares the page tables is told at the flush, of the range
// that was gathered, and only if something was there. Kernel:
// include/asm-generic/tlb.h:tlb_flush_mmu_tlbonly(), v6.1; from v6.6 on
// arch/x86/mm/tlb.c:flush_tlb_mm_range(). Differs: no page tables are freed, so
// that flushes nothing either.
sched::Task<> tlb_flush_mmu_tlbonly(mmu_gather* tlb) {
  if (tlb->end != 0) {
    const uint64_t start = tlb->start;
    const uint64_t end = tlb->end;
    tlb->start = UINT64_MAX;
    tlb->end = 0;
    co_await NotifyTlbFlush(tlb->mm, start, end);
  }
}

// Kernel: mm/mmu_gather.c:tlb_finish_mmu(), v6.1.
sched::Task<> tlb_finish_mmu(mmu_gather* tlb) {
  co_await tlb_flush_mmu_tlbonly(tlb);
  gather_node* node = tlb->first;
  tlb->first = nullptr;
  tlb->last = nullptr;
  while (node != nullptr) {
    gather_node* next = node->next;
    free_swap_cache(node->gathered);
    co_await put_page(node->gathered);
    kernel::ThisWorld()->Delete(node);
    node = next;
  }
}

}  // namespace mmfault::mm
