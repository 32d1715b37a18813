// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// memory.h: faults, zapping, copying: where ptes change.
//
// Models mm/memory.c. Each site that takes a translation away announces it to
// the notifiers as the Era says (mm/announce.h). References: a pte owns one
// reference of its page; zapping moves it to a mmu_gather, which drops it after
// the flush.
//
// Lock order: mmap_sem or an rmap lock (the caller's), then page_table_lock.

#ifndef MMFAULT_SERVER_MM_MEMORY_H_
#define MMFAULT_SERVER_MM_MEMORY_H_

#include "server/mm/announce.h"
#include "server/mm/era.h"
#include "server/mm/mm_types.h"
#include "server/mm/page.h"
#include "server/sched/task.h"

namespace mmfault::mm {

// The step that changes one entry; the caller holds the page table lock.
inline kernel::Point PtePoint(const mm_struct* mm, uint64_t address,
                              const char* where) {
  return {{trace::OpKind::kWrite, trace::Access::kWrite, PteKey(mm, address),
           where}};
}

// A CPU access, as the page-fault handler sees it: takes the lock of the VMA,
// or mmap_sem for read. Returns 0, or -EFAULT where no VMA allows it. Sleeps.
sched::Task<int> access_page(mm_struct* mm, uint64_t address, bool write);

// As access_page under mmap_sem, and leaves a reference on the page:
// get_user_pages() of one. *result is null on error. -EAGAIN: it was taken away
// in between.
sched::Task<int> get_user_page(mm_struct* mm, uint64_t address, bool write,
                               page** result);

// access_process_vm() of one byte with FOLL_FORCE. 0, -EIO, -EINTR. Sleeps.
sched::Task<int> access_remote_vm(mm_struct* mm, uint64_t address, bool write);

struct FaultFlags {
  bool write = false;
  bool force = false;       // FOLL_FORCE: the VMA's rights do not count
  bool vma_locked = false;  // the lock of the VMA is held, mmap_sem is not
};
// The fault handler proper. Requires mmap_sem or the lock of the VMA. 0,
// -EFAULT, or with `vma_locked` -EAGAIN: repeat under mmap_sem.
sched::Task<int> handle_mm_fault(vm_area_struct* vma, uint64_t address,
                                 FaultFlags flags);

// What is zapped of a range.
struct zap_details {
  bool even_cows = true;  // private copies of a file's pages, too
};

// Clears the ptes of one VMA in [start, end) into the batch, under the page
// table lock, without telling anybody but TLBs.
sched::Task<> unmap_page_range(mm_struct* mm, uint64_t start, uint64_t end,
                               mmu_gather* tlb, zap_details details = {});

// The same for a part of one VMA, whatever maps it.
sched::Task<> unmap_single_vma(vm_area_struct* vma, uint64_t start,
                               uint64_t end, mmu_gather* tlb,
                               zap_details details = {});

// Zaps a range inside one VMA with its announcement: DONTNEED, truncate.
// Requires mmap_sem, the lock of the VMA, or the i_mmap lock. A notifier that
// refuses is not listened to.
sched::Task<> zap_page_range(vm_area_struct* vma, uint64_t start, uint64_t end,
                             zap_details details = {});

// fork: shares a VMA's pages with the child, write-protecting private ones.
// `failed` skips the copying, as an allocation failure of the child would.
sched::Task<int> copy_page_range(mm_struct* child, vm_area_struct* to,
                                 vm_area_struct* from, bool failed);

}  // namespace mmfault::mm

#endif  // MMFAULT_SERVER_MM_MEMORY_H_
