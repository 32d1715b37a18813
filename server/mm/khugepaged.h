// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// khugepaged.h: making huge pages of small ones.
//
// Models mm/khugepaged.c where it takes mappings away. The daemon's own choice
// of ranges is left out: MADV_COLLAPSE and a step do the work.

#ifndef MMFAULT_SERVER_MM_KHUGEPAGED_H_
#define MMFAULT_SERVER_MM_KHUGEPAGED_H_

#include "server/mm/mm_types.h"
#include "server/sched/task.h"

namespace mmfault::mm {

// khugepaged takes a reference on an mm that may have huge pages, once.
sched::Task<> khugepaged_enter_vma(vm_area_struct* vma);
// mmput() of the last user: lets go of it.
sched::Task<> khugepaged_exit(mm_struct* mm);

// MADV_COLLAPSE: each aligned 2 MiB of a range. 0, -EINVAL (something is not to
// be collapsed), -EAGAIN (a page is pinned), -ENOMEM (a hole).
sched::Task<int> madvise_collapse(mm_struct* mm, uint64_t start, uint64_t end);

// One aligned 2 MiB of a file: its pages become one, and every mm that mapped
// them faults it in again. 0, or -EINVAL (not aligned, not wholly inside the
// file, a page pinned, not a file with such pages).
sched::Task<int> collapse_file(address_space* file, uint64_t first_page);

}  // namespace mmfault::mm

#endif  // MMFAULT_SERVER_MM_KHUGEPAGED_H_
