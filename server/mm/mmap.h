// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// mmap.h: system calls on the address space, and its end.
//
// Models mm/mmap.c, mm/mprotect.c, mm/madvise.c and mm/truncate.c. Every call
// runs in its caller's task, returns 0 or a negative errno as the system call
// does, takes mmap_sem itself and may sleep.
//
// Ranges are bytes, page aligned, not empty; callers check.

#ifndef MMFAULT_SERVER_MM_MMAP_H_
#define MMFAULT_SERVER_MM_MMAP_H_

#include "server/mm/mm_types.h"
#include "server/sched/task.h"

namespace mmfault::mm {

// Maps [start, end) with MAP_FIXED: what was there is unmapped first. `file`
// null: anonymous. -ENOMEM beyond the world's max_map_count.
sched::Task<int> do_mmap(mm_struct* mm, uint64_t start, uint64_t end,
                         uint64_t flags, address_space* file, uint64_t pgoff);

// -EINTR where the era waits killably and a fatal signal is pending.
sched::Task<int> do_munmap(mm_struct* mm, uint64_t start, uint64_t end);

// -ENOMEM when the range has a hole.
sched::Task<int> do_mprotect(mm_struct* mm, uint64_t start, uint64_t end,
                             uint64_t flags);

// MADV_DONTNEED. -ENOMEM when the range has a hole; the rest is done.
sched::Task<int> madvise_dontneed(mm_struct* mm, uint64_t start, uint64_t end);

// ftruncate(): unmaps what lies beyond from every mm, holding only the i_mmap
// lock, then frees the pages.
sched::Task<int> do_truncate(address_space* file, uint64_t size_pages);

// Reclaims the page mapped at an address, if there is one: as kswapd would,
// from the page, not from the mm. -ENOENT when nothing is mapped there.
sched::Task<int> reclaim_page(mm_struct* mm, uint64_t address);

// Writeback of the shared file pages in a range: page_mkclean().
sched::Task<int> writeback(address_space* file, uint64_t first_page,
                           uint64_t end_page);

// The end of an address space, at mm_users == 0, as the era does it: notifiers
// are released, everything is unmapped, VMAs are unlinked, pages are freed.
sched::Task<> exit_mmap(mm_struct* mm);

}  // namespace mmfault::mm

#endif  // MMFAULT_SERVER_MM_MMAP_H_
