// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// cow.h: a write to a page that is mapped and not writable.

#ifndef MMFAULT_SERVER_MM_COW_H_
#define MMFAULT_SERVER_MM_COW_H_

#include "server/mm/mm_types.h"
#include "server/sched/task.h"

namespace mmfault::mm {

// Makes a pte writable that maps `p`, or maps a copy instead where others may
// see the page. Requires mmap_sem or the lock of the VMA. Sleeps.
sched::Task<> do_wp_page(vm_area_struct* vma, uint64_t address, page* p);

}  // namespace mmfault::mm

#endif  // MMFAULT_SERVER_MM_COW_H_
