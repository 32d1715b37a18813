// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// madvise.h: what each kind of advice does VMA by VMA.

#ifndef MMFAULT_SERVER_MM_MADVISE_H_
#define MMFAULT_SERVER_MM_MADVISE_H_

#include <cstdint>

#include "server/mm/mm_types.h"
#include "server/sched/task.h"

namespace mmfault::mm {

// What is done to the part [start, end) of a VMA: 0, or the error that ends the
// walk. It may let go of mmap_lock, and split or merge the VMA.
using VisitVma = sched::Task<int> (*)(vm_area_struct* vma, uint64_t start,
                                      uint64_t end, uint64_t arg);

// Visits the VMAs of [start, end) in the order of addresses; `arg` is handed
// through. -ENOMEM when the range has a hole: the rest is done.
// Requires mmap_lock, for read or write as `visit` asks.
sched::Task<int> madvise_walk_vmas(mm_struct* mm, uint64_t start, uint64_t end,
                                   uint64_t arg, VisitVma visit);

}  // namespace mmfault::mm

#endif  // MMFAULT_SERVER_MM_MADVISE_H_
