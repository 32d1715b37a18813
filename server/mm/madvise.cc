// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Operations that change translations without changing the list of VMAs much:
// madvise, mprotect, truncate, reclaim, writeback.

#include "server/kernel/errno.h"
#include "server/mm/era.h"
#include "server/mm/memory.h"
#include "server/mm/mmap.h"
#include "server/mm/page_table.h"
#include "server/mm/rmap.h"
#include "server/mm/unlocked_flush.h"
#include "server/mm/vma.h"

namespace mmfault::mm {
namespace {

uint64_t Min(uint64_t a, uint64_t b) { return a < b ? a : b; }
uint64_t Max(uint64_t a, uint64_t b) { return a > b ? a : b; }

sched::Task<> ProtectRange(vm_area_struct* vma) {
  mm_struct* mm = vma->vm_mm;
  const uint64_t end = vma->vm_end;
  const uint64_t first = NextMapped(mm, vma->vm_start, end);
  if (first >= end) {
    co_return;  // nothing populated: nobody is told
  }
  mmu_notifier_range range{mm, vma->vm_start, end, Event::kProtectionVma, true};
  co_await NotifyRangeStart(&range);
  co_await kernel::spin_lock(&mm->page_table_lock, "change_pte_range");
  for (uint64_t address = first; address < end;
       address = NextMapped(mm, address + kPageSize, end)) {
    co_await kernel::Point{{trace::OpKind::kWrite, trace::Access::kWrite,
                            PteKey(mm, address), "change_pte_range"}};
    const Pte pte = LookupPte(mm, address);
    if (pte.present()) {
      SetPte(mm, address, Pte(pte.target(), Pte::kYoung));
    }
  }
  co_await kernel::spin_unlock(&mm->page_table_lock, "change_pte_range");
  co_await NotifyRangeEnd(&range);
}

// One VMA of one mm, seen from the file: mmap_sem is not held.
sched::Task<> UnmapMapping(vm_area_struct* vma, uint64_t first_page) {
  const uint64_t vma_end_page = vma->vm_pgoff + VmaPages(vma);
  if (vma_end_page <= first_page) {
    co_return;
  }
  const uint64_t from = Max(vma->vm_pgoff, first_page);
  const uint64_t start = vma->vm_start + ((from - vma->vm_pgoff) << kPageShift);
  co_await zap_page_range(vma, start, vma->vm_end);
}

// Rule: a page leaves the page cache only while nobody but the cache and the
// caller refers to it, and only if truncate has not taken it out before.
// Kernel: mm/vmscan.c:__remove_mapping(), v6.1. True: the cache's reference is
// the caller's to put.
bool RemoveMapping(page* p) {
  if (p->anonymous || p->refcount.counter != 2) {
    return false;
  }
  auto* file = static_cast<address_space*>(p->mapping.get());
  if (file->pages[p->index] != p) {
    return false;
  }
  file->pages[p->index] = nullptr;
  return true;
}

}  // namespace

sched::Task<int> do_mprotect(mm_struct* mm, uint64_t start, uint64_t end,
                             uint64_t flags) {
  co_await kernel::down_write(&mm->mmap_sem, "do_mprotect_pkey");
  co_await split_vma(mm, start);
  co_await split_vma(mm, end);
  uint64_t covered = start;
  for (vm_area_struct* vma = find_vma(mm, start);
       vma != nullptr && vma->vm_start == covered && covered < end;
       vma = vma->vm_next) {
    const uint64_t keep = vma->vm_flags & VM_SHARED;
    const bool same = vma->vm_flags == (flags | keep);
    vma->vm_flags = flags | keep;
    if (!same) {
      co_await ProtectRange(vma);
    }
    covered = vma->vm_end;
  }
  co_await kernel::up_write(&mm->mmap_sem, "do_mprotect_pkey");
  co_return covered < end ? -ENOMEM : 0;
}

sched::Task<int> madvise_dontneed(mm_struct* mm, uint64_t start, uint64_t end) {
  co_await kernel::down_read(&mm->mmap_sem, "madvise_dontneed");
  uint64_t covered = start;
  bool hole = false;
  vm_area_struct* vma = find_vma(mm, start);
  while (vma != nullptr && vma->vm_start < end) {
    hole = hole || vma->vm_start > covered;
    co_await zap_page_range(vma, Max(start, vma->vm_start),
                            Min(end, vma->vm_end));
    covered = vma->vm_end;
    vma = vma->vm_next;
  }
  co_await kernel::up_read(&mm->mmap_sem, "madvise_dontneed");
  if (FlushesWithoutLock()) {
    co_await FlushWithoutLock(mm, start, end);
  }
  co_return hole || covered < end ? -ENOMEM : 0;
}

// Rule: mappings go first, under the i_mmap lock alone; then the pages.
// Kernel: mm/truncate.c:truncate_pagecache(), mm/memory.c:
// unmap_mapping_range(), v2.6.25 and v6.1. Differs: the second unmap pass of
// truncate_pagecache() is left out.
sched::Task<int> do_truncate(address_space* file, uint64_t size_pages) {
  if (size_pages > file->size_max) {
    co_return -EINVAL;
  }
  const uint64_t old_size = file->size_pages;
  co_await kernel::Store(file->size_pages, size_pages, "i_size_write");
  if (size_pages >= old_size) {
    co_return 0;
  }
  co_await RmapWalkLock(&file->i_mmap_lock, "unmap_mapping_range");
  for (vm_area_struct* vma = file->i_mmap; vma != nullptr;
       vma = vma->shared_next) {
    co_await UnmapMapping(vma, size_pages);
  }
  co_await RmapWalkUnlock(&file->i_mmap_lock, "unmap_mapping_range");
  // To the very end: the file may have grown since old_size was read.
  for (uint64_t index = size_pages; index < file->size_max; ++index) {
    page* p = file->pages[index];
    if (p != nullptr) {
      file->pages[index] = nullptr;
      co_await put_page(p);
    }
  }
  co_return 0;
}

sched::Task<int> reclaim_page(mm_struct* mm, uint64_t address) {
  co_await kernel::Point{{trace::OpKind::kRead, trace::Access::kRead,
                          PteKey(mm, address), "shrink_page_list"}};
  const Pte pte = LookupPte(mm, address);
  if (!pte.present() || pte.target() == State()->zero_page) {
    co_return -ENOENT;
  }
  page* p = pte.target();
  get_page(p);  // isolated from the LRU
  co_await try_to_unmap(p);
  const bool dropped = RemoveMapping(p);
  if (dropped) {
    co_await put_page(p);
  }
  co_await put_page(p);
  co_return 0;
}

sched::Task<int> writeback(address_space* file, uint64_t first_page,
                           uint64_t end_page) {
  for (uint64_t index = first_page;
       index < end_page && index < file->size_pages; ++index) {
    page* p = file->pages[index];
    if (p != nullptr) {
      get_page(p);
      co_await page_mkclean(p);
      co_await put_page(p);
    }
  }
  co_return 0;
}

}  // namespace mmfault::mm
