// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// huge_memory.h: transparent huge pages of anonymous memory.
//
// Models mm/huge_memory.c: an aligned 2 MiB that one entry maps (Pte::kHuge),
// of one `page` of order 9. When the entry is split, 512 ptes map that same
// page, each with a reference; so a huge page of which a part was zapped lives
// until the last pte goes, as in the kernel before its shrinker comes.
//
// Left out: huge pages of a file are mapped by ptes only; NUMA hints; locked
// memory; the deferred split; 1 GiB.
//
// Locks: as the callers in memory.cc; entries change under page_table_lock.

#ifndef MMFAULT_SERVER_MM_HUGE_MEMORY_H_
#define MMFAULT_SERVER_MM_HUGE_MEMORY_H_

#include "server/mm/announce.h"
#include "server/mm/memory.h"
#include "server/mm/mm_types.h"
#include "server/mm/page.h"
#include "server/sched/task.h"

namespace mmfault::mm {

// A section over one huge page.
mmu_notifier_range HugeRangeOf(mm_struct* mm, uint64_t address, Event event);

// Whether an entry for the 2 MiB around an address would lie inside the VMA.
bool transhuge_vma_suitable(const vm_area_struct* vma, uint64_t address);

// Splits the entry at an address, in a section of its own that may lie inside
// another. Sleeps.
sched::Task<> __split_huge_pmd(mm_struct* mm, uint64_t address);
// The same if there is one that begins somewhere else than at the address:
// before a VMA is split there.
sched::Task<> vma_adjust_trans_huge(vm_area_struct* vma, uint64_t address);

// What a fault does where a huge entry is or could be. kFallback: go on with a
// pte.
inline constexpr int kFallback = 1;
sched::Task<int> do_huge_pmd_fault(vm_area_struct* vma, uint64_t address,
                                   bool write);

// Under the page table lock, at the beginning of a huge entry. Without telling
// anybody but TLBs.
void zap_huge_pmd(mm_struct* mm, uint64_t address, mmu_gather* tlb);
void copy_huge_pmd(mm_struct* child, mm_struct* mm, uint64_t address);
// Moves the entry. Both addresses are aligned, and nothing is at the new one.
void move_huge_pmd(mm_struct* mm, uint64_t from, uint64_t to);
// Gives the entry the rights of its VMA; true when TLBs must be flushed.
bool change_huge_pmd(vm_area_struct* vma, uint64_t address);

// Makes 512 pages of one huge page, which nobody may have pinned: in a section
// of each mm that maps it. 0, or -EBUSY. Requires a reference, which is on the
// old page and stays there.
sched::Task<int> split_huge_page(page* p);

// MADV_HUGEPAGE, MADV_NOHUGEPAGE. -EINVAL (no such thing in this era, or a VMA
// of hugetlb), -ENOMEM (a hole; the rest is done), -EINTR.
sched::Task<int> hugepage_madvise(mm_struct* mm, uint64_t start, uint64_t end,
                                  bool on);

}  // namespace mmfault::mm

#endif  // MMFAULT_SERVER_MM_HUGE_MEMORY_H_
