// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Zapping and copying. Faults are in fault.cc and cow.cc.

#include "server/mm/memory.h"

#include "server/kernel/errno.h"
#include "server/kernel/mutant.h"
#include "server/mm/huge_memory.h"
#include "server/mm/hugetlb.h"
#include "server/mm/page_table.h"
#include "server/mm/swap.h"

namespace mmfault::mm {
namespace {

using kernel::Mutant;
using kernel::Mutated;

// One entry that is not empty. True: a dirty page of a file went, and its flush
// cannot wait.
bool ZapPte(mm_struct* mm, uint64_t address, mmu_gather* tlb,
            zap_details details) {
  const Pte pte = LookupPte(mm, address);
  if (pte.swapped()) {
    if (details.even_cows) {
      SetPte(mm, address, Pte());
      page* cached = swap_free(pte.swap());
      if (cached != nullptr) {
        tlb_remove_page(tlb, cached);
      }
    }
    return false;
  }
  page* p = pte.target();
  if (p == nullptr || (p->anonymous && !details.even_cows)) {
    return false;
  }
  SetPte(mm, address, Pte());
  p->mapcount -= 1;
  tlb_remove_tlb_entry(tlb, mm, address);
  tlb_remove_page(tlb, p);
  const bool dirty_file = !p->anonymous && pte.dirty();
  p->dirty = p->dirty || dirty_file;
  return dirty_file && era().flushes_dirty_early;
}

// Rule: a dirty page of a file is flushed before the page table lock is
// dropped, because writeback may be looking at it; the others when the batch
// ends. Kernel: mm/memory.c:zap_pte_range(), v6.1; later the rmap is removed
// after the flush instead, and nothing is early.
sched::Task<> zap_pte_range(mm_struct* mm, uint64_t start, uint64_t end,
                            mmu_gather* tlb, zap_details details) {
  bool force_flush = false;
  co_await kernel::spin_lock(&mm->page_table_lock, "zap_pte_range");
  for (uint64_t address = NextMapped(mm, start, end); address < end;
       address = NextMapped(mm, address + kPageSize, end)) {
    co_await PtePoint(mm, address, "zap_pte_range");
    if (LookupPte(mm, address).huge()) {
      break;  // a fault was faster: pmd_none_or_trans_huge_or_clear_bad()
    }
    force_flush = ZapPte(mm, address, tlb, details) || force_flush;
  }
  if (force_flush) {
    co_await tlb_flush_mmu_tlbonly(tlb);
  }
  co_await UnlockPageTable(mm, "zap_pte_range");
}

// Shares one entry with the child. Private pages are nobody's alone from here.
void CopyPte(mm_struct* child, uint64_t to, mm_struct* mm, uint64_t address) {
  const Pte pte = LookupPte(mm, address);
  if (pte.swapped()) {
    swap_duplicate(pte.swap());
    SetPte(child, to, pte);
    return;
  }
  page* p = pte.target();
  if (p == nullptr) {
    return;
  }
  p->exclusive = false;
  const Pte shared = pte.Without(Pte::kWritable);
  if (pte.writable()) {
    SetPte(mm, address, shared);
  }
  get_page(p);
  p->mapcount += 1;
  SetPte(child, to, shared.Without(Pte::kYoung));
}

// These two look without the lock that the tables are filled under, in a step
// that names it. One entry changes in the middle of whoever holds it, so what
// is seen there is what would be seen before or after.
uint64_t NextToZap(const mm_struct* mm, uint64_t at, uint64_t end) {
  const trace::AccessPause pause;
  return NextMapped(mm, at, end);
}
bool IsHugeEntry(const mm_struct* mm, uint64_t at) {
  const trace::AccessPause pause;
  return LookupPte(mm, at).huge();
}

}  // namespace

// Rule: a huge page of which only a part goes is split first, in a section of
// its own inside the caller's. Kernel: mm/memory.c:zap_pmd_range(), v6.1.
// Returns whether the part is zapped.
sched::Task<bool> zap_pmd(mm_struct* mm, uint64_t start, uint64_t end,
                          mmu_gather* tlb) {
  if (!IsHugeEntry(mm, start)) {
    co_return false;
  }
  if (end - start != kHugeSize) {
    co_await __split_huge_pmd(mm, start);
    co_return false;
  }
  co_await kernel::spin_lock(&mm->page_table_lock, "zap_huge_pmd");
  co_await PtePoint(mm, start, "zap_huge_pmd");
  const bool huge = LookupPte(mm, start).huge();
  if (huge) {
    zap_huge_pmd(mm, start, tlb);
  }
  co_await UnlockPageTable(mm, "zap_huge_pmd");
  co_return huge;
}

// Kernel: mm/memory.c:unmap_page_range(), v6.1: a page table at a time.
sched::Task<> unmap_page_range(mm_struct* mm, uint64_t start, uint64_t end,
                               mmu_gather* tlb, zap_details details) {
  // pmd_none_or_clear_bad(): whether there is anything here is asked without
  // the lock that faults fill the tables under.
  co_await kernel::Point{{trace::OpKind::kRead, trace::Access::kRead,
                          mm->page_table_lock.key(), "unmap_page_range"}};
  for (uint64_t at = NextToZap(mm, start, end); at < end;
       at = NextToZap(mm, at, end)) {
    const uint64_t next = HugeStart(at) + kHugeSize;
    const uint64_t stop = next < end ? next : end;
    const bool done = co_await zap_pmd(mm, at, stop, tlb);
    if (!done) {
      co_await zap_pte_range(mm, at, stop, tlb, details);
    }
    at = stop;
  }
}

// Kernel: mm/memory.c:unmap_single_vma(), v6.1.
sched::Task<> unmap_single_vma(vm_area_struct* vma, uint64_t start,
                               uint64_t end, mmu_gather* tlb,
                               zap_details details) {
  if (is_vm_hugetlb_page(vma)) {
    co_await unmap_hugepage_range(vma, start, end, tlb);
    co_return;
  }
  co_await unmap_page_range(vma->vm_mm, start, end, tlb, details);
}

// Rule: pages are freed after range_end, so the start must have stopped the
// device. Kernel: mm/memory.c:zap_page_range_single(), v6.1. Differs: EMM frees
// first (Era::zap_frees_before_end).
sched::Task<> zap_page_range(vm_area_struct* vma, uint64_t start, uint64_t end,
                             zap_details details) {
  mm_struct* mm = vma->vm_mm;
  mmu_notifier_range range = RangeOf(vma, start, end, Event::kClear);
  mmu_gather tlb;
  if (is_vm_hugetlb_page(vma)) {
    adjust_range_if_pmd_sharing_possible(vma, &range);
  }
  if (Mutated(Mutant::kZapUnannounced)) {
    co_await unmap_single_vma(vma, start, end, &tlb, details);
    co_await tlb_finish_mmu(&tlb);
    co_return;
  }
  co_await NotifyRangeStart(&range);
  co_await kernel::FaultPoint(faults::Point::kZapAfterStart,
                              kernel::At(mm, start, end));
  co_await unmap_single_vma(vma, start, end, &tlb, details);
  if (era().zap_frees_before_end) {
    co_await tlb_finish_mmu(&tlb);
    co_await NotifyRangeEnd(&range);
  } else {
    co_await NotifyRangeEnd(&range);
    co_await tlb_finish_mmu(&tlb);
  }
}

// Rule: the parent's pages become read-only under its own notifiers' eyes, and
// the end comes also when the child's memory could not be had (P44). The
// child's mm has nobody to tell. Kernel: mm/memory.c:copy_page_range(), v6.1.
// Differs: #v11 and EMM V2 forget the end (Era::fork_error_skips_end); the page
// table lock is left out, since mmap_sem for write keeps everybody but reclaim
// away, and an entry is copied in one step.
sched::Task<int> copy_page_range(mm_struct* child, vm_area_struct* to,
                                 vm_area_struct* from, bool failed) {
  mm_struct* mm = from->vm_mm;
  const bool cow = (from->vm_flags & VM_SHARED) == 0;
  if (!cow || from->anon_vma == nullptr) {
    co_return 0;  // nothing private yet: the child faults it in by itself
  }
  if (is_vm_hugetlb_page(from)) {
    if (!failed) {
      co_await copy_hugetlb_page_range(child, from);
    }
    co_return failed ? -ENOMEM : 0;
  }
  const uint64_t end = from->vm_end;
  mmu_notifier_range range =
      RangeOf(from, from->vm_start, end, Event::kProtectionPage);
  const bool silent = Mutated(Mutant::kForkUnannounced);
  if (!silent) {
    co_await NotifyRangeStart(&range);
  }
  if (failed &&
      (era().fork_error_skips_end || Mutated(Mutant::kForkErrorSkipsEnd))) {
    ForgetRange(&range);
    co_return -ENOMEM;
  }
  for (uint64_t address = NextMapped(mm, from->vm_start, end);
       !failed && address < end;
       address = NextMapped(mm, address + kPageSize, end)) {
    co_await PtePoint(mm, address, "copy_present_pte");
    if (LookupPte(mm, address).huge()) {
      copy_huge_pmd(child, mm, address);
      address += kHugeSize - kPageSize;
      continue;
    }
    CopyPte(child, to->vm_start + (address - from->vm_start), mm, address);
  }
  if (!silent) {
    co_await NotifyRangeEnd(&range);
  }
  co_return failed ? -ENOMEM : 0;
}

}  // namespace mmfault::mm
