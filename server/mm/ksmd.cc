// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// ksmd: one pass over the list, and the merging of two pages.

#include "server/mm/announce.h"
#include "server/mm/fork.h"
#include "server/mm/huge_memory.h"
#include "server/mm/ksm_tree.h"
#include "server/mm/memory.h"
#include "server/mm/page_table.h"
#include "server/mm/swap.h"
#include "server/mm/vma.h"

namespace mmfault::mm {
namespace {

// --- Merging -----------------------------------------------------------------

bool ExitTest(const mm_struct* mm) { return mm->mm_users.counter == 0; }

// Kernel: mm/ksm.c:find_mergeable_vma(), v6.1. Requires mmap_lock.
vm_area_struct* FindMergeable(const mm_struct* mm, uint64_t address) {
  vm_area_struct* vma = ExitTest(mm) ? nullptr : find_vma(mm, address);
  const bool good = vma != nullptr && vma->vm_start <= address &&
                    (vma->vm_flags & VM_MERGEABLE) != 0 &&
                    vma->anon_vma != nullptr;
  return good ? vma : nullptr;
}

// Rule: who might be writing to the page by a reference of his own keeps it
// from being merged. Kernel: mm/ksm.c:write_protect_page(), v6.1. `p` has a
// reference of the caller.
bool Pinned(const page* p) {
  const int64_t cache = p->swap != nullptr ? 1 : 0;
  return p->refcount.counter != p->mapcount + 1 + cache;
}

// Rule: a writable pte is cleared before the test for other references, and is
// told to devices as it comes back read-only. Kernel: mm/ksm.c:
// write_protect_page(), v6.1. Requires the page table lock. True: it is
// protected now.
sched::Task<bool> ProtectPte(mm_struct* mm, uint64_t address, page* p) {
  const Pte pte = LookupPte(mm, address);
  if (!pte.writable() && !pte.dirty() && !p->exclusive) {
    co_return true;
  }
  SetPte(mm, address, Pte());
  co_await NotifyPteFlush(mm, address, address + kPageSize);
  const bool pinned = Pinned(p);
  Pte back = pte;
  if (!pinned) {
    back = pte.Without(Pte::kWritable | Pte::kDirty);
    p->exclusive = false;
    co_await NotifyChangePte(mm, address, p);
  }
  SetPte(mm, address, back);
  co_return !pinned;
}

// Kernel: mm/ksm.c:write_protect_page(), v6.1. Rule: announced as CLEAR of one
// page, and closed by the full range_end. Requires mmap_lock for read.
sched::Task<bool> write_protect_page(vm_area_struct* vma, uint64_t address,
                                     page* p) {
  mm_struct* mm = vma->vm_mm;
  mmu_notifier_range range =
      RangeOf(vma, address, address + kPageSize, Event::kClear);
  co_await NotifyRangeStart(&range);
  co_await kernel::spin_lock(&mm->page_table_lock, "write_protect_page");
  co_await PtePoint(mm, address, "write_protect_page");
  bool done = false;
  if (LookupPte(mm, address).target() == p) {
    done = co_await ProtectPte(mm, address, p);
  }
  co_await UnlockPageTable(mm, "write_protect_page");
  co_await NotifyRangeEnd(&range);
  co_return done;
}

// Kernel: mm/ksm.c:replace_page(), v6.1. Rule: as write_protect_page(); the old
// page goes after the end, with the caller's reference. Requires mmap_lock for
// read.
sched::Task<bool> replace_page(vm_area_struct* vma, uint64_t address, page* p,
                               page* kpage) {
  mm_struct* mm = vma->vm_mm;
  mmu_notifier_range range =
      RangeOf(vma, address, address + kPageSize, Event::kClear);
  co_await NotifyRangeStart(&range);
  co_await kernel::spin_lock(&mm->page_table_lock, "replace_page");
  co_await PtePoint(mm, address, "replace_page");
  const Pte pte = LookupPte(mm, address);
  const bool same = pte.target() == p && !pte.writable();
  if (same) {
    SetPte(mm, address, Pte());
    p->mapcount -= 1;
    p->refcount.counter -= 1;  // the caller's is left
    co_await NotifyPteFlush(mm, address, address + kPageSize);
    co_await NotifyChangePte(mm, address, kpage);
    get_page(kpage);
    kpage->mapcount += 1;
    SetPte(mm, address, Pte(kpage, pte.bits() & ~Pte::kAddress));
  }
  co_await UnlockPageTable(mm, "replace_page");
  co_await NotifyRangeEnd(&range);
  if (same) {
    free_swap_cache(p);
  }
  co_return same;
}

// Kernel: mm/ksm.c:try_to_merge_one_page(), v6.1. `kpage` null: the page itself
// becomes the one that others are replaced by.
sched::Task<bool> try_to_merge_one_page(vm_area_struct* vma, uint64_t address,
                                        page* p, page* kpage) {
  if (p == kpage) {
    co_return true;  // by a fork
  }
  const bool protected_now = co_await write_protect_page(vma, address, p);
  if (!protected_now) {
    co_return false;
  }
  if (kpage == nullptr) {
    StableInsert(p);
    co_return true;
  }
  if (p->value != kpage->value) {
    co_return false;
  }
  const bool replaced = co_await replace_page(vma, address, p, kpage);
  co_return replaced;
}

// Rule: the mm is locked for as long as it takes to merge one page, and is let
// alone when its last user is gone. Kernel: mm/ksm.c:
// try_to_merge_with_ksm_page(), v6.1.
sched::Task<bool> try_to_merge_with_ksm_page(ksm_rmap_item* item, page* p,
                                             page* kpage) {
  mm_struct* mm = item->mm;
  bool merged = false;
  co_await kernel::down_read(&mm->mmap_sem, "try_to_merge_with_ksm_page");
  vm_area_struct* vma = FindMergeable(mm, item->address);
  if (vma != nullptr) {
    merged = co_await try_to_merge_one_page(vma, item->address, p, kpage);
  }
  if (merged) {
    RemoveFromTree(item);
    item->anon_vma = vma->anon_vma.get();
    get_anon_vma(item->anon_vma);
    StableAppend(kpage == nullptr ? p->ksm : kpage->ksm, item);
  }
  co_await kernel::up_read(&mm->mmap_sem, "try_to_merge_with_ksm_page");
  co_return merged;
}

// The page at an item's address if it is still of these contents, with a
// reference. Kernel: mm/ksm.c:get_mergeable_page(), v6.1.
sched::Task<page*> get_mergeable_page(ksm_rmap_item* item, uint8_t value) {
  mm_struct* mm = item->mm;
  page* found = nullptr;
  co_await kernel::down_read(&mm->mmap_sem, "get_mergeable_page");
  if (FindMergeable(mm, item->address) != nullptr) {
    page* p = LookupPte(mm, item->address).target();
    if (p != nullptr && p->anonymous && p->ksm == nullptr && p->order == 0 &&
        p->value == value) {
      get_page(p);
      found = p;
    }
  }
  co_await kernel::up_read(&mm->mmap_sem, "get_mergeable_page");
  co_return found;
}

// Takes the item's page private again. Kernel: mm/ksm.c:break_cow(), v6.1.
sched::Task<> break_cow(ksm_rmap_item* item) {
  mm_struct* mm = item->mm;
  RemoveFromTree(item);
  co_await kernel::down_read(&mm->mmap_sem, "break_cow");
  vm_area_struct* vma = FindMergeable(mm, item->address);
  if (vma != nullptr && LookupPte(mm, item->address).target() != nullptr) {
    co_await handle_mm_fault(vma, item->address,
                             {.write = true, .force = true});
  }
  co_await kernel::up_read(&mm->mmap_sem, "break_cow");
}

// Rule: of two equal pages the one just scanned becomes the KSM page, and the
// one seen earlier in this pass is replaced by it. Kernel: mm/ksm.c:
// try_to_merge_two_pages(), v6.1.
sched::Task<> try_to_merge_two_pages(ksm_rmap_item* item, page* p,
                                     ksm_rmap_item* other) {
  page* first = co_await get_mergeable_page(other, p->value);
  if (first == nullptr) {
    RemoveFromTree(other);
    Ksm()->unstable[p->value] = item;
    co_return;
  }
  if (first != p) {
    const bool merged = co_await try_to_merge_with_ksm_page(item, p, nullptr);
    bool both = false;
    if (merged) {
      both = co_await try_to_merge_with_ksm_page(other, first, p);
    }
    if (merged && !both) {
      co_await break_cow(item);
    }
  }
  co_await put_page(first);
}

// Kernel: mm/ksm.c:cmp_and_merge_page(), v6.1. `p` has a reference.
sched::Task<> cmp_and_merge_page(ksm_rmap_item* item, page* p) {
  if (p->ksm != nullptr && item->node == p->ksm) {
    co_return;
  }
  RemoveFromTree(item);
  const ksm_stable_node* node = StableSearch(p->value);
  page* kpage = node != nullptr ? node->kpage.get() : nullptr;
  if (kpage != nullptr) {
    get_page(kpage);
    co_await try_to_merge_with_ksm_page(item, p, kpage);
    co_await put_page(kpage);
    co_return;
  }
  ksm_rmap_item* other = Ksm()->unstable[p->value];
  if (other == nullptr) {
    Ksm()->unstable[p->value] = item;
    co_return;
  }
  co_await try_to_merge_two_pages(item, p, other);
}

// --- The scan ----------------------------------------------------------------

// What ksmd finds at the first address from `at` on: the page with a reference,
// and its address in *at; null at the end of the mm. Kernel: mm/ksm.c:
// scan_get_next_rmap_item(), v6.1. Requires mmap_lock for read.
page* NextPage(const mm_struct* mm, uint64_t* at) {
  vm_area_struct* vma = ExitTest(mm) ? nullptr : find_vma(mm, *at);
  for (; vma != nullptr; vma = vma->vm_next) {
    if ((vma->vm_flags & VM_MERGEABLE) == 0 || vma->anon_vma == nullptr) {
      continue;
    }
    const uint64_t end = vma->vm_end;
    uint64_t address = *at > vma->vm_start ? *at : vma->vm_start.get();
    for (address = NextMapped(mm, address, end); address < end;
         address = NextMapped(mm, address + kPageSize, end)) {
      page* p = LookupPte(mm, address).target();
      if (p != nullptr && p->anonymous) {
        get_page(p);
        *at = address;
        return p;
      }
    }
  }
  return nullptr;
}

// One page. False: the mm has no more.
sched::Task<bool> ScanNext(ksm_mm* slot, uint64_t* at) {
  mm_struct* mm = slot->mm;
  co_await kernel::down_read(&mm->mmap_sem, "scan_get_next_rmap_item");
  page* p = NextPage(mm, at);
  ksm_rmap_item* item = p != nullptr ? ItemOf(slot, *at) : nullptr;
  co_await kernel::up_read(&mm->mmap_sem, "scan_get_next_rmap_item");
  if (p == nullptr) {
    co_return false;
  }
  if (p->order != 0) {
    // try_to_merge_one_page() splits it; the small page is met again.
    const int rc = co_await split_huge_page(p);
    co_await put_page(p);
    *at += rc == 0 ? 0 : kPageSize;
    co_return true;
  }
  co_await cmp_and_merge_page(item, p);
  co_await put_page(p);
  *at += kPageSize;
  co_return true;
}

// Rule: an mm whose last user is gone leaves the list. Kernel: mm/ksm.c:
// scan_get_next_rmap_item(), its end, v6.1.
sched::Task<> ScanMm(ksm_mm* slot) {
  uint64_t at = 0;
  bool more = true;
  while (more) {
    more = co_await ScanNext(slot, &at);
  }
  if (!ExitTest(slot->mm)) {
    RemoveItems(slot, false);
    co_return;
  }
  mm_struct* mm = slot->mm;
  Ksm()->cursor = slot->next.get();
  RemoveSlot(slot);
  co_await mmdrop(mm);
}

// KSM ptes beyond the first of each page.
int PagesSharing() {
  int sharing = 0;
  for (const Cell<ksm_stable_node*>& slot : Ksm()->stable) {
    const ksm_stable_node* node = slot;
    if (node == nullptr || node->items == nullptr) {
      continue;
    }
    for (const ksm_rmap_item* item = node->items->next_node; item != nullptr;
         item = item->next_node) {
      ++sharing;
    }
  }
  return sharing;
}

}  // namespace

// Kernel: mm/ksm.c:ksm_do_scan(), v6.1.
sched::Task<int> ksm_do_scan() {
  ksm_state* ksm = Ksm();
  ksm->pass += 1;
  for (Cell<ksm_rmap_item*>& slot : ksm->unstable) {
    if (slot != nullptr) {
      slot = nullptr;
    }
  }
  co_await kernel::Yield("ksm_do_scan");
  ksm->cursor = ksm->mms.get();
  while (ksm->cursor != nullptr) {
    ksm_mm* slot = ksm->cursor;
    co_await ScanMm(slot);
    if (ksm->cursor == slot) {
      ksm->cursor = slot->next.get();
    }
  }
  co_return PagesSharing();
}

}  // namespace mmfault::mm
