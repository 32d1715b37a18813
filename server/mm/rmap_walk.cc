// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// The walks from a page to its mappings: reclaim and writeback.

#include "server/mm/ksm.h"
#include "server/mm/memory.h"
#include "server/mm/page_table.h"
#include "server/mm/rmap.h"
#include "server/mm/swap.h"
#include "server/mm/vma.h"

namespace mmfault::mm {
namespace {

bool ByRange() { return era().page_hook == PageHook::kStartEnd; }

bool Maps(const vm_area_struct* vma, uint64_t address, const page* p) {
  return LookupPte(vma->vm_mm, address).target() == p;
}

bool NotMapped(const page* p) { return !page_mapped(p); }

struct Walk {
  RmapOne one;
  bool (*done)(const page* p);
  void* arg;
};

// Rule: a page that is mapped keeps its anon_vma; one that is not may have
// outlived it. Kernel: mm/rmap.c:page_get_anon_vma(), v6.1.
sched::Task<> WalkAnon(page* p, const Walk* walk) {
  if (!page_mapped(p)) {
    co_return;
  }
  auto* av = static_cast<anon_vma*>(p->mapping.get());
  get_anon_vma(av);
  kernel::Lock* lock = AnonLock(av);
  co_await RmapWalkLock(lock, "rmap_walk_anon");
  for (anon_vma_chain* avc = av->head; avc != nullptr;
       avc = avc->same_anon_vma) {
    uint64_t address = 0;
    if (vma_address(avc->vma, p, &address)) {
      co_await walk->one(avc->vma, p, address, walk->arg);
    }
    if (walk->done != nullptr && walk->done(p)) {
      break;
    }
  }
  co_await RmapWalkUnlock(lock, "rmap_walk_anon");
  put_anon_vma(av);
}

sched::Task<> WalkFile(page* p, const Walk* walk) {
  auto* mapping = static_cast<address_space*>(p->mapping.get());
  co_await RmapWalkLock(&mapping->i_mmap_lock, "rmap_walk_file");
  for (vm_area_struct* vma = mapping->i_mmap; vma != nullptr;
       vma = vma->shared_next) {
    uint64_t address = 0;
    if (vma_address(vma, p, &address)) {
      co_await walk->one(vma, p, address, walk->arg);
    }
    if (walk->done != nullptr && walk->done(p)) {
      break;
    }
  }
  co_await RmapWalkUnlock(&mapping->i_mmap_lock, "rmap_walk_file");
}

// Rule: a device is asked under the page table lock, so it may not sleep.
// Kernel: mm/rmap.c:folio_referenced_one(), v6.1.
sched::Task<> ReferencedOne(vm_area_struct* vma, page* p, uint64_t address,
                            void* arg) {
  mm_struct* mm = vma->vm_mm;
  if (era().clear_flush_young == nullptr) {
    co_return;
  }
  co_await kernel::spin_lock(&mm->page_table_lock, "folio_referenced_one");
  co_await PtePoint(mm, address, "folio_referenced_one");
  const Pte pte = LookupPte(mm, address);
  int young = 0;
  if (pte.target() == p) {
    SetPte(mm, address, pte.Without(Pte::kYoung));
    young = co_await era().clear_flush_young(mm, address, address + kPageSize);
  }
  co_await kernel::spin_unlock(&mm->page_table_lock, "folio_referenced_one");
  *static_cast<bool*>(arg) = *static_cast<bool*>(arg) || young != 0;
}

// What an entry becomes that reclaim takes the page from.
Pte Reclaimed(page* p) {
  if (!p->anonymous || p->lazyfree) {
    return Pte();
  }
  // Nothing like the page lock keeps faults off: one may have taken the page
  // out of the swap cache.
  swap_entry* entry = add_to_swap(p);
  swap_duplicate(entry);
  return Pte(reinterpret_cast<uint64_t>(entry) | Pte::kSwapped);
}

// Rule: anonymous memory is flushed from devices' TLBs at once, because the
// page may come back to another place; a file's page is locked and cannot.
// Kernel: mm/rmap.c:try_to_unmap_one(), v6.1. Requires the page table lock.
sched::Task<> ClearFlush(vm_area_struct* vma, page* p, uint64_t address) {
  mm_struct* mm = vma->vm_mm;
  const bool anonymous = p->anonymous;
  const Pte old = LookupPte(mm, address);
  SetPte(mm, address, Reclaimed(p));
  p->mapcount -= 1;
  p->dirty = p->dirty || (old.dirty() && !anonymous);
  co_await NotifyPteFlush(mm, address, address + kPageSize);
  if (!ByRange()) {
    co_await NotifyPage(mm, address);
  } else if (anonymous) {
    co_await NotifyRange(mm, address, address + kPageSize);
  }
}

// Rule: since 4.14 the section is opened before anybody has looked whether the
// VMA maps the page at all. Kernel: mm/rmap.c:try_to_unmap_one(), v6.1 and
// v2.6.25.
sched::Task<> UnmapOne(vm_area_struct* vma, page* p, uint64_t address,
                       void* /*arg*/) {
  mm_struct* mm = vma->vm_mm;
  mmu_notifier_range range =
      RangeOf(vma, address, address + kPageSize, Event::kClear);
  if (ByRange()) {
    co_await NotifyRangeStart(&range);
  }
  co_await kernel::spin_lock(&mm->page_table_lock, "try_to_unmap_one");
  co_await kernel::FaultPoint(faults::Point::kRmapBeforeClear,
                              kernel::At(mm, address, address + kPageSize));
  co_await PtePoint(mm, address, "ptep_clear_flush");
  const bool mapped = Maps(vma, address, p);
  if (mapped) {
    co_await ClearFlush(vma, p, address);
  }
  co_await UnlockPageTable(mm, "try_to_unmap_one");
  if (ByRange()) {
    co_await NotifyRangeEnd(&range);
  }
  if (mapped) {
    co_await put_page(p);
  }
}

// Rule: a right is taken away and the page stays, so TLBs of devices need no
// early flush. Kernel: mm/rmap.c:page_vma_mkclean_one(), v6.1.
sched::Task<> CleanOne(vm_area_struct* vma, page* p, uint64_t address,
                       void* arg) {
  if ((vma->vm_flags & VM_SHARED) == 0) {
    co_return;
  }
  mm_struct* mm = vma->vm_mm;
  mmu_notifier_range range =
      RangeOf(vma, address, address + kPageSize, Event::kProtectionPage);
  if (ByRange()) {
    co_await NotifyRangeStart(&range);
  }
  co_await kernel::spin_lock(&mm->page_table_lock, "page_mkclean_one");
  co_await PtePoint(mm, address, "page_mkclean_one");
  const Pte pte = LookupPte(mm, address);
  if (pte.target() == p && (pte.dirty() || pte.writable())) {
    SetPte(mm, address, pte.Without(Pte::kWritable | Pte::kDirty));
    *static_cast<bool*>(arg) = true;
    co_await NotifyPteFlush(mm, address, address + kPageSize);
    if (!ByRange()) {
      co_await NotifyPage(mm, address);
    }
  }
  co_await UnlockPageTable(mm, "page_mkclean_one");
  if (ByRange()) {
    co_await NotifyRangeEnd(&range);
  }
}

}  // namespace

bool vma_address(const vm_area_struct* vma, const page* p, uint64_t* address) {
  const uint64_t pages = p->order == 0 ? 1 : kHugePages;
  const uint64_t first = vma->vm_pgoff;
  const uint64_t index = p->index > first ? p->index.get() : first;
  if (index >= p->index + pages || index >= first + VmaPages(vma)) {
    return false;
  }
  *address = vma->vm_start + ((index - first) << kPageShift);
  return true;
}

// Kernel: mm/rmap.c:rmap_walk(), v6.1; the loops of try_to_unmap_anon() and
// try_to_unmap_file(), v2.6.25.
sched::Task<> rmap_walk(page* p, RmapOne one, bool (*done)(const page* p),
                        void* arg) {
  const Walk walk{one, done, arg};
  if (p->ksm != nullptr) {
    co_await rmap_walk_ksm(p, one, done, arg);
  } else if (p->anonymous) {
    co_await WalkAnon(p, &walk);
  } else {
    co_await WalkFile(p, &walk);
  }
}

// Kernel: mm/rmap.c:folio_referenced(), v6.1; page_referenced() before.
// Differs: the ptes' own accessed bits are not asked.
sched::Task<bool> folio_referenced(page* p) {
  bool young = false;
  if (page_mapped(p)) {
    co_await rmap_walk(p, ReferencedOne, nullptr, &young);
  }
  co_return young;
}

// Kernel: mm/rmap.c:try_to_unmap(), v6.1.
sched::Task<> try_to_unmap(page* p) {
  if (p != State()->zero_page && page_mapped(p)) {
    co_await rmap_walk(p, UnmapOne, NotMapped, nullptr);
  }
}

// Kernel: mm/rmap.c:folio_mkclean(), v6.1.
sched::Task<bool> page_mkclean(page* p) {
  bool cleaned = false;
  if (page_mapped(p)) {
    co_await rmap_walk(p, CleanOne, nullptr, &cleaned);
  }
  co_return cleaned;
}

}  // namespace mmfault::mm
