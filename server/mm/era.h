// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// era.h: where the notifier hooks sit, which differs from era to era.
//
// mm/ performs the operations; a protocol owns an Era and says which hook is
// called, where, and what the surrounding code of its day did differently. mm/
// has no `if (protocol)`: it asks the table. A null hook is not called.
//
// Threads: an Era is constant; worlds share it.

#ifndef MMFAULT_SERVER_MM_ERA_H_
#define MMFAULT_SERVER_MM_ERA_H_

#include <cstdint>

#include "server/mm/mm_types.h"
#include "server/sched/task.h"

namespace mmfault::mm {

// Why a range is invalidated: enum mmu_notifier_event, 5.0 and later.
enum class Event : uint8_t {
  kUnmap = 0,
  kClear = 1,
  kProtectionVma = 2,
  kProtectionPage = 3,
  kSoftDirty = 4,
  kRelease = 5,
  kMigrate = 6,
  kExclusive = 7,
};
const char* EventName(Event event);

// struct mmu_notifier_range. Lives in the caller's frame.
struct mmu_notifier_range {
  mm_struct* mm;
  uint64_t start;
  uint64_t end;
  Event event;
  bool blockable;
  // range->vma was set (until 6.2): the range is of one VMA.
  bool vma = false;
  // Who asked for it (MIGRATE, EXCLUSIVE): a driver may skip its own.
  void* owner = nullptr;
  // What was asked for, where it was widened (hugetlb, THP); 0, 0: all of it.
  uint64_t asked_start = 0;
  uint64_t asked_end = 0;
};

// How sites that change one pte under rmap locks or the page table lock
// announce it.
enum class PageHook : uint8_t {
  kInvalidatePage,  // after the pte is cleared, before the page is freed
  kStartEnd,        // invalidate_start before, invalidate_end after
};

struct Era {
  const char* name;

  // The hooks. All of them are called with `mm` alive as a struct.
  //
  // 0; -EAGAIN only for a range that is not blockable: then nothing was begun,
  // and the caller must call no end.
  sched::Task<int> (*invalidate_range_start)(mmu_notifier_range* range);
  sched::Task<> (*invalidate_range_end)(mmu_notifier_range* range);
  // Only where page_hook is kInvalidatePage. Atomic: under a spinlock.
  sched::Task<> (*invalidate_page)(mm_struct* mm, uint64_t address);
  // Whether the device used the range lately. Atomic.
  sched::Task<int> (*clear_flush_young)(mm_struct* mm, uint64_t start,
                                        uint64_t end);
  // exit_mmap() is about to tear the mm down. No lock is held.
  sched::Task<> (*release)(mm_struct* mm);
  // mm_alloc(): sets up the list. Never fails, never sleeps.
  void (*mm_init)(mm_struct* mm);
  // __mmdrop(): frees what mm_init or the first registration made.
  sched::Task<> (*mm_destroy)(mm_struct* mm);
  // Whether anybody is registered; one plain read.
  bool (*mm_has_notifiers)(const mm_struct* mm);

  // The rest are null where the era has no such hook.
  //
  // As invalidate_range_end, where the site has called invalidate_range itself
  // (3.19 to 6.5); later the same as invalidate_range_end.
  sched::Task<> (*invalidate_range_only_end)(mmu_notifier_range* range) =
      nullptr;
  // 3.19 to 6.5: the primary TLB was flushed; a device that shares the page
  // tables flushes its own. Atomic where the site holds the page table lock.
  sched::Task<> (*invalidate_range)(mm_struct* mm, uint64_t start,
                                    uint64_t end) = nullptr;
  // 6.6 and later: arch_invalidate_secondary_tlbs(), from the TLB flush itself,
  // so only where a present page was unmapped. Atomic.
  sched::Task<> (*secondary_tlb_flush)(mm_struct* mm, uint64_t start,
                                       uint64_t end) = nullptr;
  // Until 6.9: the pte at an address is about to map another page, or the same
  // one read-only (KSM, copy on write). Atomic: under the page table lock.
  sched::Task<> (*change_pte)(mm_struct* mm, uint64_t address,
                              page* target) = nullptr;
  // Idle tracking: was the range used? Clears, or only asks. Atomic.
  sched::Task<int> (*clear_young)(mm_struct* mm, uint64_t start,
                                  uint64_t end) = nullptr;
  sched::Task<int> (*test_young)(mm_struct* mm, uint64_t address) = nullptr;

