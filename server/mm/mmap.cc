// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/mm/mmap.h"

#include "server/kernel/errno.h"
#include "server/mm/era.h"
#include "server/mm/memory.h"
#include "server/mm/page_table.h"
#include "server/mm/rmap.h"
#include "server/mm/vma.h"

namespace mmfault::mm {
namespace {

kernel::LockPoint LockMmForChange(mm_struct* mm, const char* where) {
  return kernel::lock(&mm->mmap_sem, where, kernel::Nest::kNo,
                      era().killable ? kernel::Wait::kKillable
                                     : kernel::Wait::kUninterruptible);
}

// Takes the VMAs of a range off the mm, chained by vm_next.
vm_area_struct* DetachVmas(mm_struct* mm, uint64_t start, uint64_t end) {
  vm_area_struct* first = nullptr;
  vm_area_struct* last = nullptr;
  vm_area_struct* vma = find_vma(mm, start);
  while (vma != nullptr && vma->vm_start < end) {
    vm_area_struct* next = vma->vm_next;
    DetachVma(vma);
    vma->vm_next = nullptr;
    if (last == nullptr) {
      first = vma;
    } else {
      last->vm_next = vma;
    }
    last = vma;
    vma = next;
  }
  return first;
}

sched::Task<> UnlinkAll(vm_area_struct* first) {
  for (vm_area_struct* vma = first; vma != nullptr; vma = vma->vm_next) {
    co_await unlink_anon_vmas(vma);
    co_await unlink_file_vma(vma);
  }
}

sched::Task<> RemoveAll(vm_area_struct* vma) {
  while (vma != nullptr) {
    co_await kernel::Point{{trace::OpKind::kFree, trace::Access::kWrite,
                            vma->object.key(), "remove_vma"}};
    vm_area_struct* next = vma->vm_next;
    kernel::ThisWorld()->Delete(vma);
    vma = next;
  }
}

sched::Task<> ZapAll(vm_area_struct* first, mmu_gather* tlb) {
  for (vm_area_struct* vma = first; vma != nullptr; vma = vma->vm_next) {
    co_await zap_pte_range(vma->vm_mm, vma->vm_start, vma->vm_end, tlb);
  }
}

// Unmaps VMAs that are off the list already. Rule: the pages are freed after
// range_end, so the start must have stopped the device. Kernel:
// mm/mmap.c:unmap_region(), v6.1. Differs: #v11 frees first.
sched::Task<> unmap_region(mm_struct* mm, vm_area_struct* first, uint64_t start,
                           uint64_t end) {
  mmu_notifier_range range{mm, start, end, Event::kUnmap, true};
  mmu_gather tlb;
  co_await NotifyRangeStart(&range);
  co_await kernel::FaultPoint(faults::Point::kUnmapAfterStart, mm->object.id);
  co_await ZapAll(first, &tlb);
  co_await kernel::FaultPoint(faults::Point::kUnmapBeforeEnd, mm->object.id);
  if (!era().unmap_frees_before_end) {
    co_await NotifyRangeEnd(&range);
  }
  co_await UnlinkAll(first);
  co_await tlb_finish_mmu(&tlb);
  if (era().unmap_frees_before_end) {
    co_await NotifyRangeEnd(&range);
  }
}

// Requires mmap_sem for write.
sched::Task<> UnmapLocked(mm_struct* mm, uint64_t start, uint64_t end) {
  co_await split_vma(mm, start);
  co_await split_vma(mm, end);
  vm_area_struct* first = DetachVmas(mm, start, end);
  if (first == nullptr) {
    co_return;
  }
  co_await unmap_region(mm, first, start, end);
  co_await RemoveAll(first);
}

}  // namespace

sched::Task<int> do_mmap(mm_struct* mm, uint64_t start, uint64_t end,
                         uint64_t flags, address_space* file, uint64_t pgoff) {
  const int rc = co_await LockMmForChange(mm, "vm_mmap_pgoff");
  if (rc != 0) {
    co_return rc;
  }
  if (mm->map_count >= kernel::ThisWorld()->options().max_map_count) {
    co_await kernel::up_write(&mm->mmap_sem, "vm_mmap_pgoff");
    co_return -ENOMEM;
  }
  co_await UnmapLocked(mm, start, end);
  vm_area_struct* vma = NewVma(mm, start, end, flags, file,
                               file != nullptr ? pgoff : start >> kPageShift);
  InsertVma(vma);
  co_await vma_link_file(vma);
  co_await kernel::up_write(&mm->mmap_sem, "vm_mmap_pgoff");
  co_return 0;
}

sched::Task<int> do_munmap(mm_struct* mm, uint64_t start, uint64_t end) {
  const int rc = co_await LockMmForChange(mm, "vm_munmap");
  if (rc != 0) {
    co_return rc;
  }
  co_await UnmapLocked(mm, start, end);
  co_await kernel::up_write(&mm->mmap_sem, "vm_munmap");
  co_return 0;
}

// Rule: notifiers are released first, while the page tables are still whole.
// Kernel: mm/mmap.c:exit_mmap(), v6.1 and 2.6.25. Differs: no oom reaper.
sched::Task<> exit_mmap(mm_struct* mm) {
  const bool locks = era().exit_mmap_locks;
  mmu_gather tlb;
  co_await kernel::FaultPoint(faults::Point::kExitMmapEnter, mm->object.id);
  mm->exit_phase = ExitPhase::kReleasing;
  if (era().release != nullptr) {
    co_await era().release(mm);
  }
  co_await kernel::FaultPoint(faults::Point::kExitMmapAfterRelease,
                              mm->object.id);
  mm->exit_phase = ExitPhase::kUnmapping;
  mmu_notifier_range range{mm, 0, UINT64_MAX, Event::kUnmap, true};
  if (locks) {
    co_await kernel::down_read(&mm->mmap_sem, "exit_mmap");
    co_await NotifyRangeStart(&range);
  }
  co_await ZapAll(mm->mmap, &tlb);
  if (locks) {
    co_await NotifyRangeEnd(&range);
    co_await kernel::up_read(&mm->mmap_sem, "exit_mmap");
  }
  co_await kernel::FaultPoint(faults::Point::kExitMmapAfterUnmap,
                              mm->object.id);
  mm->exit_phase = ExitPhase::kFreeing;
  if (locks) {
    co_await kernel::down_write(&mm->mmap_sem, "exit_mmap");
  }
  co_await UnlinkAll(mm->mmap);
  co_await tlb_finish_mmu(&tlb);
  // As in 2008, mm->mmap is left pointing at what was there: a walker that has
  // no right to be here finds freed VMAs, not an empty list.
  co_await RemoveAll(mm->mmap);
  mm->mm_rb = nullptr;
  FreePageTables(mm);
  if (locks) {
    co_await kernel::up_write(&mm->mmap_sem, "exit_mmap");
  }
  mm->exit_phase = ExitPhase::kDead;
}

}  // namespace mmfault::mm
