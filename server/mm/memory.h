// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// memory.h: faults, zapping, copying: where ptes change.
//
// Models mm/memory.c. Each site that takes a translation away announces it to
// the notifiers as the Era says. References: a pte owns one reference of its
// page; zapping moves it to a mmu_gather, which drops it after the flush.
//
// Lock order: mmap_sem or an rmap lock (the caller's), then page_table_lock.

#ifndef MMFAULT_SERVER_MM_MEMORY_H_
#define MMFAULT_SERVER_MM_MEMORY_H_

#include "server/mm/era.h"
#include "server/mm/mm_types.h"
#include "server/mm/page.h"
#include "server/sched/task.h"

namespace mmfault::mm {

// Calls the era's hook, if it has one. Start returns 0, or what a notifier
// answered to a non-blocking caller.
sched::Task<int> NotifyRangeStart(mmu_notifier_range* range);
sched::Task<> NotifyRangeEnd(mmu_notifier_range* range);

// A CPU access, as the page-fault handler sees it: takes mmap_sem for read.
// Returns 0, or -EFAULT where no VMA allows it. Sleeps.
sched::Task<int> access_page(mm_struct* mm, uint64_t address, bool write);

// As access_page, and leaves a reference on the page: get_user_pages() of one.
// *result is null on error.
sched::Task<int> get_user_page(mm_struct* mm, uint64_t address, bool write,
                               page** result);

// The fault handler proper. Requires mmap_sem.
sched::Task<int> handle_mm_fault(mm_struct* mm, vm_area_struct* vma,
                                 uint64_t address, bool write);

// Clears the ptes of one VMA in [start, end) into the batch, under the page
// table lock, without telling anybody.
sched::Task<> zap_pte_range(mm_struct* mm, uint64_t start, uint64_t end,
                            mmu_gather* tlb);

// Zaps a range inside one VMA with its announcement: DONTNEED, truncate.
// Requires mmap_sem or the i_mmap lock. Returns what range_start answered.
sched::Task<int> zap_page_range(vm_area_struct* vma, uint64_t start,
                                uint64_t end);

// fork: shares a VMA's pages with the child, write-protecting private ones.
// `failed` skips the copying, as an allocation failure of the child would.
sched::Task<int> copy_page_range(mm_struct* child, vm_area_struct* to,
                                 vm_area_struct* from, bool failed);

// Clears one pte under the page table lock if it still maps `p`, announced as
// single-page sites of this era are. True when it did: the caller now has the
// pte's reference.
sched::Task<bool> ptep_clear_flush_notify(vm_area_struct* vma, uint64_t address,
                                          page* p, Event event);

}  // namespace mmfault::mm

#endif  // MMFAULT_SERVER_MM_MEMORY_H_
