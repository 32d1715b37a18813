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

#include <array>
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
  Cell<struct swap_entry*> swap;  // it is in the swap cache as this
  Cell<bool> anonymous;
  Cell<bool> exclusive;  // PageAnonExclusive: one pte's alone
  Cell<bool> lazyfree;   // MADV_FREE: reclaim drops it
  Cell<bool> dirty;      // of a file on a disk: to be written back
  // 9: a folio of kHugePages pages that is one page here: one reference count,
  // one number, and the index of its first. 0: 4096 bytes.
  Cell<uint8_t> order;
  Cell<uint8_t> value;  // the byte that fills it; of a folio: the last written
  Cell<bool> hugetlb;   // PageHuge: of a hugetlb file
  Cell<struct ksm_stable_node*> ksm;  // PageKsm: the node it is shared by
};

// A place in the swap area: ptes refer to it, and a page that was read back or
// not yet let go.
struct swap_entry {
  Object object;
  Cell<uint32_t> count;  // ptes
  Cell<page*> cached;    // one reference of it; null when it is only on disk
  Cell<uint8_t> value;   // page::value
};

inline constexpr uint8_t kHugeOrder = 9;
inline constexpr uint64_t kHugePages = uint64_t{1} << kHugeOrder;
inline constexpr uint64_t kHugeSize = kHugePages << kPageShift;

// What is below a page cache.
enum class FileKind : uint8_t {
  kShmem = 0,  // swapped out, never written back
  kDisk = 1,   // written back
  kRam = 2,    // never taken away
  kHugetlb = 3,
};

// A file's reverse map and page cache.
struct address_space {
  Object object;
  kernel::Lock i_mmap_lock;      // spinlock; mutex from 3.0; rwsem from 3.19
  Cell<vm_area_struct*> i_mmap;  // i_mmap_lock; by file offset, then age
  Cell<vm_area_struct*> i_mmap_last;
  Cell<uint64_t> flags;              // AS_*
  Cell<uint64_t> size_pages;         // a partial last page counts
  Cell<kernel::Cell<page*>*> pages;  // page cache, size_max entries
  uint64_t size_max;
  FileKind kind;  // constant
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
  Object object;  // spare: mm_lock_seq when it was locked for write
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
inline constexpr uint64_t VM_DONTCOPY = 0x20000;
inline constexpr uint64_t VM_HUGEPAGE = 0x20000000;
inline constexpr uint64_t VM_NOHUGEPAGE = 0x40000000;
inline constexpr uint64_t VM_MERGEABLE = 0x80000000;
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

  Cell<uint32_t> flags;      // MMF_*; atomic bits in the kernel
  Cell<struct ksm_mm*> ksm;  // its slot with ksmd; null: none

  Cell<uint64_t> start_brk;  // 0: no heap
  Cell<uint64_t> brk;        // mmap_sem

  // Per-VMA locks (mm/vma_lock.h).
  Cell<uint32_t> mm_lock_seq;  // mmap_sem for write
  sched::WaitSet vma_waiters;

  // Owned by the protocol: its list head or its subscriptions object.
  Cell<void*> subscriptions;

  Cell<mm_struct*> mms_next;  // ours: MmState::mms

  ObjKey users_key() const { return object.key(1); }
  ObjKey count_key() const { return object.key(2); }
};

// The memory is free, or all but: the reaper keeps off.
inline constexpr uint32_t MMF_OOM_SKIP = 1U << 0;
// Its memory was taken away under it: what faults in is no longer its own.
inline constexpr uint32_t MMF_UNSTABLE = 1U << 1;
// khugepaged holds an mm_count of it.
inline constexpr uint32_t MMF_VM_HUGEPAGE = 1U << 2;

// One bit of many: who sets or asks for another does not matter.
inline void SetFlag(mm_struct* mm, uint32_t flag) {
  const trace::AccessPause pause;
  mm->flags |= flag;
}
inline bool HasFlag(const mm_struct* mm, uint32_t flag) {
  const trace::AccessPause pause;
  return (mm->flags & flag) != 0;
}

// What a task is in the middle of, for mm/announce.h and mm/vma_lock.h.
struct open_section {
  Cell<mm_struct*> mm;
  Cell<uint64_t> start;
  Cell<uint64_t> end;
};
inline constexpr uint32_t kMaxOpenSections = 3;
struct task_sections {
  Cell<uint32_t> count;
  std::array<open_section, kMaxOpenSections> open;  // innermost last
  Cell<mm_struct*> page_mm;     // a pte was changed and invalidate_page is
  Cell<uint64_t> page_address;  // still to come
  Cell<vm_area_struct*> vma;    // whose lock it holds for read
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
  Cell<mm_struct*> mms;         // every mm that is not freed, newest first
  Cell<page*> zero_page;        // what a read of untouched memory maps
  Cell<struct ksm_state*> ksm;  // from the first MADV_MERGEABLE on
  std::array<task_sections, sched::kMaxTasks> sections;
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