  PageHook page_hook;

  // munmap: are the pages freed before range_end? (v11's unmap_region: yes.)
  bool unmap_frees_before_end;
  // zap_page_range (DONTNEED, truncate): are they? (v11: range_end comes
  // first.)
  bool zap_frees_before_end;
  // exit_mmap takes mmap_sem and fires UNMAP over everything (modern).
  bool exit_mmap_locks;
  // A failed copy_page_range() of fork skips range_end (v11's bug, P44).
  bool fork_error_skips_end;
  // The list is walked and changed under no protection but the mm's own locks:
  // registration takes all of them, each walker must hold one.
  bool list_needs_mm_lock = false;
  // One anon_vma per VMA with a shared root, tied by chains (2.6.34 and later).
  bool anon_vma_chains;
  // munmap and mmap wait for mmap_sem killably (4.7 and later).
  bool killable;
  // rmap walkers take the i_mmap and anon_vma locks for read (3.8/3.19 on).
  bool rmap_walk_reads;

  // What the operations of mm/ did differently; false and 0: as in 2.6.25.
  //
  // range->vma is set (5.0 to 6.2): RangeOf() says so.
  bool range_names_vma = false;
  // munmap, a shrinking brk and mremap turn mmap_lock into a read lock before
  // anything is unmapped (4.20 and later).
  bool munmap_downgrades = false;
  // mprotect announces what is populated: from the first populated pmd to the
  // end of the pud (3.15 and later), from the first populated pud to the end of
  // its p4d (6.12 and later). kWhole: always, all of it.
  enum class Protect : uint8_t { kWhole, kPmd, kPud };
  Protect mprotect = Protect::kWhole;
  // mremap announces each stretch of at most 64 pages by itself (until 3.1).
  bool mremap_by_stretch = true;
  // do_wp_page() announces by start and end although page_hook is
  // kInvalidatePage (3.7 to 4.13).
  bool cow_by_range = false;
  // A read of untouched memory maps the zero page (but 2.6.24 to 2.6.31).
  bool zero_page = false;
  // Pages of the page cache around a read fault are mapped with it, in this
  // power of two (16 since 3.15); 0: none.
  uint32_t fault_around_pages = 0;
  // PageAnonExclusive: who owns a page alone may write to it whatever its
  // reference count (5.19 and later).
  bool anon_exclusive = false;
  // Faults hold the lock of their VMA instead of mmap_lock (6.4 and later);
  // DONTNEED and FREE within one VMA do (7.3).
  bool per_vma_locks = false;
  bool madvise_vma_lock = false;
  // MADV_PAGEOUT first asks whether a page is young (until 6.7).
  bool pageout_asks_young = false;
  // A dirty page of a file is flushed under the page table lock (until 6.1).
  bool flushes_dirty_early = false;
  // The kernel was configured so that FOLL_FORCE is refused to /proc/pid/mem.
  bool refuses_foll_force = false;

  // Transparent huge pages, KSM, soft-dirty bits, the OOM reaper and
  // process_mrelease() are there, as in 6.1 and later; each of them is older,
  // but what it did before is not modelled.
  bool huge_pages = false;
  // mprotect makes an exclusive huge page writable at once (6.2 and later);
  // else the next write does.
  bool huge_protect_upgrades = false;
  // MADV_COLLAPSE refuses a range with nothing writable in it (until 6.17).
  bool collapse_needs_writable = false;
  // A write to the huge zero page gets a huge page (6.13 and later); else the
  // entry is split.
  bool huge_zero_page_cow = false;
  // Who unmaps a huge page to split it splits its entry inside the section that
  // takes the ptes away (6.16 and later); else in one of its own before that.
  bool splits_in_rmap_section = false;
  // retract_page_tables() holds i_mmap alone, and private copies do not stop it
  // (6.5 and later); else mmap_lock for write too, if it can be had.
  bool retracts_without_mmap_lock = false;
  // The reaper says CLEAR and begins with the highest VMA (6.18 and later);
  // before, UNMAP and the lowest.
  bool reaps_backwards = false;
};

}  // namespace mmfault::mm

#endif  // MMFAULT_SERVER_MM_ERA_H_
