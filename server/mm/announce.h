// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// announce.h: telling the notifiers, and checking that they were told.
//
// The operations of mm/ call the era's hooks through here. What each task has
// announced is kept, so that every change of a pte can be held against it
// (pte_changes_announced): a page that goes, is replaced, or loses a right may
// do so only inside a section of the same task that covers the address, or, in
// eras with invalidate_page, if that is called before the task drops the page
// table lock. A new mapping where none was, or one more right, needs nothing.
// Nor does an mm that nobody watches, or one whose notifiers were released.

#ifndef MMFAULT_SERVER_MM_ANNOUNCE_H_
#define MMFAULT_SERVER_MM_ANNOUNCE_H_

#include "server/mm/era.h"
#include "server/mm/mm_types.h"
#include "server/mm/page_table.h"
#include "server/sched/task.h"

namespace mmfault::mm {

// A blockable range in one VMA: mmu_notifier_range_init().
mmu_notifier_range RangeOf(const vm_area_struct* vma, uint64_t start,
                           uint64_t end, Event event);

// Calls the era's hook, if it has one. 0, or what a notifier answered. Where
// the range is not blockable and the answer is not 0, nothing was begun.
// Otherwise the section is open: an error of a blockable start changes nothing.
sched::Task<int> NotifyRangeStart(mmu_notifier_range* range);
sched::Task<> NotifyRangeEnd(mmu_notifier_range* range);
// As NotifyRangeEnd, by a site that has told TLBs itself.
sched::Task<> NotifyRangeOnlyEnd(mmu_notifier_range* range);
// The section ends and nobody is told: only for what an era did wrong.
void ForgetRange(const mmu_notifier_range* range);

// invalidate_page(), under the page table lock.
sched::Task<> NotifyPage(mm_struct* mm, uint64_t address);
// invalidate_range(), where a site calls it by itself.
sched::Task<> NotifyRange(mm_struct* mm, uint64_t start, uint64_t end);
// change_pte(): `target` is about to be mapped. Under the page table lock.
sched::Task<> NotifyChangePte(mm_struct* mm, uint64_t address, page* target);
// The primary TLB was flushed by a mmu_gather.
sched::Task<> NotifyTlbFlush(mm_struct* mm, uint64_t start, uint64_t end);
// The same, by ptep_clear_flush() and flush_tlb_range(): told of since 6.6.
sched::Task<> NotifyPteFlush(mm_struct* mm, uint64_t start, uint64_t end);

// Drops the page table lock; invalidate_page must have been called by now.
sched::Task<> UnlockPageTable(mm_struct* mm, const char* where);

// The checker, called for each change of an entry.
void CheckAnnounced(const mm_struct* mm, uint64_t address, Pte from, Pte to);
// The same for what SetPte does not see; `size` bytes from `address` on.
void CheckRangeAnnounced(const mm_struct* mm, uint64_t address, uint64_t size);

}  // namespace mmfault::mm

#endif  // MMFAULT_SERVER_MM_ANNOUNCE_H_
