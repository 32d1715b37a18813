// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// vma.h: the VMAs of an mm: lookup, insertion, splitting, removal.
//
// Models mm/mmap.c's list and tree (a treap whose priorities are a hash of the
// start address, so its shape does not depend on history). Adjacent VMAs that
// are alike are merged when an operation has touched one of them, and not at
// the setting up of an mm: notifiers are told VMA by VMA, so they can tell.
//
// Locking: mmap_sem for write to change, for read to look; exit_mmap of 2008
// does both without.

#ifndef MMFAULT_SERVER_MM_VMA_H_
#define MMFAULT_SERVER_MM_VMA_H_

#include "server/mm/mm_types.h"
#include "server/sched/task.h"

namespace mmfault::mm {

// The first VMA that ends above `address`, or null: it may start above it.
vm_area_struct* find_vma(const mm_struct* mm, uint64_t address);

// A VMA that is in no list yet.
vm_area_struct* NewVma(mm_struct* mm, uint64_t start, uint64_t end,
                       uint64_t flags, address_space* file, uint64_t pgoff);

// Puts a VMA into its mm's list and tree. Requires: overlaps none.
void InsertVma(vm_area_struct* vma);
// Takes it out; the VMA stays alive.
void DetachVma(vm_area_struct* vma);

// One step of a walk over all VMAs, as a scheduling point that reads `vma`: the
// first for null, else the next. Reports a freed VMA (no_use_after_free) and
// stops the task there: the kernel would follow a wild pointer.
class [[nodiscard]] VmaStep : public kernel::Point {
 public:
  VmaStep(mm_struct* mm, vm_area_struct* vma, const char* where);
  void await_suspend(std::coroutine_handle<> leaf) const;
  vm_area_struct* await_resume() const;

 private:
  mm_struct* mm_;
  vm_area_struct* vma_;
};
inline VmaStep FirstVma(mm_struct* mm, const char* where) {
  return {mm, nullptr, where};
}
inline VmaStep NextVma(vm_area_struct* vma, const char* where) {
  return {vma->vm_mm, vma, where};
}

// Splits at `address` if a VMA spans it: the upper part is a new VMA with the
// same backing. Takes the rmap locks to link it. Requires mmap_sem for write.
// Does not look at max_map_count.
sched::Task<> split_vma(mm_struct* mm, uint64_t address);

// Whether one VMA more would be too many.
bool AtMapLimit(const mm_struct* mm);

// Merges a VMA with the one below and the one above it where they are alike;
// returns the one that is left. Requires mmap_sem for write.
sched::Task<vm_area_struct*> vma_merge(vm_area_struct* vma);

// Gives the part [start, end) of a VMA other flags: splits, sets, merges.
// Returns the VMA that has it now, or null where a split would be one VMA too
// many (-ENOMEM). Requires mmap_sem for write.
sched::Task<vm_area_struct*> vma_modify_flags(vm_area_struct* vma,
                                              uint64_t start, uint64_t end,
                                              uint64_t flags);

inline uint64_t VmaPages(const vm_area_struct* vma) {
  return (vma->vm_end - vma->vm_start) >> kPageShift;
}
// The index of an address in the VMA's file or anon_vma.
inline uint64_t linear_page_index(const vm_area_struct* vma, uint64_t address) {
  return vma->vm_pgoff + ((address - vma->vm_start) >> kPageShift);
}

}  // namespace mmfault::mm

#endif  // MMFAULT_SERVER_MM_VMA_H_
