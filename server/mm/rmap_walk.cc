// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// The walks from a page to its mappings: reclaim and writeback.

#include "server/mm/memory.h"
#include "server/mm/page_table.h"
#include "server/mm/rmap.h"
#include "server/mm/vma.h"

namespace mmfault::mm {
namespace {

// Whether the VMA maps the page's index, and where.
bool AddressIn(const vm_area_struct* vma, const page* p, uint64_t* address) {
  const uint64_t index = p->index;
  if (index < vma->vm_pgoff || index >= vma->vm_pgoff + VmaPages(vma)) {
    return false;
  }
  *address = vma->vm_start + ((index - vma->vm_pgoff) << kPageShift);
  return LookupPte(vma->vm_mm, *address).target() == p;
}

sched::Task<> UnmapOne(vm_area_struct* vma, page* p) {
  uint64_t address = 0;
  if (!AddressIn(vma, p, &address)) {
    co_return;
  }
  if (era().clear_flush_young != nullptr) {
    co_await era().clear_flush_young(vma->vm_mm, address, address + kPageSize);
  }
  const bool cleared =
      co_await ptep_clear_flush_notify(vma, address, p, Event::kClear);
  if (cleared) {
    co_await put_page(p);
  }
}

// Rule: a page that is mapped keeps its anon_vma; one that is not may have
// outlived it. Kernel: mm/rmap.c:page_get_anon_vma(), v6.1.
sched::Task<> UnmapAnon(page* p) {
  if (p->mapcount == 0) {
    co_return;
  }
  auto* av = static_cast<anon_vma*>(p->mapping.get());
  get_anon_vma(av);
  kernel::Lock* lock = AnonLock(av);
  co_await RmapWalkLock(lock, "try_to_unmap_anon");
  for (anon_vma_chain* avc = av->head; avc != nullptr;
       avc = avc->same_anon_vma) {
    co_await UnmapOne(avc->vma, p);
  }
  co_await RmapWalkUnlock(lock, "try_to_unmap_anon");
  put_anon_vma(av);
}

sched::Task<> UnmapFile(page* p) {
  auto* mapping = static_cast<address_space*>(p->mapping.get());
  co_await RmapWalkLock(&mapping->i_mmap_lock, "try_to_unmap_file");
  for (vm_area_struct* vma = mapping->i_mmap; vma != nullptr;
       vma = vma->shared_next) {
    co_await UnmapOne(vma, p);
  }
  co_await RmapWalkUnlock(&mapping->i_mmap_lock, "try_to_unmap_file");
}

sched::Task<> CleanOne(vm_area_struct* vma, page* p) {
  uint64_t address = 0;
  if ((vma->vm_flags & VM_SHARED) == 0 || !AddressIn(vma, p, &address)) {
    co_return;
  }
  mm_struct* mm = vma->vm_mm;
  mmu_notifier_range range{mm, address, address + kPageSize,
                           Event::kProtectionPage, true};
  const bool by_range = era().page_hook == PageHook::kStartEnd;
  if (by_range) {
    co_await NotifyRangeStart(&range);
  }
  co_await kernel::spin_lock(&mm->page_table_lock, "page_mkclean_one");
  co_await kernel::Point{{trace::OpKind::kWrite, trace::Access::kWrite,
                          PteKey(mm, address), "page_mkclean_one"}};
  if (LookupPte(mm, address).target() == p) {
    SetPte(mm, address, Pte(p, Pte::kYoung));
  }
  if (!by_range && era().invalidate_page != nullptr) {
    co_await era().invalidate_page(mm, address);
  }
  co_await kernel::spin_unlock(&mm->page_table_lock, "page_mkclean_one");
  if (by_range) {
    co_await NotifyRangeEnd(&range);
  }
}

}  // namespace

sched::Task<> try_to_unmap(page* p) {
  if (p == State()->zero_page) {
    co_return;
  }
  if (p->anonymous) {
    co_await UnmapAnon(p);
  } else {
    co_await UnmapFile(p);
  }
}

sched::Task<> page_mkclean(page* p) {
  auto* mapping = static_cast<address_space*>(p->mapping.get());
  co_await RmapWalkLock(&mapping->i_mmap_lock, "page_mkclean");
  for (vm_area_struct* vma = mapping->i_mmap; vma != nullptr;
       vma = vma->shared_next) {
    co_await CleanOne(vma, p);
  }
  co_await RmapWalkUnlock(&mapping->i_mmap_lock, "page_mkclean");
}

}  // namespace mmfault::mm
