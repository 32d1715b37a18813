// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// What a file does to its mappings: mm/truncate.c, mm/shmem.c, writeback,
// msync.

#include "server/kernel/errno.h"
#include "server/mm/memory.h"
#include "server/mm/mmap.h"
#include "server/mm/page_table.h"
#include "server/mm/rmap.h"
#include "server/mm/vma.h"

namespace mmfault::mm {
namespace {

uint64_t Min(uint64_t a, uint64_t b) { return a < b ? a : b; }
uint64_t Max(uint64_t a, uint64_t b) { return a > b ? a : b; }

// One VMA of one mm, seen from the file: mmap_sem is not held.
sched::Task<> UnmapMapping(vm_area_struct* vma, uint64_t first, uint64_t last,
                           zap_details details) {
  const uint64_t vma_last = vma->vm_pgoff + VmaPages(vma) - 1;
  if (vma_last < first || vma->vm_pgoff > last) {
    co_return;
  }
  const uint64_t from = Max(vma->vm_pgoff, first);
  const uint64_t to = Min(vma_last, last);
  const uint64_t start = vma->vm_start + ((from - vma->vm_pgoff) << kPageShift);
  co_await zap_page_range(vma, start, start + ((to - from + 1) << kPageShift),
                          details);
}

// Rule: every VMA of every mm that covers a page of [first, last] is zapped,
// mapped or not, holding i_mmap and nothing else. Kernel: mm/memory.c:
// unmap_mapping_pages(), v6.1; unmap_mapping_range(), v2.6.25.
sched::Task<> unmap_mapping_pages(address_space* file, uint64_t first,
                                  uint64_t last, zap_details details) {
  co_await RmapWalkLock(&file->i_mmap_lock, "unmap_mapping_range");
  for (vm_area_struct* vma = file->i_mmap; vma != nullptr;
       vma = vma->shared_next) {
    co_await UnmapMapping(vma, first, last, details);
  }
  co_await RmapWalkUnlock(&file->i_mmap_lock, "unmap_mapping_range");
}

// Takes a page out of the cache, a huge one from all of its places in
// [index, end); one of their references is left for the caller to put.
void DropFromCache(address_space* file, page* p, uint64_t index, uint64_t end) {
  const uint64_t stop =
      p->order == 0 ? index + 1 : Min(end, p->index + kHugePages);
  file->pages[index] = nullptr;
  for (uint64_t i = index + 1; i < stop; ++i) {
    if (file->pages[i] == p) {
      file->pages[i] = nullptr;
      p->refcount.counter -= 1;
    }
  }
}

// Rule: a page that a fault has mapped since is unmapped by itself before it
// leaves the cache. Kernel: mm/truncate.c:truncate_cleanup_folio(), v6.1;
// truncate_inode_pages_range(), v2.6.25.
sched::Task<> truncate_inode_pages(address_space* file, uint64_t first,
                                   uint64_t end) {
  for (uint64_t index = first; index < end; ++index) {
    page* p = file->pages[index];
    if (p == nullptr) {
      continue;
    }
    get_page(p);  // found and locked
    if (page_mapped(p)) {
      const uint64_t pages = p->order == 0 ? 1 : kHugePages;
      co_await unmap_mapping_pages(file, p->index, p->index + pages - 1,
                                   {.even_cows = false});
    }
    const bool still = file->pages[index] == p;
    if (still) {
      DropFromCache(file, p, index, end);
      co_await put_page(p);
    }
    co_await put_page(p);
  }
}

}  // namespace

// Rule: the size changes first, so that no fault brings a page back; mappings
// go, private copies too; then the pages; then mappings again, because private
// pages may have been copied in between. Growing, or cutting inside the last
// page, unmaps nothing. Kernel: mm/shmem.c:shmem_setattr(), v6.1;
// mm/truncate.c:truncate_pagecache(), v6.1; mm/memory.c:vmtruncate(), v2.6.25.
sched::Task<int> do_truncate(address_space* file, uint64_t size_pages) {
  // hugetlbfs_setattr(): whole pages only.
  const bool whole =
      file->kind != FileKind::kHugetlb || size_pages % kHugePages == 0;
  if (size_pages > file->size_max || !whole) {
    co_return -EINVAL;
  }
  const uint64_t old_size = file->size_pages;
  co_await kernel::Store(file->size_pages, size_pages, "i_size_write");
  if (size_pages >= old_size) {
    co_return 0;
  }
  co_await unmap_mapping_pages(file, size_pages, UINT64_MAX, {});
  // To the very end: the file may have grown since old_size was read.
  co_await truncate_inode_pages(file, size_pages, file->size_max);
  co_await unmap_mapping_pages(file, size_pages, UINT64_MAX, {});
  co_return 0;
}

// Rule: one pass is enough, since a hole leaves private copies alone. Kernel:
// mm/shmem.c:shmem_fallocate(), v6.1; mm/truncate.c:truncate_pagecache_range(),
// v6.1.
sched::Task<int> punch_hole(address_space* file, uint64_t first_page,
                            uint64_t page_count) {
  uint64_t end = Min(first_page + page_count, file->size_max);
  if (file->kind == FileKind::kHugetlb) {  // hugetlbfs_punch_hole()
    first_page = (first_page + kHugePages - 1) & ~(kHugePages - 1);
    end &= ~(kHugePages - 1);
    if (first_page >= end) {
      co_return 0;
    }
    page_count = end - first_page;
  }
  co_await unmap_mapping_pages(file, first_page, first_page + page_count - 1,
                               {.even_cows = false});
  co_await truncate_inode_pages(file, first_page, end);
  co_return 0;
}

// Kernel: mm/page-writeback.c:folio_clear_dirty_for_io(), v6.1.
sched::Task<int> writeback(address_space* file, uint64_t first_page,
                           uint64_t end_page) {
  if (file->kind != FileKind::kDisk) {
    co_return 0;
  }
  for (uint64_t index = first_page;
       index < end_page && index < file->size_pages; ++index) {
    page* p = file->pages[index];
    if (p == nullptr || !p->dirty) {
      continue;
    }
    get_page(p);
    p->dirty = false;
    co_await page_mkclean(p);
    co_await put_page(p);
  }
  co_return 0;
}

// Rule: mmap_lock is dropped while a file is written. Kernel: mm/msync.c, v6.1.
sched::Task<int> do_msync(mm_struct* mm, uint64_t start, uint64_t end) {
  int rc = 0;
  uint64_t at = start;
  co_await kernel::down_read(&mm->mmap_sem, "msync");
  while (at < end) {
    const vm_area_struct* vma = find_vma(mm, at);
    if (vma == nullptr || vma->vm_start >= end) {
      rc = -ENOMEM;
      break;
    }
    rc = vma->vm_start > at ? -ENOMEM : rc;
    at = Max(at, vma->vm_start);
    const uint64_t stop = Min(end, vma->vm_end);
    if (vma->vm_file != nullptr && (vma->vm_flags & VM_SHARED) != 0) {
      address_space* file = vma->vm_file;
      const uint64_t first = linear_page_index(vma, at);
      co_await kernel::up_read(&mm->mmap_sem, "msync");
      co_await writeback(file, first, first + ((stop - at) >> kPageShift));
      co_await kernel::down_read(&mm->mmap_sem, "msync");
    }
    at = stop;
  }
  co_await kernel::up_read(&mm->mmap_sem, "msync");
  co_return rc;
}

}  // namespace mmfault::mm
