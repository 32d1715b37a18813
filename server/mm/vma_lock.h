// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// vma_lock.h: locks of single VMAs, 6.4 and later.
//
// Models include/linux/mm.h:vma_start_read() and vma_start_write(): a fault
// holds its VMA for read and not mmap_lock. Who holds mmap_lock for write locks
// a VMA before changing it: he waits for its readers once, and until mmap_lock
// is dropped or downgraded nobody gets it, since its sequence equals the mm's.
// A reader never waits: he takes mmap_lock instead.
//
// Differs: a task holds at most one VMA, which is kept with the task, so a VMA
// needs no lock object; lockdep does not see these locks. In an era without
// them, writing is nothing and reading fails.

#ifndef MMFAULT_SERVER_MM_VMA_LOCK_H_
#define MMFAULT_SERVER_MM_VMA_LOCK_H_

#include "server/mm/mm_types.h"
#include "server/sched/task.h"

namespace mmfault::mm {

// Takes mmap_lock for write, as a system call that changes the map does: waits
// killably where the era does. 0 or -EINTR. VMAs locked before are free again.
sched::Task<int> mmap_write_lock(mm_struct* mm, const char* where);
sched::Task<> mmap_write_unlock(mm_struct* mm, const char* where);
// The map may be read by others, and VMAs locked, from now on.
sched::Task<> mmap_write_downgrade(mm_struct* mm, const char* where);

// A new time of mmap_lock for write begins: for who takes it without
// mmap_write_lock(). Requires it held for write.
void vma_start_write_all_again(mm_struct* mm);

// Nobody reads the VMA from here on. Requires mmap_lock for write. Sleeps.
sched::Task<> vma_start_write(vm_area_struct* vma);
// The same for one that nobody can have found yet.
void vma_mark_new(vm_area_struct* vma);

// The VMA at an address, locked for read, or null: take mmap_lock then.
sched::Task<vm_area_struct*> lock_vma_under_rcu(mm_struct* mm,
                                                uint64_t address);
sched::Task<> vma_end_read(vm_area_struct* vma);

}  // namespace mmfault::mm

#endif  // MMFAULT_SERVER_MM_VMA_LOCK_H_
