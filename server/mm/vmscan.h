// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// vmscan.h: taking pages away when memory is short.

#ifndef MMFAULT_SERVER_MM_VMSCAN_H_
#define MMFAULT_SERVER_MM_VMSCAN_H_

#include "server/mm/mm_types.h"
#include "server/sched/task.h"

namespace mmfault::mm {

// MADV_COLD and MADV_PAGEOUT of a part of one VMA: pages that only this pte
// maps are not young any more, and with `pageout` reclaimed. Requires mmap_sem.
sched::Task<> madvise_cold_or_pageout(vm_area_struct* vma, uint64_t start,
                                      uint64_t end, bool pageout);

}  // namespace mmfault::mm

#endif  // MMFAULT_SERVER_MM_VMSCAN_H_
