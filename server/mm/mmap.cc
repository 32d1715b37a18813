// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/mm/mmap.h"

#include "server/kernel/errno.h"
#include "server/kernel/mutant.h"
#include "server/mm/era.h"
#include "server/mm/hugetlb.h"
#include "server/mm/khugepaged.h"
#include "server/mm/ksm.h"
#include "server/mm/memory.h"
#include "server/mm/page_table.h"
#include "server/mm/rmap.h"
#include "server/mm/vma.h"
#include "server/mm/vma_lock.h"

namespace mmfault::mm {
namespace {

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

sched::Task<> LockVmas(mm_struct* mm, uint64_t start, uint64_t end) {
  for (vm_area_struct* vma = find_vma(mm, start);
       vma != nullptr && vma->vm_start < end; vma = vma->vm_next) {
    co_await vma_start_write(vma);
  }
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
    co_await unmap_single_vma(vma, vma->vm_start, vma->vm_end, tlb);
  }
}

// The last VMA below an address, or null.
const vm_area_struct* FindBelow(const mm_struct* mm, uint64_t address) {
  const vm_area_struct* found = nullptr;
  const vm_area_struct* node = mm->mm_rb;
  while (node != nullptr) {
    const bool below = node->vm_start < address;
    found = below ? node : found;
    node = below ? node->tree_right : node->tree_left;
  }
  return found;
}

// Rule: tables go that no VMA beside the hole needs. Kernel: mm/memory.c:
// free_pgtables(), v6.1. Differs: no TLB is flushed for them.
void free_pgtables(mm_struct* mm, uint64_t start) {
  const vm_area_struct* below = FindBelow(mm, start);
  const vm_area_struct* above = find_vma(mm, start);
  FreePageTablesOf(mm, below != nullptr ? below->vm_end.get() : 0,
                   above != nullptr ? above->vm_start.get() : kTaskSize);
}

// Unmaps VMAs that are off the list already. Rule: the range that is told of is
// the one that was asked for, holes and all; the pages are freed after
// range_end, so the start must have stopped the device. Kernel:
// mm/mmap.c:unmap_region(), v6.1; vms_clear_ptes(), v6.12. Differs: #v11 frees
// first.
sched::Task<> unmap_region(mm_struct* mm, vm_area_struct* first, uint64_t start,
                           uint64_t end) {
  mmu_notifier_range range = RangeOf(first, start, end, Event::kUnmap);
  mmu_gather tlb;
  co_await NotifyRangeStart(&range);
  co_await kernel::FaultPoint(faults::Point::kUnmapAfterStart,
                              kernel::At(mm, start, end));
  co_await ZapAll(first, &tlb);
  co_await kernel::FaultPoint(faults::Point::kUnmapBeforeEnd,
                              kernel::At(mm, start, end));
  if (!era().unmap_frees_before_end) {
    co_await NotifyRangeEnd(&range);
  }
  co_await UnlinkAll(first);
  free_pgtables(mm, start);
  co_await tlb_finish_mmu(&tlb);
  if (era().unmap_frees_before_end) {
    co_await NotifyRangeEnd(&range);
  }
}

// A hole in the middle of a VMA makes one VMA more.
bool TooManyAfterHole(const mm_struct* mm, uint64_t start, uint64_t end) {
  const vm_area_struct* vma = find_vma(mm, start);
  return vma != nullptr && vma->vm_start < start && vma->vm_end > end &&
         AtMapLimit(mm);
}

}  // namespace

// Rule: nothing is announced where nothing was mapped. Once the VMAs are off
// the mm nobody can find them, so since 4.20 mmap_lock is a read lock while the
// pages go, and notifiers are called under that. Kernel: mm/mmap.c:
// do_mas_align_munmap(), v6.1; mm/vma.c:do_vmi_align_munmap(), v6.12.
sched::Task<int> UnmapLocked(mm_struct* mm, uint64_t start, uint64_t end,
                             bool downgrade, bool* downgraded) {
  *downgraded = false;
  if (SplitsHugetlbPage(mm, start, end)) {
    co_return -EINVAL;
  }
  if (TooManyAfterHole(mm, start, end)) {
    co_return -ENOMEM;
  }
  co_await LockVmas(mm, start, end);
  co_await split_vma(mm, start);
  co_await split_vma(mm, end);
  vm_area_struct* first = DetachVmas(mm, start, end);
  if (first == nullptr) {
    co_return 0;
  }
  if (downgrade && era().munmap_downgrades) {
    co_await mmap_write_downgrade(mm, "mmap_write_downgrade");
    *downgraded = true;
  }
  co_await unmap_region(mm, first, start, end);
  co_await RemoveAll(first);
  co_return 0;
}

