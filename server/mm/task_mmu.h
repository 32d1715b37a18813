// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// task_mmu.h: /proc/pid/clear_refs.
//
// Models fs/proc/task_mmu.c:clear_refs_write(), 6.1 and later.

#ifndef MMFAULT_SERVER_MM_TASK_MMU_H_
#define MMFAULT_SERVER_MM_TASK_MMU_H_

#include "server/mm/mm_types.h"
#include "server/sched/task.h"

namespace mmfault::mm {

enum class ClearRefs : uint8_t {
  kReferenced,  // the accessed bits
  kSoftDirty,   // every write faults again
};

// 0, -EINTR, -EINVAL (soft-dirty bits before 6.1), -ESRCH (no users).
sched::Task<int> clear_refs_write(mm_struct* mm, ClearRefs what);

}  // namespace mmfault::mm

#endif  // MMFAULT_SERVER_MM_TASK_MMU_H_
