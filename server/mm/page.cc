// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/mm/page.h"

#include "server/base/check.h"

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

void FreePage(page* p) {
  if (p->spte_count != 0) {
    ReportStale(p);
  }
  State()->pages_live -= 1;
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
  State()->pages_live += 1;
  return p;
}

void get_page(page* p) { p->refcount.counter += 1; }

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

sched::Task<> tlb_finish_mmu(mmu_gather* tlb) {
  gather_node* node = tlb->first;
  tlb->first = nullptr;
  tlb->last = nullptr;
  while (node != nullptr) {
    gather_node* next = node->next;
    co_await put_page(node->gathered);
    kernel::ThisWorld()->Delete(node);
    node = next;
  }
}

}  // namespace mmfault::mm
