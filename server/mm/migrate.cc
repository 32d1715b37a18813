// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/mm/migrate.h"

#include "server/kernel/errno.h"
#include "server/mm/announce.h"
#include "server/mm/fork.h"
#include "server/mm/hugetlb.h"
#include "server/mm/memory.h"
#include "server/mm/page_table.h"
#include "server/mm/rmap.h"
#include "server/mm/swap.h"
#include "server/mm/vma.h"

namespace mmfault::mm {
namespace {

bool ByRange() { return era().page_hook == PageHook::kStartEnd; }

bool NotMapped(const page* p) { return !page_mapped(p); }

int64_t PagesOf(const page* p) {
  return p->order == 0 ? 1 : static_cast<int64_t>(kHugePages);
}

// Rule: a page with a reference that nobody accounts for stays. Kernel:
// mm/migrate.c:folio_migrate_mapping(), v6.1. `p` has one of the caller.
bool CanMove(const page* p) {
  const int64_t cache = p->anonymous ? 0 : PagesOf(p);
  return p->refcount.counter == cache + p->mapcount + 1;
}

// The page cache's places of a page become those of another.
void ReplaceInCache(page* p, page* now) {
  if (p->anonymous || now->mapcount != 0) {
    return;
  }
  auto* file = static_cast<address_space*>(p->mapping.get());
  const uint64_t end = p->index + static_cast<uint64_t>(PagesOf(p));
  for (uint64_t i = p->index; i < end; ++i) {
    if (file->pages[i] == p) {
      file->pages[i] = now;
      get_page(now);
      p->refcount.counter -= 1;
    }
  }
}

// Moves one entry, which keeps its rights. Requires the page table lock and
// references of the caller on both pages.
sched::Task<> MoveEntry(mm_struct* mm, uint64_t address, page* p, page* now) {
  const Pte pte = LookupPte(mm, address);
  const Pte moved(now, pte.bits() & ~Pte::kAddress);
  ReplaceInCache(p, now);
  if (pte.huge()) {
    SetHugePte(mm, address, Pte());
  } else {
    SetPte(mm, address, Pte());
  }
  p->mapcount -= 1;
  p->refcount.counter -= 1;
  if (!ByRange()) {
    co_await NotifyPage(mm, address);
  }
  get_page(now);
  now->mapcount += 1;
  if (pte.huge()) {
    SetHugePte(mm, address, moved);
  } else {
    SetPte(mm, address, moved);
  }
}

// Rule: the mapping goes in a section of what the VMA has of the page; to come
// back it needs none. Kernel: mm/rmap.c:try_to_migrate_one(), v6.1;
// try_to_unmap_one(), v2.6.25. Differs: the new mapping is there at once, where
// the kernel leaves an entry that faults wait at.
sched::Task<> MigrateOne(vm_area_struct* vma, page* p, uint64_t address,
                         void* arg) {
  mm_struct* mm = vma->vm_mm;
  auto* now = static_cast<page*>(arg);
  const uint64_t first = linear_page_index(vma, address) - p->index;
  const uint64_t stop =
      address + ((static_cast<uint64_t>(PagesOf(p)) - first) << kPageShift);
  const uint64_t end = stop < vma->vm_end ? stop : vma->vm_end.get();
  mmu_notifier_range range = RangeOf(vma, address, end, Event::kClear);
  if (ByRange()) {
    co_await NotifyRangeStart(&range);
  }
  co_await kernel::spin_lock(&mm->page_table_lock, "try_to_migrate_one");
  co_await PtePoint(mm, address, "try_to_migrate_one");
  const uint32_t mapped = p->mapcount;
  for (uint64_t at = address; at < end && CanMove(p); at += kPageSize) {
    if (LookupPte(mm, at).target() == p) {
      co_await MoveEntry(mm, at, p, now);
    }
  }
  if (p->mapcount != mapped) {
    co_await NotifyPteFlush(mm, address, end);
  }
  co_await UnlockPageTable(mm, "try_to_migrate_one");
  if (ByRange()) {
    co_await NotifyRangeEnd(&range);
  }
}

// Kernel: mm/migrate.c:unmap_and_move(), v6.1. Requires a reference.
sched::Task<> unmap_and_move(page* p) {
  if (p->swap != nullptr && p->swap->count == 0) {
    delete_from_swap_cache(p);
  }
  page* now = alloc_page(p->mapping, p->anonymous, p->index);
  now->order = p->order.get();
  now->exclusive = p->exclusive.get();
  now->dirty = p->dirty.get();
  now->value = p->value.get();
  co_await rmap_walk(p, MigrateOne, NotMapped, now);
  co_await put_page(now);
}

// Rule: pages that another process maps too are not moved without
// MPOL_MF_MOVE_ALL, nor what has no page of its own. Kernel: mm/migrate.c:
// add_page_for_migration(), v6.1.
bool IsMovable(const vm_area_struct* vma, Pte pte) {
  const page* p = pte.target();
  if (p == nullptr || p == State()->zero_page || is_vm_hugetlb_page(vma)) {
    return false;
  }
  const bool once = p->mapcount == 1 || (p->order != 0 && !pte.huge());
  return once && p->ksm == nullptr &&
         (p->swap == nullptr || p->swap->count == 0);
}

// The movable pages of a range, each once, with a reference.
sched::Task<> Isolate(mm_struct* mm, uint64_t start, uint64_t end,
                      mmu_gather* list) {
  for (uint64_t at = NextMapped(mm, start, end); at < end;
       at = NextMapped(mm, at + kPageSize, end)) {
    co_await kernel::down_read(&mm->mmap_sem, "add_page_for_migration");
    const vm_area_struct* vma = find_vma(mm, at);
    const Pte pte = LookupPte(mm, at);
    page* p = pte.target();
    const bool known = list->last != nullptr && list->last->gathered == p;
    if (vma != nullptr && vma->vm_start <= at && !known &&
        IsMovable(vma, pte)) {
      get_page(p);
      tlb_remove_page(list, p);
    }
    co_await kernel::up_read(&mm->mmap_sem, "add_page_for_migration");
  }
}

}  // namespace

// Rule: the pages are looked up under mmap_lock and moved without it; the mm is
// used meanwhile. Kernel: mm/migrate.c:kernel_move_pages(), do_pages_move(),
// v6.1.
sched::Task<int> do_pages_move(mm_struct* mm, uint64_t start, uint64_t end) {
  const bool alive = co_await mmget_not_zero(mm);
  if (!alive) {
    co_return -ESRCH;
  }
  mmu_gather list;
  co_await Isolate(mm, start, end, &list);
  for (gather_node* node = list.first; node != nullptr; node = node->next) {
    co_await unmap_and_move(node->gathered);
  }
  co_await tlb_finish_mmu(&list);
  co_await mmput(mm);
  co_return 0;
}

}  // namespace mmfault::mm
