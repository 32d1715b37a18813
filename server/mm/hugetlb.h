// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// hugetlb.h: files of 2 MiB pages (FileKind::kHugetlb).
//
// Models mm/hugetlb.c where it changes mappings. A page is one of order 9; in
// the page cache it fills 512 places. Page tables of 1 GiB that several mms
// share are modelled as far as notifiers can tell: whoever changes a part of
// one lets go of all of it, so the range that is announced is widened for the
// worst case. Left out: reservations, pools, the fault mutex, the lock of a
// VMA.
//
// Differs: an mm sees an entry of a shared table once it has faulted there
// itself.

#ifndef MMFAULT_SERVER_MM_HUGETLB_H_
#define MMFAULT_SERVER_MM_HUGETLB_H_

#include "server/mm/announce.h"
#include "server/mm/mm_types.h"
#include "server/mm/page.h"
#include "server/sched/task.h"

namespace mmfault::mm {

inline constexpr uint64_t kPudSize = kHugeSize << 9;

inline bool is_vm_hugetlb_page(const vm_area_struct* vma) {
  const address_space* file = vma->vm_file;
  return file != nullptr && file->kind == FileKind::kHugetlb;
}

// Whether an end of [start, end) would split a VMA of hugetlb inside a page:
// -EINVAL.
bool SplitsHugetlbPage(const mm_struct* mm, uint64_t start, uint64_t end);

// Widens a range of a VMA of hugetlb to whole GiB where a table may be shared.
void adjust_range_if_pmd_sharing_possible(const vm_area_struct* vma,
                                          mmu_notifier_range* range);

// A fault in a VMA of hugetlb. 0, or -EFAULT beyond the file. Sleeps.
sched::Task<int> hugetlb_fault(vm_area_struct* vma, uint64_t address,
                               bool write);

// A huge page at an address where nothing is, without locks or steps: to set an
// mm up. Of anonymous memory too, whose VMA has an anon_vma.
void PopulateHugePage(vm_area_struct* vma, uint64_t address);

// Clears the entries of [start, end), of all the GiB where it is shared, into
// the batch; under the page table lock, which it takes. Tells nobody but TLBs.
sched::Task<> unmap_hugepage_range(vm_area_struct* vma, uint64_t start,
                                   uint64_t end, mmu_gather* tlb);

// mprotect of a part of a VMA whose flags are set already, announced.
sched::Task<> hugetlb_change_protection(vm_area_struct* vma, uint64_t start,
                                        uint64_t end, mmu_gather* tlb);

// fork of a private VMA, announced.
sched::Task<> copy_hugetlb_page_range(mm_struct* child, vm_area_struct* from);

// Before a VMA is split at an address: a table that both halves would share
// with others is let go of, announced. Requires mmap_lock for write.
sched::Task<> hugetlb_split(vm_area_struct* vma, uint64_t address);

}  // namespace mmfault::mm

#endif  // MMFAULT_SERVER_MM_HUGETLB_H_
