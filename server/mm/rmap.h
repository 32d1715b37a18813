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
address_space* NewFile(uint64_t size_pages, uint64_t size_max,
                       FileKind kind = FileKind::kShmem);

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

// Where a VMA would map a page, if it does cover its index; the first of a huge
// page's that it covers.
bool vma_address(const vm_area_struct* vma, const page* p, uint64_t* address);

// One VMA that may map a page; the caller of rmap_walk() goes on.
using RmapOne = sched::Task<> (*)(vm_area_struct* vma, page* p,
                                  uint64_t address, void* arg);
// Calls `one` for each VMA that covers the page's index, under the rmap lock of
// the page's kind, until `done` (may be null). Requires a reference.
sched::Task<> rmap_walk(page* p, RmapOne one, bool (*done)(const page* p),
                        void* arg);

// Whether anybody has used a page lately: asks the notifiers of each mm that
// maps it. The accessed bits of the ptes are cleared and do not count.
sched::Task<bool> folio_referenced(page* p);

// Unmaps a page from every VMA that maps it, telling the notifiers of each mm.
// An anonymous page must be in the swap cache, or lazyfree. Requires a
// reference on the page.
sched::Task<> try_to_unmap(page* p);

// Writeback of a shared file page: write-protects every pte that maps it. True:
// some pte was dirty or writable.
sched::Task<bool> page_mkclean(page* p);

}  // namespace mmfault::mm

#endif  // MMFAULT_SERVER_MM_RMAP_H_
