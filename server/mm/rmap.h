// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// rmap.h: from pages back to the VMAs that map them.
//
// Models mm/rmap.c and the i_mmap half of mm/mmap.c. Anonymous memory: before
// 2.6.34 the VMAs of a family share one anon_vma; since then each VMA has its
// own, tied to its ancestors' by chains, all under the root's lock. Which of
// the two is the Era's choice. Files: address_space->i_mmap, in the order of
// file offsets.
//
// Lock order: mmap_sem, i_mmap_lock, root->lock, page_table_lock.

#ifndef MMFAULT_SERVER_MM_RMAP_H_
#define MMFAULT_SERVER_MM_RMAP_H_

#include "server/mm/mm_types.h"
#include "server/sched/task.h"

namespace mmfault::mm {

// A file of `size_pages`, which may grow to `size_max`.
address_space* NewFile(uint64_t size_pages, uint64_t size_max);

// The lock of an anon_vma's family.
inline kernel::Lock* AnonLock(const anon_vma* av) { return &av->root->lock; }

// Gives a VMA its anon_vma at its first anonymous fault. Runs under mmap_sem
// held for READ: this is why mm_take_all_locks() needs it for write.
sched::Task<> anon_vma_prepare(vm_area_struct* vma);

// Ties `to` to all of `from`'s anon_vmas: for a split and for fork.
sched::Task<> anon_vma_clone(vm_area_struct* to, vm_area_struct* from);
// Fork: the child's VMA gets the parent's family, and since 2.6.34 an anon_vma
// of its own under the same root.
sched::Task<> anon_vma_fork(vm_area_struct* child, vm_area_struct* parent);
// Cuts a VMA from all its anon_vmas; frees those that nobody needs any more.
sched::Task<> unlink_anon_vmas(vm_area_struct* vma);

// A reason more to keep an anon_vma, and one less: the last one frees it, and
// then its root where that was its only user.
void get_anon_vma(anon_vma* av);
void put_anon_vma(anon_vma* av);

// Adds a file VMA to i_mmap, and takes it out. No-ops for anonymous VMAs.
sched::Task<> vma_link_file(vm_area_struct* vma);
sched::Task<> unlink_file_vma(vm_area_struct* vma);

// What anon_vma_prepare() and vma_link_file() do, without locks or steps: to
// set an mm up before its world moves. O(1) for ascending file offsets.
void AttachAnonVma(vm_area_struct* vma);
void LinkFileVma(vm_area_struct* vma);

// Takes or drops a rmap lock as a walker of this era does.
kernel::LockPoint RmapWalkLock(kernel::Lock* lock, const char* where);
kernel::UnlockPoint RmapWalkUnlock(kernel::Lock* lock, const char* where);

// Unmaps a page from every VMA that maps it, telling the notifiers of each mm:
// reclaim's half that matters here. The page becomes swapped out when it is
// anonymous. Requires a reference on the page; takes the rmap lock of its kind.
sched::Task<> try_to_unmap(page* p);

// Writeback of a shared file page: write-protects every pte that maps it.
sched::Task<> page_mkclean(page* p);

}  // namespace mmfault::mm

#endif  // MMFAULT_SERVER_MM_RMAP_H_
