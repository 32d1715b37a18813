// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// mmap.h: system calls on the address space, and its end.
//
// Models mm/mmap.c, mm/mremap.c, mm/mprotect.c, mm/madvise.c, mm/truncate.c and
// mm/msync.c. Every call runs in its caller's task, returns 0 or a negative
// errno as the system call does, takes mmap_sem itself and may sleep. -EINTR:
// the era waits killably and a fatal signal is pending.
//
// Ranges are bytes, page aligned, not empty; callers check.

#ifndef MMFAULT_SERVER_MM_MMAP_H_
#define MMFAULT_SERVER_MM_MMAP_H_

#include "server/mm/mm_types.h"
#include "server/sched/task.h"

namespace mmfault::mm {

// Maps [start, end) with MAP_FIXED: what was there is unmapped first. `file`
// null: anonymous. -ENOMEM beyond the world's max_map_count, -EINTR.
sched::Task<int> do_mmap(mm_struct* mm, uint64_t start, uint64_t end,
                         uint64_t flags, address_space* file, uint64_t pgoff);

// -EINTR, or -ENOMEM where a split would be one VMA too many.
sched::Task<int> do_munmap(mm_struct* mm, uint64_t start, uint64_t end);

// Unmaps a range. Requires mmap_sem for write; with `downgrade` it is held for
// read afterwards if anything was unmapped and the era does so, and
// *downgraded says that. 0 or -ENOMEM.
sched::Task<int> UnmapLocked(mm_struct* mm, uint64_t start, uint64_t end,
                             bool downgrade, bool* downgraded);

// Moves the end of the heap. -ENOMEM without a heap, below its start, or where
// something is in the way; -EINTR.
sched::Task<int> do_brk(mm_struct* mm, uint64_t end);

struct MremapArgs {
  uint64_t start;
  uint64_t end;        // the old range
  uint64_t new_size;   // bytes
  uint64_t new_start;  // 0: it stays where it is
  bool dontunmap;
};
// -EFAULT (no VMA, or more than one to grow or to move), -EINVAL (onto itself),
// -ENOMEM, -EINTR.
sched::Task<int> do_mremap(mm_struct* mm, MremapArgs args);

// `flags`: VM_READ, VM_WRITE, or 0 for PROT_NONE. -ENOMEM when the range has a
// hole: what lies before it is done. -EINTR.
sched::Task<int> do_mprotect(mm_struct* mm, uint64_t start, uint64_t end,
                             uint64_t flags);

// The advice that changes mappings or the list of VMAs.
enum class Advice : uint8_t {
  kDontneed,
  kFree,
  kCold,
  kPageout,
  kRemove,
  kDontfork,
};
// -ENOMEM when the range has a hole: the rest is done. -EINVAL where a VMA of
// that kind cannot be so advised, -EACCES (REMOVE of what is not shared and
// writable): the rest is not done. -EINTR.
sched::Task<int> do_madvise(mm_struct* mm, uint64_t start, uint64_t end,
                            Advice advice);

// ftruncate(): unmaps what lies beyond from every mm, holding only the i_mmap
// lock, then frees the pages, and unmaps again. A partial last page counts as
// one. -EINVAL beyond size_max.
sched::Task<int> do_truncate(address_space* file, uint64_t size_pages);

// fallocate(PUNCH_HOLE): the same for a part in the middle, where private
// copies stay.
sched::Task<int> punch_hole(address_space* file, uint64_t first_page,
                            uint64_t page_count);

// Reclaims the page mapped at an address, if there is one: as kswapd would,
// from the page, not from the mm. -ENOENT when nothing is mapped there, -EAGAIN
// when the page cannot be taken away.
sched::Task<int> reclaim_page(mm_struct* mm, uint64_t address);

// Writeback of the dirty pages [first_page, end_page) of a file on a disk:
// page_mkclean(). Others have none.
sched::Task<int> writeback(address_space* file, uint64_t first_page,
                           uint64_t end_page);

// msync(MS_SYNC). -ENOMEM when the range has a hole: the rest is done.
sched::Task<int> do_msync(mm_struct* mm, uint64_t start, uint64_t end);

// The end of an address space, at mm_users == 0, as the era does it: notifiers
// are released, everything is unmapped, VMAs are unlinked, pages are freed.
sched::Task<> exit_mmap(mm_struct* mm);

}  // namespace mmfault::mm

#endif  // MMFAULT_SERVER_MM_MMAP_H_
