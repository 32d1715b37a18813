// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/mm/madvise.h"

#include "server/kernel/errno.h"
#include "server/mm/huge_memory.h"
#include "server/mm/hugetlb.h"
#include "server/mm/memory.h"
#include "server/mm/mmap.h"
#include "server/mm/page_table.h"
#include "server/mm/swap.h"
#include "server/mm/unlocked_flush.h"
#include "server/mm/vma.h"
#include "server/mm/vma_lock.h"
#include "server/mm/vmscan.h"

namespace mmfault::mm {
namespace {

uint64_t Min(uint64_t a, uint64_t b) { return a < b ? a : b; }
uint64_t Max(uint64_t a, uint64_t b) { return a > b ? a : b; }

// One entry of MADV_FREE: the page is clean and old from here on, and reclaim
// may drop it; a swap entry is dropped at once. Kernel: mm/madvise.c:
// madvise_free_pte_range(), v6.1.
void FreePte(mm_struct* mm, uint64_t address, mmu_gather* tlb) {
  const Pte pte = LookupPte(mm, address);
  if (pte.swapped()) {
    SetPte(mm, address, Pte());
    page* cached = swap_free(pte.swap());
    if (cached != nullptr) {
      tlb_remove_page(tlb, cached);
    }
    return;
  }
  page* p = pte.target();
  if (p == nullptr || p == State()->zero_page || p->mapcount != 1) {
    return;
  }
  if (pte.young() || pte.dirty()) {
    SetPte(mm, address, pte.Without(Pte::kYoung | Pte::kDirty));
    tlb_remove_tlb_entry(tlb, mm, address);
  }
  p->lazyfree = p->anonymous.get();
}

// Rule: a huge page that is advised as a whole is marked as such; another is
// split first. Kernel: mm/huge_memory.c:madvise_free_huge_pmd(), v6.1.
sched::Task<> FreeHuge(mm_struct* mm, uint64_t start, uint64_t end,
                       mmu_gather* tlb) {
  for (uint64_t at = NextMapped(mm, start, end); at < end;
       at = NextMapped(mm, HugeStart(at) + kHugeSize, end)) {
    const Pte pmd = LookupPte(mm, at);
    page* p = pmd.target();
    if (!pmd.huge() || p == State()->zero_page || p->mapcount != 1) {
      continue;
    }
    if (at % kHugeSize == 0 && at + kHugeSize <= end) {
      co_await PtePoint(mm, at, "madvise_free_huge_pmd");
      if (LookupPte(mm, at).bits() == pmd.bits()) {
        SetHugePte(mm, at, pmd.Without(Pte::kYoung | Pte::kDirty));
        tlb_remove_tlb_entry(tlb, mm, at, kHugeSize);
        p->lazyfree = true;
      }
      continue;
    }
    get_page(p);
    co_await split_huge_page(p);
    co_await put_page(p);
  }
}

// Kernel: mm/madvise.c:madvise_free_single_vma(), v6.1. Differs: pages keep
// their contents until they are dropped, which nobody can tell.
sched::Task<int> madvise_free(vm_area_struct* vma, uint64_t start,
                              uint64_t end) {
  if (vma->vm_file != nullptr) {
    co_return -EINVAL;
  }
  mm_struct* mm = vma->vm_mm;
  mmu_notifier_range range = RangeOf(vma, start, end, Event::kClear);
  mmu_gather tlb;
  co_await NotifyRangeStart(&range);
  co_await FreeHuge(mm, start, end, &tlb);
  if (NextMapped(mm, start, end) < end) {
    co_await kernel::spin_lock(&mm->page_table_lock, "madvise_free_pte_range");
    for (uint64_t address = NextMapped(mm, start, end); address < end;
         address = NextMapped(mm, address + kPageSize, end)) {
      if (LookupPte(mm, address).huge()) {
        address = HugeStart(address) + kHugeSize - kPageSize;
        continue;
      }
      co_await PtePoint(mm, address, "madvise_free_pte_range");
      FreePte(mm, address, &tlb);
    }
    co_await UnlockPageTable(mm, "madvise_free_pte_range");
  }
  co_await NotifyRangeEnd(&range);
  co_await tlb_finish_mmu(&tlb);
  co_return 0;
}

// Kernel: mm/madvise.c:madvise_remove(), v6.1. Rule: the hole is punched
// without mmap_lock: the file's mappings are found by i_mmap, this one's among
// them.
sched::Task<int> madvise_remove(vm_area_struct* vma, uint64_t start,
                                uint64_t end) {
  mm_struct* mm = vma->vm_mm;
  address_space* file = vma->vm_file;
  if (file == nullptr) {
    co_return -EINVAL;
  }
  constexpr uint64_t kNeeded = VM_SHARED | VM_WRITE;
  if ((vma->vm_flags & kNeeded) != kNeeded) {
    co_return -EACCES;
  }
  const uint64_t first = linear_page_index(vma, start);
  co_await kernel::up_read(&mm->mmap_sem, "madvise_remove");
  const int rc = co_await punch_hole(file, first, (end - start) >> kPageShift);
  co_await kernel::down_read(&mm->mmap_sem, "madvise_remove");
  co_return rc;
}

// Kernel: mm/madvise.c:madvise_vma_behavior(), v6.1.
sched::Task<int> madvise_dontfork(vm_area_struct* vma, uint64_t start,
                                  uint64_t end) {
  const vm_area_struct* now =
      co_await vma_modify_flags(vma, start, end, vma->vm_flags | VM_DONTCOPY);
  co_return now == nullptr ? -ENOMEM : 0;
}

// Rule: only whole pages are zapped; a range that begins inside one is refused.
// Kernel: mm/madvise.c:madvise_dontneed_free_valid_vma(), can_madv_lru_vma(),
// v6.1.
sched::Task<int> OneHugetlbVma(vm_area_struct* vma, uint64_t start,
                               uint64_t end, Advice advice) {
  int rc = -EINVAL;
  if (advice == Advice::kRemove) {
    rc = co_await madvise_remove(vma, start, end);
  } else if (advice == Advice::kDontfork) {
    rc = co_await madvise_dontfork(vma, start, end);
  } else if (advice == Advice::kDontneed && start % kHugeSize == 0) {
    rc = 0;
    if (HugeStart(end) > start) {
      co_await zap_page_range(vma, start, HugeStart(end));
    }
  }
  co_return rc;
}

// Kernel: mm/madvise.c:madvise_vma_behavior(), v6.1.
sched::Task<int> OneVma(vm_area_struct* vma, uint64_t start, uint64_t end,
                        uint64_t arg) {
  const auto advice = static_cast<Advice>(arg);
  int rc = 0;
  if (is_vm_hugetlb_page(vma)) {
    rc = co_await OneHugetlbVma(vma, start, end, advice);
    co_return rc;
  }
  switch (advice) {
    case Advice::kDontneed:
      co_await zap_page_range(vma, start, end);
      break;
    case Advice::kFree:
      rc = co_await madvise_free(vma, start, end);
      break;
    case Advice::kCold:
      co_await madvise_cold_or_pageout(vma, start, end, false);
      break;
    case Advice::kPageout:
      co_await madvise_cold_or_pageout(vma, start, end, true);
      break;
    case Advice::kRemove:
      rc = co_await madvise_remove(vma, start, end);
      break;
    case Advice::kDontfork:
      rc = co_await madvise_dontfork(vma, start, end);
      break;
  }
  co_return rc;
}

// Whether it was done under the lock of its only VMA. Kernel: mm/madvise.c:
// try_vma_read_lock(), v6.16.
sched::Task<bool> UnderVmaLock(mm_struct* mm, uint64_t start, uint64_t end,
                               Advice advice, int* rc) {
  vm_area_struct* vma = co_await lock_vma_under_rcu(mm, start);
  if (vma == nullptr) {
    co_return false;
  }
  const bool whole = end <= vma->vm_end;
  if (whole) {
    *rc = co_await OneVma(vma, start, end, static_cast<uint64_t>(advice));
  }
  co_await vma_end_read(vma);
  co_return whole;
}

sched::Task<int> WalkVmas(mm_struct* mm, uint64_t start, uint64_t end,
                          Advice advice) {
  return madvise_walk_vmas(mm, start, end, static_cast<uint64_t>(advice),
                           OneVma);
}

sched::Task<int> UnderReadLock(mm_struct* mm, uint64_t start, uint64_t end,
                               Advice advice) {
  if (era().madvise_vma_lock &&
      (advice == Advice::kDontneed || advice == Advice::kFree)) {
    int rc = 0;
    const bool done = co_await UnderVmaLock(mm, start, end, advice, &rc);
    if (done) {
      co_return rc;
    }
  }
  co_await kernel::down_read(&mm->mmap_sem, "do_madvise");
  const int rc = co_await WalkVmas(mm, start, end, advice);
  co_await kernel::up_read(&mm->mmap_sem, "do_madvise");
  co_return rc;
}

}  // namespace

// Rule: a hole is remembered and the walk goes on; an error ends it. The VMA is
// looked up again each time: the visit may have let go of mmap_lock or merged
// it. Kernel: mm/madvise.c:madvise_walk_vmas(), v6.1.
sched::Task<int> madvise_walk_vmas(mm_struct* mm, uint64_t start, uint64_t end,
                                   uint64_t arg, VisitVma visit) {
  int rc = 0;
  uint64_t at = start;
  while (at < end) {
    vm_area_struct* vma = find_vma(mm, at);
    if (vma == nullptr || vma->vm_start >= end) {
      co_return -ENOMEM;
    }
    rc = vma->vm_start > at ? -ENOMEM : rc;
    const uint64_t from = Max(at, vma->vm_start);
    at = Min(end, vma->vm_end);
    const int error = co_await visit(vma, from, at, arg);
    if (error != 0) {
      co_return error;
    }
  }
  co_return rc;
}

// Kernel: mm/madvise.c:do_madvise(), v6.1 and v7.0.
sched::Task<int> do_madvise(mm_struct* mm, uint64_t start, uint64_t end,
                            Advice advice) {
  int rc = 0;
  if (advice != Advice::kDontfork) {
    rc = co_await UnderReadLock(mm, start, end, advice);
    if (advice == Advice::kDontneed && FlushesWithoutLock()) {
      co_await FlushWithoutLock(mm, start, end);
    }
    co_return rc;
  }
  rc = co_await mmap_write_lock(mm, "do_madvise");
  if (rc == 0) {
    rc = co_await WalkVmas(mm, start, end, advice);
    co_await mmap_write_unlock(mm, "do_madvise");
  }
  co_return rc;
}

}  // namespace mmfault::mm
