// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/mm/task_mmu.h"

#include "server/kernel/errno.h"
#include "server/mm/announce.h"
#include "server/mm/fork.h"
#include "server/mm/hugetlb.h"
#include "server/mm/memory.h"
#include "server/mm/page_table.h"
#include "server/mm/vma_lock.h"

namespace mmfault::mm {
namespace {

// One entry. Kernel: fs/proc/task_mmu.c:clear_refs_pte_range(),
// clear_soft_dirty(), v6.1. Requires the page table lock.
void ClearOne(mm_struct* mm, uint64_t address, ClearRefs what) {
  const Pte pte = LookupPte(mm, address);
  if (!pte.present()) {
    return;
  }
  const Pte now =
      pte.Without(what == ClearRefs::kSoftDirty ? Pte::kWritable : Pte::kYoung);
  if (now.bits() == pte.bits()) {
    return;
  }
  if (pte.huge()) {
    SetHugePte(mm, address, now);
  } else {
    SetPte(mm, address, now);
  }
}

// Kernel: fs/proc/task_mmu.c:clear_refs_test_walk(), v6.1. Differs: the entries
// of a VMA under one hold of the page table lock.
sched::Task<> ClearVma(vm_area_struct* vma, ClearRefs what) {
  mm_struct* mm = vma->vm_mm;
  const uint64_t end = vma->vm_end;
  if (is_vm_hugetlb_page(vma) || NextMapped(mm, vma->vm_start, end) >= end) {
    co_return;
  }
  co_await kernel::spin_lock(&mm->page_table_lock, "clear_refs_pte_range");
  uint64_t at = NextMapped(mm, vma->vm_start, end);
  while (at < end) {
    co_await PtePoint(mm, at, "clear_refs_pte_range");
    const bool huge = LookupPte(mm, at).huge();
    ClearOne(mm, at, what);
    const uint64_t next = huge ? HugeStart(at) + kHugeSize : at + kPageSize;
    at = next < end ? NextMapped(mm, next, end) : end;
  }
  co_await UnlockPageTable(mm, "clear_refs_pte_range");
}

// Rule: the accessed bits go without a word to anybody. Soft-dirty bits go in
// one section over the whole address space, which names no VMA; TLBs are
// flushed after its end. Kernel: fs/proc/task_mmu.c:clear_refs_write(), v6.1.
sched::Task<> ClearLocked(mm_struct* mm, ClearRefs what) {
  mmu_notifier_range range{mm, 0, UINT64_MAX, Event::kSoftDirty, true};
  const bool announced = what == ClearRefs::kSoftDirty;
  for (vm_area_struct* vma = mm->mmap; announced && vma != nullptr;
       vma = vma->vm_next) {
    co_await vma_start_write(vma);
  }
  if (announced) {
    co_await NotifyRangeStart(&range);
  }
  for (vm_area_struct* vma = mm->mmap; vma != nullptr; vma = vma->vm_next) {
    co_await ClearVma(vma, what);
  }
  if (announced) {
    co_await NotifyRangeEnd(&range);
    co_await NotifyPteFlush(mm, 0, UINT64_MAX);
  }
}

}  // namespace

// Kernel: fs/proc/task_mmu.c:clear_refs_write(), v6.1. The file's owner is
// another process, whose mm is used meanwhile.
sched::Task<int> clear_refs_write(mm_struct* mm, ClearRefs what) {
  if (what == ClearRefs::kSoftDirty && !era().huge_pages) {
    co_return -EINVAL;
  }
  const bool alive = co_await mmget_not_zero(mm);
  if (!alive) {
    co_return -ESRCH;
  }
  const int rc = co_await mmap_write_lock(mm, "clear_refs_write");
  if (rc == 0) {
    co_await ClearLocked(mm, what);
    co_await mmap_write_unlock(mm, "clear_refs_write");
  }
  co_await mmput(mm);
  co_return rc;
}

}  // namespace mmfault::mm
