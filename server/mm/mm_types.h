// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// mm_types.h: the address space and what hangs off it.
//
// Models include/linux/mm_types.h, fs.h and rmap.h as far as notifiers can
// tell: VMAs in address order, reverse maps of anonymous memory and of files,
// page tables, pages with a reference count, mm_users and mm_count. Left out:
// NUMA policy, memory cgroups, rss counters, userfaultfd, locked memory.
//
// Addresses are bytes; page indexes and lengths are pages of 4096 bytes.
// Several mms of one world share files, anon_vma roots and pages.
//
// Lock order (mm/rmap.c): mmap_sem, i_mmap_lock, anon_vma->root->lock,
// page_table_lock. Which lock guards a field is said at the field.

#ifndef MMFAULT_SERVER_MM_MM_TYPES_H_
#define MMFAULT_SERVER_MM_MM_TYPES_H_

#include <cstdint>

#include "server/kernel/lock.h"
#include "server/kernel/refcount.h"
#include "server/kernel/wait.h"
#include "server/sched/object.h"

namespace mmfault::mm {

using kernel::ObjKey;
using kernel::ObjType;
using sched::Object;
using trace::Cell;

inline constexpr uint64_t kPageShift = 12;
inline constexpr uint64_t kPageSize = uint64_t{1} << kPageShift;
inline constexpr uint64_t kTaskSize = uint64_t{1} << 47;

struct mm_struct;
struct vm_area_struct;
struct anon_vma;
struct Era;

// A page of memory. Freed when refcount reaches 0; its number (object.id) is
// its generation, since numbers are never reused.
struct page {
  Object object;
  kernel::atomic_t refcount;
  Cell<uint32_t> mapcount;  // ptes that map it
  Cell<uint32_t>
      spte_count;        // device mappings of it: must be 0 when it is freed
  Cell<uint64_t> index;  // page offset in its mapping or anon_vma
  Cell<void*> mapping;   // address_space*, or anon_vma* if anonymous
  Cell<bool> anonymous;
};

// A file's reverse map and page cache.
struct address_space {
  Object object;
  kernel::Lock i_mmap_lock;      // spinlock; mutex from 3.0; rwsem from 3.19
  Cell<vm_area_struct*> i_mmap;  // i_mmap_lock; by file offset, then age
  Cell<vm_area_struct*> i_mmap_last;
  Cell<uint64_t> flags;  // AS_*
  Cell<uint64_t> size_pages;
  Cell<kernel::Cell<page*>*> pages;  // page cache, size_max entries
  uint64_t size_max;
};
inline constexpr uint64_t AS_MM_ALL_LOCKS = 1;

// One object per anonymous family of VMAs; `root` carries the lock since
// 2.6.37, before that each carries its own (root == this).
struct anon_vma {
  Object object;  // spare: nothing
  kernel::Lock lock;
  Cell<anon_vma*> root;
  Cell<struct anon_vma_chain*> head;  // root->lock
  Cell<int32_t> refcount;    // chains, and children that share the lock
  Cell<uint32_t> all_locks;  // the LSB of rb_root that mm_take_all_locks sets
};

// Ties a VMA to an anon_vma. Before 2.6.34 a VMA has at most one.
struct anon_vma_chain {
  Object object;
  Cell<vm_area_struct*> vma;
  Cell<mm::anon_vma*> av;
  Cell<anon_vma_chain*> same_vma;       // mmap_sem
  Cell<anon_vma_chain*> same_anon_vma;  // root->lock
  Cell<anon_vma_chain*> prev_same_anon_vma;
};

struct vm_area_struct {
  Object object;
  Cell<uint64_t> vm_start;
  Cell<uint64_t> vm_end;
  Cell<mm_struct*> vm_mm;
  Cell<vm_area_struct*> vm_next;  // mmap_sem
  Cell<vm_area_struct*> vm_prev;
  Cell<vm_area_struct*> tree_left;  // mmap_sem; a treap by vm_start
  Cell<vm_area_struct*> tree_right;
  Cell<uint64_t> vm_flags;
  Cell<address_space*> vm_file;  // null: anonymous
  Cell<uint64_t> vm_pgoff;
  Cell<mm::anon_vma*> anon_vma;
  Cell<mm::anon_vma_chain*> anon_vma_chain;
  Cell<vm_area_struct*> shared_next;  // i_mmap_lock
  Cell<vm_area_struct*> shared_prev;
};

inline constexpr uint64_t VM_READ = 0x1;
inline constexpr uint64_t VM_WRITE = 0x2;
inline constexpr uint64_t VM_SHARED = 0x8;
// Bits of the seed's proposal: the class I (i_mmap) or class A (anon_vma) lock
// of this VMA was taken through it.
inline constexpr uint64_t VM_MM_LOCK_I = uint64_t{1} << 40;
inline constexpr uint64_t VM_MM_LOCK_A = uint64_t{1} << 41;

// How far the end of an mm has come.
enum class ExitPhase : uint8_t {
  kLive = 0,
  kReleasing = 1,
  kUnmapping = 2,
  kFreeing = 3,
  kDead = 4,  // the struct may live on while mm_count is above 0
};

struct page_table;

struct mm_struct {
  Object object;
  Cell<vm_area_struct*> mmap;     // mmap_sem; first VMA
  Cell<vm_area_struct*> mm_rb;    // mmap_sem; root of the treap
  Cell<uint64_t> map_count;       // mmap_sem
  kernel::rw_semaphore mmap_sem;  // mmap_lock since 5.8
  kernel::spinlock_t page_table_lock;
  Cell<page_table*> pgd;  // page_table_lock
  kernel::atomic_t mm_users;
  kernel::atomic_t mm_count;
  Cell<ExitPhase> exit_phase;
  // mm_lock marks (VM_MM_LOCK_*, AS_MM_ALL_LOCKS, the anon_vma LSB) that are
  // set on behalf of this mm: 0 whenever nobody is inside mm_lock.
  Cell<int64_t> lock_marks;

  // ForceTeardown(FORCE): how many later mmput() calls are absorbed.
  Cell<uint32_t> revoked_pins;
  // ForceTeardown(KILL): users that belong to no task and are still to be put.
  Cell<uint32_t> orphan_users;

  // Owned by the protocol: its list head or its subscriptions object.
  Cell<void*> subscriptions;

  Cell<mm_struct*> mms_next;  // ours: MmState::mms

  ObjKey users_key() const { return object.key(1); }
  ObjKey count_key() const { return object.key(2); }
};

// The notifier of a device that maps the page; none when nobody knows.
using SpteOwnerFn = ObjKey (*)(sched::World* world, const page* p);

// The simulated machine below the protocols, one per world.
struct MmState {
  Object object;
  const Era* era;  // constant over the world's life
  // Constant, too; installed by the layer that knows devices, for reports.
  SpteOwnerFn spte_owner;
  Cell<uint64_t> pages_live;
  Cell<mm_struct*> mms;   // every mm that is not freed, newest first
  Cell<page*> zero_page;  // what a read of untouched memory maps
};

inline MmState* State() {
  return static_cast<MmState*>(kernel::ThisWorld()->state().machine.get());
}
// Which Era the world's mms follow (mm/era.h).
inline const Era& era() { return *State()->era; }

// Creates the state; call once per world, inside a Scope, after InitKernel.
void InitMm(sched::World* world, const Era* era);

}  // namespace mmfault::mm

#endif  // MMFAULT_SERVER_MM_MM_TYPES_H_
