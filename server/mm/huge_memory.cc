// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/mm/huge_memory.h"

#include "server/kernel/errno.h"
#include "server/mm/hugetlb.h"
#include "server/mm/khugepaged.h"
#include "server/mm/madvise.h"
#include "server/mm/page_table.h"
#include "server/mm/rmap.h"
#include "server/mm/vma.h"
#include "server/mm/vma_lock.h"

namespace mmfault::mm {
namespace {

uint64_t WriteFlags(const vm_area_struct* vma) {
  return Pte::kYoung | Pte::kDirty |
         ((vma->vm_flags & VM_WRITE) != 0 ? Pte::kWritable : 0);
}

void MapHuge(mm_struct* mm, uint64_t address, page* p, uint64_t flags) {
  SetHugePte(mm, address, Pte(p, flags | Pte::kHuge));
  p->mapcount += 1;
}

page* AllocHuge(vm_area_struct* vma, uint64_t address) {
  page* p = alloc_page(vma->anon_vma, true,
                       linear_page_index(vma, HugeStart(address)));
  p->order = kHugeOrder;
  p->exclusive = true;
  return p;
}

// Rule: a first read maps the huge zero page, a first write a huge page; either
// appears where nothing was, so nobody is told. khugepaged comes to know the
// mm. Kernel: mm/huge_memory.c:do_huge_pmd_anonymous_page(), v6.1.
sched::Task<int> do_huge_pmd_anonymous_page(vm_area_struct* vma,
                                            uint64_t address, bool write) {
  mm_struct* mm = vma->vm_mm;
  co_await khugepaged_enter_vma(vma);
  page* p = State()->zero_page;
  if (write) {
    p = AllocHuge(vma, address);
  } else {
    get_page(p);
  }
  co_await kernel::spin_lock(&mm->page_table_lock, "do_huge_pmd_anonymous");
  co_await PtePoint(mm, HugeStart(address), "do_huge_pmd_anonymous_page");
  // Another fault may have been first.
  const bool lost = !HasNoTables(mm, address);
  if (!lost) {
    MapHuge(mm, address, p, write ? WriteFlags(vma) : Pte::kYoung);
  }
  co_await kernel::spin_unlock(&mm->page_table_lock, "do_huge_pmd_anonymous");
  if (lost) {
    co_await put_page(p);
  }
  co_return lost ? kFallback : 0;
}

// Rule: the huge zero page is replaced as a whole, in a section of 2 MiB.
// Kernel: mm/huge_memory.c:do_huge_zero_wp_pmd(), v6.13.
sched::Task<int> do_huge_zero_wp_pmd(vm_area_struct* vma, uint64_t address) {
  mm_struct* mm = vma->vm_mm;
  page* zero = State()->zero_page;
  page* p = AllocHuge(vma, address);
  mmu_notifier_range range = HugeRangeOf(mm, address, Event::kClear);
  co_await NotifyRangeStart(&range);
  co_await kernel::spin_lock(&mm->page_table_lock, "do_huge_zero_wp_pmd");
  co_await PtePoint(mm, range.start, "pmdp_huge_clear_flush");
  const Pte pmd = LookupPte(mm, address);
  const bool same = pmd.huge() && pmd.target() == zero;
  if (same) {
    SetHugePte(mm, address, Pte());
    zero->mapcount -= 1;
    co_await NotifyPteFlush(mm, range.start, range.end);
    MapHuge(mm, address, p, WriteFlags(vma));
  }
  co_await UnlockPageTable(mm, "do_huge_zero_wp_pmd");
  co_await NotifyRangeOnlyEnd(&range);
  page* unused = same ? zero : p;
  co_await put_page(unused);
  co_return 0;
}

// Rule: a huge page that nobody else can see is written in place; any other is
// split, and the one small page is copied. Kernel: mm/huge_memory.c:
// do_huge_pmd_wp_page(), v6.1.
sched::Task<int> do_huge_pmd_wp_page(vm_area_struct* vma, uint64_t address,
                                     Pte pmd) {
  mm_struct* mm = vma->vm_mm;
  page* p = pmd.target();
  if (p == State()->zero_page && era().huge_zero_page_cow) {
    const int rc = co_await do_huge_zero_wp_pmd(vma, address);
    co_return rc;
  }
  co_await kernel::spin_lock(&mm->page_table_lock, "do_huge_pmd_wp_page");
  co_await PtePoint(mm, HugeStart(address), "do_huge_pmd_wp_page");
  const bool same = LookupPte(mm, address).bits() == pmd.bits();
  const bool alone = p->anonymous && (p->exclusive || p->refcount.counter == 1);
  if (same && alone) {
    SetHugePte(mm, address, pmd.With(WriteFlags(vma)));
    p->exclusive = true;
  }
  co_await kernel::spin_unlock(&mm->page_table_lock, "do_huge_pmd_wp_page");
  if (!same || alone) {
    co_return 0;
  }
  co_await __split_huge_pmd(mm, address);
  co_return kFallback;
}

// What the hardware does to an entry that allows the access.
void MarkAccessed(mm_struct* mm, uint64_t address, Pte pmd, bool write) {
  const uint64_t flags = Pte::kYoung | (write ? Pte::kDirty : 0);
  if ((pmd.bits() & flags) != flags) {
    SetHugePte(mm, address, pmd.With(flags));
  }
}

// Requires the page table lock. The huge page's entry becomes 512, which have
// its rights; so nothing is taken away that a device could have relied on, and
// yet it is told, because the size of what it mapped changes.
void SplitEntry(mm_struct* mm, uint64_t start) {
  const Pte pmd = LookupPte(mm, start);
  page* p = pmd.target();
  SetHugePte(mm, start, Pte());
  for (uint64_t i = 0; i < kHugePages; ++i) {
    SetPte(mm, start + i * kPageSize, pmd.Without(Pte::kHuge));
  }
  p->mapcount += kHugePages - 1;
  p->refcount.counter += static_cast<int32_t>(kHugePages) - 1;
}

struct split_pages {
  Object object;
  std::array<Cell<page*>, kHugePages> small;
};

// Moves one VMA's ptes from a huge page to the small ones.
void MovePtes(vm_area_struct* vma, uint64_t start, uint64_t end, page* p,
              split_pages* pages) {
  mm_struct* mm = vma->vm_mm;
  for (uint64_t at = start; at < end; at += kPageSize) {
    const Pte pte = LookupPte(mm, at);
    if (pte.target() != p) {
      continue;
    }
    SetPte(mm, at, Pte());
    p->mapcount -= 1;
    p->refcount.counter -= 1;  // the caller's is not the last
    if (p->anonymous) {
      page* small = pages->small[linear_page_index(vma, at) - p->index];
      get_page(small);
      small->mapcount += 1;
      SetPte(mm, at, Pte(small, pte.bits() & ~Pte::kAddress));
    }
  }
}

// Whether there is a table of pmds for an address, huge entries in it or not:
// one stands for 1 GiB. Kernel: mm/rmap.c:mm_find_pmd(), v6.1, which since then
// leaves it to the caller to look at the entry.
bool FindsPmd(const mm_struct* mm, uint64_t address) {
  constexpr uint64_t kGiB = uint64_t{1} << 30;
  const uint64_t start = address & ~(kGiB - 1);
  return NextMapped(mm, start, start + kGiB) < start + kGiB ||
         NextTable(mm, start, start + kGiB) < start + kGiB;
}

// Rule: an entry of 2 MiB is split first, in a section of its own, which there
// is even where the page is mapped by ptes already; then the ptes go in one
// that covers what the VMA has of the page. From 6.16 on the latter does both.
// Kernel: mm/rmap.c:try_to_migrate_one() with TTU_SPLIT_HUGE_PMD, v6.1 and
// v6.16. Differs: ptes of anonymous memory are replaced at once, with no
// migration entry in between.
sched::Task<> UnmapFolioOne(vm_area_struct* vma, page* p, uint64_t address,
                            void* arg) {
  mm_struct* mm = vma->vm_mm;
  if (!era().splits_in_rmap_section && FindsPmd(mm, address)) {
    co_await __split_huge_pmd(mm, address);
  }
  const uint64_t left = p->index + kHugePages - linear_page_index(vma, address);
  const uint64_t stop = address + left * kPageSize;
  const uint64_t end = stop < vma->vm_end ? stop : vma->vm_end.get();
  mmu_notifier_range range = RangeOf(vma, address, end, Event::kClear);
  co_await NotifyRangeStart(&range);
  co_await kernel::spin_lock(&mm->page_table_lock, "try_to_migrate_one");
  co_await PtePoint(mm, address, "try_to_migrate_one");
  if (LookupPte(mm, address).huge()) {
    SplitEntry(mm, HugeStart(address));
  }
  MovePtes(vma, address, end, p, static_cast<split_pages*>(arg));
  co_await NotifyPteFlush(mm, address, end);
  co_await UnlockPageTable(mm, "try_to_migrate_one");
  co_await NotifyRangeEnd(&range);
}

// References that a split accounts for: the ptes', the page cache's, and the
// caller's.
bool CanSplit(const page* p) {
  const int64_t cache = p->anonymous ? 0 : static_cast<int64_t>(kHugePages);
  return p->refcount.counter == cache + p->mapcount + 1;
}

split_pages* MakeSmallPages(const page* p) {
  auto* pages = kernel::ThisWorld()->New<split_pages>(ObjType::kNone);
  CHECK(pages != nullptr);
  for (uint64_t i = 0; i < kHugePages; ++i) {
    page* small = alloc_page(p->mapping, p->anonymous, p->index + i);
    small->exclusive = p->exclusive.get();
    small->value = p->value.get();
    small->dirty = p->dirty.get();
    pages->small[i] = small;
  }
  return pages;
}

// The page cache's entries of a huge page become those of the small ones.
void ReplaceInCache(page* p, const split_pages* pages) {
  auto* file = static_cast<address_space*>(p->mapping.get());
  for (uint64_t i = 0; i < kHugePages; ++i) {
    if (file->pages[p->index + i] == p) {
      file->pages[p->index + i] = pages->small[i].get();
      get_page(pages->small[i]);
      p->refcount.counter -= 1;
    }
  }
}

// Kernel: mm/huge_memory.c:hugepage_madvise(), v6.1. Requires mmap_lock for
// write.
sched::Task<int> AdviseOne(vm_area_struct* vma, uint64_t start, uint64_t end,
                           uint64_t arg) {
  const bool on = arg != 0;
  if (is_vm_hugetlb_page(vma)) {
    co_return -EINVAL;
  }
  const uint64_t rest = vma->vm_flags & ~(VM_HUGEPAGE | VM_NOHUGEPAGE);
  const uint64_t flags = rest | (on ? VM_HUGEPAGE : VM_NOHUGEPAGE);
  if (vma->vm_flags != flags) {
    vma = co_await vma_modify_flags(vma, start, end, flags);
  }
  if (vma == nullptr) {
    co_return -EAGAIN;  // a split would be one VMA too many
  }
  if (on) {
    co_await khugepaged_enter_vma(vma);
  }
  co_return 0;
}

}  // namespace

mmu_notifier_range HugeRangeOf(mm_struct* mm, uint64_t address, Event event) {
  const uint64_t start = HugeStart(address);
  mmu_notifier_range range{mm, start, start + kHugeSize, event, true};
  range.vma = era().range_names_vma;
  return range;
}

bool transhuge_vma_suitable(const vm_area_struct* vma, uint64_t address) {
  const uint64_t start = HugeStart(address);
  return start >= vma->vm_start && start + kHugeSize <= vma->vm_end;
}

// Rule: the split is announced over the whole 2 MiB whatever part the caller is
// after, and its section closes by only_end; no TLB of a device is flushed for
// anonymous memory. Kernel: mm/huge_memory.c:__split_huge_pmd(), v6.1.
sched::Task<> __split_huge_pmd(mm_struct* mm, uint64_t address) {
  mmu_notifier_range range = HugeRangeOf(mm, address, Event::kClear);
  co_await NotifyRangeStart(&range);
  co_await kernel::spin_lock(&mm->page_table_lock, "__split_huge_pmd");
  co_await PtePoint(mm, range.start, "__split_huge_pmd");
  if (LookupPte(mm, range.start).huge()) {
    SplitEntry(mm, range.start);
    co_await NotifyPteFlush(mm, range.start, range.end);
  }
  co_await UnlockPageTable(mm, "__split_huge_pmd");
  co_await NotifyRangeOnlyEnd(&range);
}

// Rule: no entry reaches over the edge of a VMA, so one that could is split
// before the VMA is. It is announced before it is known whether there is one:
// wherever the VMA holds all of the 2 MiB and there is a table of pmds. Kernel:
// mm/huge_memory.c:split_huge_pmd_if_needed(), __split_huge_pmd(), v6.1.
sched::Task<> vma_adjust_trans_huge(vm_area_struct* vma, uint64_t address) {
  const uint64_t start = HugeStart(address);
  const bool inside =
      vma->vm_start <= start && start + kHugeSize <= vma->vm_end;
  if (era().huge_pages && address != start && inside &&
      FindsPmd(vma->vm_mm, address)) {
    co_await __split_huge_pmd(vma->vm_mm, address);
  }
}

// Kernel: mm/memory.c:__handle_mm_fault(), v6.1: the part about pmds.
sched::Task<int> do_huge_pmd_fault(vm_area_struct* vma, uint64_t address,
                                   bool write) {
  mm_struct* mm = vma->vm_mm;
  const Pte pmd = LookupPte(mm, address);
  if (pmd.huge()) {
    if (write && !pmd.writable()) {
      const int rc = co_await do_huge_pmd_wp_page(vma, address, pmd);
      co_return rc;
    }
    MarkAccessed(mm, address, pmd, write);
    co_return 0;
  }
  if ((vma->vm_flags & VM_HUGEPAGE) == 0 || vma->vm_file != nullptr ||
      !era().huge_pages || !transhuge_vma_suitable(vma, address) ||
      !HasNoTables(mm, address)) {
    co_return kFallback;
  }
  const int rc = co_await do_huge_pmd_anonymous_page(vma, address, write);
  co_return rc;
}

// Kernel: mm/huge_memory.c:zap_huge_pmd(), v6.1.
void zap_huge_pmd(mm_struct* mm, uint64_t address, mmu_gather* tlb) {
  page* p = LookupPte(mm, address).target();
  SetHugePte(mm, address, Pte());
  p->mapcount -= 1;
  tlb_remove_tlb_entry(tlb, mm, HugeStart(address), kHugeSize);
  tlb_remove_page(tlb, p);
}

// Rule: parent and child share the huge page read-only. Kernel:
// mm/huge_memory.c:copy_huge_pmd(), v6.1. Differs: one that is pinned is not
// split.
void copy_huge_pmd(mm_struct* child, mm_struct* mm, uint64_t address) {
  const Pte pmd = LookupPte(mm, address);
  const Pte shared = pmd.Without(Pte::kWritable);
  page* p = pmd.target();
  p->exclusive = false;
  if (pmd.writable()) {
    SetHugePte(mm, address, shared);
  }
  get_page(p);
  p->mapcount += 1;
  SetHugePte(child, address, shared.Without(Pte::kYoung));
}

// Kernel: mm/huge_memory.c:move_huge_pmd(), v6.1.
void move_huge_pmd(mm_struct* mm, uint64_t from, uint64_t to) {
  const Pte pmd = LookupPte(mm, from);
  SetHugePte(mm, from, Pte());
  SetHugePte(mm, to, pmd);
}

// Rule: a right that goes is flushed; one that comes is not, and before 6.2 it
// comes at the next write only. Kernel: mm/huge_memory.c:change_huge_pmd(),
// v6.1 and v6.2.
bool change_huge_pmd(vm_area_struct* vma, uint64_t address) {
  mm_struct* mm = vma->vm_mm;
  const Pte pmd = LookupPte(mm, address);
  const uint64_t rights = vma->vm_flags & (VM_READ | VM_WRITE);
  Pte now = pmd.Without(Pte::kWritable | Pte::kProtNone);
  if (rights == 0) {
    now = now.With(Pte::kProtNone);
  } else if ((rights & VM_WRITE) != 0) {
    const bool upgrade = era().huge_protect_upgrades &&
                         pmd.target()->anonymous && pmd.target()->exclusive;
    now = upgrade || pmd.writable() ? now.With(Pte::kWritable) : now;
  }
  SetHugePte(mm, address, now);
  const bool less = (pmd.writable() && !now.writable()) ||
                    (!pmd.prot_none() && now.prot_none());
  return less;
}

// Rule: whoever maps the page is told, before any pte changes, of all that he
// maps of it. Kernel: mm/huge_memory.c:split_huge_page_to_list(), v6.1.
// Differs: the small pages are new ones; a pin that comes while the ptes are
// moved does not stop the split.
sched::Task<int> split_huge_page(page* p) {
  CHECK(p->order == kHugeOrder);
  if (!CanSplit(p)) {
    co_return -EBUSY;
  }
  split_pages* pages = MakeSmallPages(p);
  co_await rmap_walk(p, UnmapFolioOne, nullptr, pages);
  if (!p->anonymous) {
    ReplaceInCache(p, pages);
  }
  for (uint64_t i = 0; i < kHugePages; ++i) {
    co_await put_page(pages->small[i]);
  }
  kernel::ThisWorld()->Delete(pages);
  co_return 0;
}

// Rule: nothing is taken away, unless a VMA is split in the middle of a huge
// page. Kernel: mm/madvise.c:madvise_vma_behavior(), v6.1.
sched::Task<int> hugepage_madvise(mm_struct* mm, uint64_t start, uint64_t end,
                                  bool on) {
  if (!era().huge_pages) {
    co_return -EINVAL;
  }
  int rc = co_await mmap_write_lock(mm, "madvise");
  if (rc == 0) {
    rc = co_await madvise_walk_vmas(mm, start, end, on ? 1 : 0, AdviseOne);
    co_await mmap_write_unlock(mm, "madvise");
  }
  co_return rc;
}

}  // namespace mmfault::mm
