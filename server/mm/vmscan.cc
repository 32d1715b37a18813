// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/mm/vmscan.h"

#include "server/kernel/errno.h"
#include "server/mm/huge_memory.h"
#include "server/mm/memory.h"
#include "server/mm/mmap.h"
#include "server/mm/page_table.h"
#include "server/mm/rmap.h"
#include "server/mm/swap.h"
#include "server/mm/vma.h"

namespace mmfault::mm {
namespace {

constexpr uint64_t kPmdSize = kHugeSize;

bool Evictable(const page* p) {
  return !p->hugetlb &&
         (p->anonymous || static_cast<address_space*>(p->mapping.get())->kind !=
                              FileKind::kRam);
}

// Rule: a page leaves its cache only while nobody but the cache and the caller
// refers to it, and only if truncate has not taken it out before. Kernel:
// mm/vmscan.c:__remove_mapping(), v6.1. True: the cache's reference is the
// caller's to put.
bool RemoveMapping(page* p) {
  if (p->refcount.counter != 2) {
    return false;
  }
  if (p->anonymous) {
    if (p->swap != nullptr) {
      delete_from_swap_cache(p);
    }
    return false;
  }
  auto* file = static_cast<address_space*>(p->mapping.get());
  if (file->pages[p->index] != p) {
    return false;
  }
  file->pages[p->index] = nullptr;
  return true;
}

// Rule: where references count, a page that a device has used lately stays; the
// others are unmapped everywhere, and freed if nobody else holds them. Kernel:
// mm/vmscan.c:shrink_folio_list(), v6.1. Requires a reference, isolated from
// the LRU. Differs: a dirty page is written back in no time.
sched::Task<> shrink_page(page* p, bool ask, bool heed) {
  if (ask) {
    const bool young = co_await folio_referenced(p);
    if (young && heed) {
      co_return;
    }
  }
  if (p->anonymous && !p->lazyfree && page_mapped(p)) {
    add_to_swap(p);
  }
  co_await try_to_unmap(p);
  if (page_mapped(p)) {
    co_return;
  }
  co_await kernel::Point{{trace::OpKind::kRmw, trace::Access::kWrite,
                          p->object.key(), "__remove_mapping"}};
  if (RemoveMapping(p)) {
    co_await put_page(p);
  }
}

// One entry of COLD or PAGEOUT. The page is isolated into `list` where it is to
// be reclaimed.
void ColdPte(mm_struct* mm, uint64_t address, mmu_gather* tlb,
             mmu_gather* list) {
  const Pte pte = LookupPte(mm, address);
  page* p = pte.target();
  if (p == nullptr || p == State()->zero_page || p->mapcount != 1) {
    return;
  }
  if (pte.young()) {
    SetPte(mm, address, pte.Without(Pte::kYoung));
    tlb_remove_tlb_entry(tlb, mm, address);
  }
  if (list != nullptr && Evictable(p)) {
    get_page(p);
    tlb_remove_page(list, p);
  }
}

// Kernel: mm/vmscan.c:reclaim_pages(), v6.1.
sched::Task<> reclaim_pages(mmu_gather* list) {
  for (gather_node* node = list->first; node != nullptr; node = node->next) {
    co_await shrink_page(node->gathered, era().pageout_asks_young, true);
  }
  co_await tlb_finish_mmu(list);
}

// The small page at an address of a huge page, which is split; takes over the
// reference. Null: it could not be, or is gone.
sched::Task<page*> TakeSmallPage(mm_struct* mm, uint64_t address, page* p) {
  const int rc = co_await split_huge_page(p);
  page* small = LookupPte(mm, address).target();
  const bool good = rc == 0 && small != nullptr && small->order == 0 &&
                    small != State()->zero_page && Evictable(small);
  if (good) {
    get_page(small);
  }
  co_await put_page(p);
  co_return good ? small : nullptr;
}

// Rule: a huge page that is advised as a whole only grows old; of any other
// small pages are made, which are then looked at one by one. Kernel:
// mm/madvise.c:madvise_cold_or_pageout_pte_range(), v6.1. Differs: PAGEOUT
// always splits. True: there is nothing more to do.
sched::Task<bool> ColdHuge(mm_struct* mm, uint64_t start, uint64_t end,
                           bool pageout, mmu_gather* tlb) {
  const Pte pmd = LookupPte(mm, start);
  if (pmd.huge() && end - start == kHugeSize && !pageout) {
    co_await PtePoint(mm, start, "madvise_cold_or_pageout");
    if (pmd.young() && LookupPte(mm, start).bits() == pmd.bits()) {
      SetHugePte(mm, start, pmd.Without(Pte::kYoung));
      tlb_remove_tlb_entry(tlb, mm, start, kHugeSize);
    }
    co_return true;
  }
  const uint64_t at = NextMapped(mm, start, end);
  page* p = at < end ? LookupPte(mm, at).target() : nullptr;
  if (p == nullptr || p->order == 0) {
    co_return false;
  }
  get_page(p);
  const int rc = co_await split_huge_page(p);
  co_await put_page(p);
  co_return rc != 0;
}

// Kernel: mm/madvise.c:madvise_cold_or_pageout_pte_range(), v6.1: a page table
// at a time.
sched::Task<> ColdTable(vm_area_struct* vma, uint64_t start, uint64_t end,
                        bool pageout, mmu_gather* tlb) {
  mm_struct* mm = vma->vm_mm;
  mmu_gather list;
  const bool done = co_await ColdHuge(mm, start, end, pageout, tlb);
  if (done) {
    co_return;
  }
  co_await kernel::spin_lock(&mm->page_table_lock, "madvise_cold_or_pageout");
  for (uint64_t address = NextMapped(mm, start, end); address < end;
       address = NextMapped(mm, address + kPageSize, end)) {
    co_await PtePoint(mm, address, "madvise_cold_or_pageout");
    if (LookupPte(mm, address).huge()) {
      break;  // a fault was faster
    }
    ColdPte(mm, address, tlb, pageout ? &list : nullptr);
  }
  co_await UnlockPageTable(mm, "madvise_cold_or_pageout");
  co_await reclaim_pages(&list);
}

}  // namespace

// Rule: TLBs are flushed at the end, after the pages were reclaimed. Kernel:
// mm/madvise.c:madvise_pageout(), v6.1.
sched::Task<> madvise_cold_or_pageout(vm_area_struct* vma, uint64_t start,
                                      uint64_t end, bool pageout) {
  mm_struct* mm = vma->vm_mm;
  mmu_gather tlb;
  uint64_t at = NextMapped(mm, start, end);
  while (at < end) {
    const uint64_t next = (at / kPmdSize + 1) * kPmdSize;
    const uint64_t stop = next < end ? next : end;
    co_await ColdTable(vma, at, stop, pageout, &tlb);
    at = NextMapped(mm, stop, end);
  }
  co_await tlb_finish_mmu(&tlb);
}

// Kernel: mm/vmscan.c:shrink_folio_list(), v6.1, for one page. Differs: what
// devices say of its age is asked for and not heeded, as if it had been old the
// last time too.
sched::Task<int> reclaim_page(mm_struct* mm, uint64_t address) {
  co_await kernel::Point{{trace::OpKind::kRead, trace::Access::kRead,
                          PteKey(mm, address), "shrink_page_list"}};
  const Pte pte = LookupPte(mm, address);
  if (!pte.present() || pte.target() == State()->zero_page) {
    co_return -ENOENT;
  }
  page* p = pte.target();
  if (!Evictable(p)) {
    co_return -EAGAIN;
  }
  get_page(p);  // isolated from the LRU
  if (p->order != 0) {
    p = co_await TakeSmallPage(mm, address, p);
    if (p == nullptr) {
      co_return -EAGAIN;
    }
  }
  co_await shrink_page(p, true, false);
  co_await put_page(p);
  co_return 0;
}

}  // namespace mmfault::mm
