// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// migrate.h: moving pages to other memory.
//
// Models mm/migrate.c as far as move_pages() of one's own pages goes. Left out:
// migration to device memory (migrate_vma), NUMA hints, device-exclusive ptes.

#ifndef MMFAULT_SERVER_MM_MIGRATE_H_
#define MMFAULT_SERVER_MM_MIGRATE_H_

#include "server/mm/mm_types.h"
#include "server/sched/task.h"

namespace mmfault::mm {

// move_pages(MPOL_MF_MOVE) of every page of a range that is present and mapped
// once; the others stay where they are, and so does one that is pinned. 0,
// -ESRCH (no users). Sleeps.
sched::Task<int> do_pages_move(mm_struct* mm, uint64_t start, uint64_t end);

}  // namespace mmfault::mm

#endif  // MMFAULT_SERVER_MM_MIGRATE_H_