// Kernel: mm/mmap.c:mmap_region(), v6.1. Rule: what MAP_FIXED replaces is
// unmapped under mmap_lock for write. Differs: the limit is looked at before
// the old mappings go.
sched::Task<int> do_mmap(mm_struct* mm, uint64_t start, uint64_t end,
                         uint64_t flags, address_space* file, uint64_t pgoff) {
  if (file != nullptr && file->kind == FileKind::kHugetlb &&
      ((start | end) % kHugeSize != 0 || pgoff % kHugePages != 0)) {
    co_return -EINVAL;  // hugetlbfs_file_mmap()
  }
  int rc = co_await mmap_write_lock(mm, "vm_mmap_pgoff");
  if (rc != 0) {
    co_return rc;
  }
  bool downgraded = false;
  rc = -ENOMEM;
  if (!AtMapLimit(mm)) {
    rc = co_await UnmapLocked(mm, start, end, false, &downgraded);
  }
  if (rc == 0) {
    vm_area_struct* vma = NewVma(mm, start, end, flags, file,
                                 file != nullptr ? pgoff : start >> kPageShift);
    InsertVma(vma);
    co_await vma_link_file(vma);
    co_await vma_merge(vma);
  }
  co_await mmap_write_unlock(mm, "vm_mmap_pgoff");
  co_return rc;
}

// Kernel: mm/mmap.c:__vm_munmap(), v6.1.
sched::Task<int> do_munmap(mm_struct* mm, uint64_t start, uint64_t end) {
  int rc = co_await mmap_write_lock(mm, "vm_munmap");
  if (rc != 0) {
    co_return rc;
  }
  bool downgraded = false;
  rc = co_await UnmapLocked(mm, start, end, true, &downgraded);
  if (downgraded) {
    co_await kernel::up_read(&mm->mmap_sem, "vm_munmap");
  } else {
    co_await mmap_write_unlock(mm, "vm_munmap");
  }
  co_return rc;
}

// Rule: notifiers are released first, while the page tables are still whole;
// then everything is unmapped under mmap_lock for read, told to intervals that
// may still be there, and at last VMAs and pages go. Kernel: mm/mmap.c:
// exit_mmap(), v6.1, v6.12 and 2.6.25. Differs: the TLBs of devices are not
// flushed, since nobody is left that has one.
sched::Task<> exit_mmap(mm_struct* mm) {
  const bool locks = era().exit_mmap_locks && mm->mmap != nullptr;
  const bool late = kernel::Mutated(kernel::Mutant::kExitReleasesLate);
  mmu_gather tlb;
  co_await ksm_exit(mm);  // these two by __mmput()
  co_await khugepaged_exit(mm);
  co_await kernel::FaultPoint(faults::Point::kExitMmapEnter, mm->object.id);
  mm->exit_phase = ExitPhase::kReleasing;
  if (era().release != nullptr && !late) {
    co_await era().release(mm);
  }
  co_await kernel::FaultPoint(faults::Point::kExitMmapAfterRelease,
                              mm->object.id);
  mm->exit_phase = ExitPhase::kUnmapping;
  mmu_notifier_range range{mm, 0, UINT64_MAX, Event::kUnmap, true};
  range.vma = era().range_names_vma;
  if (locks) {
    co_await kernel::down_read(&mm->mmap_sem, "exit_mmap");
    co_await NotifyRangeStart(&range);
  }
  co_await ZapAll(mm->mmap, &tlb);
  tlb.end = 0;
  if (locks) {
    co_await NotifyRangeEnd(&range);
    co_await kernel::up_read(&mm->mmap_sem, "exit_mmap");
    // From here on there is nothing that the OOM reaper could free.
    SetFlag(mm, MMF_OOM_SKIP);
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
  if (!locks) {
    // Whoever looks for a VMA does so in the step that takes mmap_lock: this
    // one, which takes no lock, has to name it for the search to see the race.
    co_await kernel::Point{{trace::OpKind::kWrite, trace::Access::kWrite,
                            mm->mmap_sem.key(), "exit_mmap"}};
  }
  mm->mm_rb = nullptr;
  FreePageTables(mm);
  if (locks) {
    co_await kernel::up_write(&mm->mmap_sem, "exit_mmap");
  }
  if (era().release != nullptr && late) {
    co_await era().release(mm);
  }
  mm->exit_phase = ExitPhase::kDead;
}

}  // namespace mmfault::mm
