// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// unlocked_flush.h: the mutant flush_without_lock.
//
// Threads: as the world.

#ifndef MMFAULT_SERVER_MM_UNLOCKED_FLUSH_H_
#define MMFAULT_SERVER_MM_UNLOCKED_FLUSH_H_

#include "server/kernel/mutant.h"
#include "server/mm/mm_types.h"
#include "server/sched/task.h"

namespace mmfault::mm {

inline bool FlushesWithoutLock() {
  return kernel::Mutated(kernel::Mutant::kFlushWithoutLock);
}

// Walks the notifiers for each page of [start, end) with no lock of the mm, as
// a TLB flush has called invalidate_range since 3.19. Nothing in an era that
// has no invalidate_page.
sched::Task<> FlushWithoutLock(mm_struct* mm, uint64_t start, uint64_t end);

}  // namespace mmfault::mm

#endif  // MMFAULT_SERVER_MM_UNLOCKED_FLUSH_H_
