// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/mm/khugepaged.h"

#include "server/kernel/errno.h"
#include "server/kernel/mutant.h"
#include "server/mm/fork.h"
#include "server/mm/huge_memory.h"
#include "server/mm/hugetlb.h"
#include "server/mm/page_table.h"
#include "server/mm/rmap.h"
#include "server/mm/vma.h"
#include "server/mm/vma_lock.h"

namespace mmfault::mm {
namespace {

enum class Scan : uint8_t {
  kSucceed,
  kPmdMapped,  // is one already
  kFail,       // this range cannot be; others can
  kPageCount,  // a page is pinned
  kStop,       // nor can the rest: no VMA there that allows it
};

// Rule: no huge page where the VMA says so, nor before the first write has
// given it an anon_vma. Kernel: mm/huge_memory.c:hugepage_vma_check(), v6.1.
// Differs: files are for CollapseFile alone.
bool MayCollapse(const vm_area_struct* vma) {
  return vma->vm_file == nullptr && vma->anon_vma != nullptr &&
         (vma->vm_flags & VM_NOHUGEPAGE) == 0;
}

// Kernel: mm/khugepaged.c:hugepage_vma_revalidate(), v6.1.
vm_area_struct* Revalidate(const mm_struct* mm, uint64_t address) {
  vm_area_struct* vma = find_vma(mm, address);
  const bool fits = vma != nullptr && transhuge_vma_suitable(vma, address) &&
                    MayCollapse(vma);
  return fits ? vma : nullptr;
}

// Rule: a page that somebody has pinned cannot move. Kernel: mm/khugepaged.c:
// is_refcount_suitable(), v6.1.
bool IsRefcountSuitable(const page* p) {
  const int64_t cache = p->swap != nullptr ? 1 : 0;
  return p->refcount.counter == p->mapcount + cache;
}

// Rule: a range with nothing writable in it is left alone (until 6.17).
// Kernel: mm/khugepaged.c:hpage_collapse_scan_pmd(), v6.1. Requires mmap_lock.
// Differs: one step.
sched::Task<Scan> hpage_collapse_scan_pmd(mm_struct* mm, uint64_t address) {
  co_await PtePoint(mm, address, "hpage_collapse_scan_pmd");
  if (LookupPte(mm, address).huge()) {
    co_return Scan::kPmdMapped;
  }
  if (HasNoTables(mm, address)) {
    co_return Scan::kFail;
  }
  bool writable = false;
  for (uint64_t i = 0; i < kHugePages; ++i) {
    const Pte pte = LookupPte(mm, address + i * kPageSize);
    const page* p = pte.target();
    writable = writable || pte.writable();
    if (p != nullptr && p != State()->zero_page && !IsRefcountSuitable(p)) {
      co_return Scan::kPageCount;
    }
  }
  co_return writable || !era().collapse_needs_writable ? Scan::kSucceed
                                                       : Scan::kFail;
}

// Rule: what is swapped out is read back first. Kernel: mm/khugepaged.c:
// __collapse_huge_page_swapin(), v6.1. Requires mmap_lock for read.
sched::Task<> SwapIn(mm_struct* mm, uint64_t address) {
  for (uint64_t i = 0; i < kHugePages; ++i) {
    const uint64_t at = address + i * kPageSize;
    vm_area_struct* vma = find_vma(mm, at);
    if (vma != nullptr && vma->vm_start <= at && LookupPte(mm, at).swapped()) {
      co_await handle_mm_fault(vma, at, {});
    }
  }
}

// Whether every entry is still to be collapsed, once nobody can fault or walk
// there. Kernel: mm/khugepaged.c:__collapse_huge_page_isolate(), v6.1.
bool Isolate(const detached_tables& tables) {
  for (uint64_t i = 0; i < kHugePages; ++i) {
    const Pte pte = DetachedPte(tables, i);
    const page* p = pte.target();
    const bool counts = p != nullptr && p != State()->zero_page;
    if (pte.swapped() || (counts && !IsRefcountSuitable(p))) {
      return false;
    }
  }
  return true;
}

// The old pages go to a batch, which frees them. Kernel: mm/khugepaged.c:
// __collapse_huge_page_copy(), v6.1.
void CopyAndFree(const detached_tables& tables, page* huge, mmu_gather* old) {
  for (uint64_t i = kHugePages; i-- > 0;) {
    page* p = DetachedPte(tables, i).target();
    if (p != nullptr) {
      huge->value = p->value.get();
      p->mapcount -= 1;
      tlb_remove_page(old, p);
    }
  }
  FreeDetachedTables(tables);
}

// Takes the tables away in a section of 2 MiB. Kernel: mm/khugepaged.c:
// collapse_huge_page(), v6.1. Rule: mmap_lock and the anon_vma's for write keep
// everybody off until the huge page is there; the range names no VMA.
sched::Task<detached_tables> pmdp_collapse_flush(mm_struct* mm,
                                                 uint64_t address) {
  mmu_notifier_range range = HugeRangeOf(mm, address, Event::kClear);
  range.vma = false;
  const bool silent = kernel::Mutated(kernel::Mutant::kCollapseUnannounced);
  if (!silent) {
    co_await NotifyRangeStart(&range);
  }
  co_await kernel::spin_lock(&mm->page_table_lock, "pmdp_collapse_flush");
  co_await PtePoint(mm, address, "pmdp_collapse_flush");
  const detached_tables tables = DetachTables(mm, address);
  co_await NotifyPteFlush(mm, range.start, range.end);
  co_await UnlockPageTable(mm, "pmdp_collapse_flush");
  if (!silent) {
    co_await NotifyRangeEnd(&range);
  }
  co_return tables;
}

// Requires mmap_lock for write.
sched::Task<Scan> CollapseLocked(mm_struct* mm, uint64_t address) {
  vm_area_struct* vma = Revalidate(mm, address);
  if (vma == nullptr || LookupPte(mm, address).huge() ||
      HasNoTables(mm, address)) {
    co_return Scan::kFail;
  }
  co_await vma_start_write(vma);
  page* huge = alloc_page(vma->anon_vma, true, linear_page_index(vma, address));
  huge->order = kHugeOrder;
  huge->exclusive = true;
  huge->mapcount = 1;
  kernel::Lock* lock = AnonLock(vma->anon_vma);
  mmu_gather old;
  co_await kernel::lock(lock, "collapse_huge_page");
  const detached_tables tables = co_await pmdp_collapse_flush(mm, address);
  const bool good = Isolate(tables);
  if (!good) {
    AttachTables(mm, address, tables);
  }
  co_await kernel::unlock(lock, "collapse_huge_page");
  if (!good) {
    huge->mapcount = 0;
    co_await put_page(huge);
    co_return Scan::kPageCount;
  }
  CopyAndFree(tables, huge, &old);
  co_await tlb_finish_mmu(&old);
  const bool may_write = (vma->vm_flags & VM_WRITE) != 0;
  co_await PtePoint(mm, address, "collapse_huge_page");
  SetHugePte(mm, address,
             Pte(huge, Pte::kHuge | Pte::kYoung | Pte::kDirty |
                           (may_write ? Pte::kWritable : 0)));
  co_return Scan::kSucceed;
}

// Rule: mmap_lock is dropped for the allocation, taken for read to swap in, and
// then for write. Kernel: mm/khugepaged.c:collapse_huge_page(), v6.1. Requires
// mmap_lock for read, and drops it.
sched::Task<Scan> collapse_huge_page(mm_struct* mm, uint64_t address) {
  co_await SwapIn(mm, address);
  co_await kernel::up_read(&mm->mmap_sem, "collapse_huge_page");
  co_await kernel::down_write(&mm->mmap_sem, "collapse_huge_page");
  vma_start_write_all_again(mm);
  const Scan result = co_await CollapseLocked(mm, address);
  co_await mmap_write_unlock(mm, "collapse_huge_page");
  co_return result;
}

// One aligned 2 MiB; mmap_lock is taken and dropped.
sched::Task<Scan> CollapseOne(mm_struct* mm, uint64_t address) {
  co_await kernel::down_read(&mm->mmap_sem, "madvise_collapse");
  Scan result = Scan::kStop;
  if (Revalidate(mm, address) != nullptr) {
    result = co_await hpage_collapse_scan_pmd(mm, address);
  }
  if (result == Scan::kSucceed) {
    result = co_await collapse_huge_page(mm, address);
    co_return result;
  }
  co_await kernel::up_read(&mm->mmap_sem, "madvise_collapse");
  co_return result;
}

// Rule: 0 only when every 2 MiB of the VMA's part is a huge page now; the last
// one that is not says why. Kernel: mm/khugepaged.c:madvise_collapse(), v6.1.
// An mm_count keeps the struct while mmap_lock is not held.
sched::Task<int> CollapseVma(mm_struct* mm, uint64_t start, uint64_t end) {
  co_await mmgrab(mm);
  const uint64_t last = HugeStart(end);
  int rc = 0;
  bool stopped = false;
  for (uint64_t at = HugeStart(start + kHugeSize - 1); at < last && !stopped;
       at += kHugeSize) {
    const Scan result = co_await CollapseOne(mm, at);
    if (result == Scan::kPageCount) {
      rc = -EAGAIN;
    } else if (result != Scan::kSucceed && result != Scan::kPmdMapped) {
      rc = -EINVAL;
    }
    stopped = result == Scan::kStop;
  }
  co_await mmdrop(mm);
  co_return rc;
}

// --- Files -------------------------------------------------------------------

// Rule: each page leaves every mm, in sections of its own, before it is
// replaced. Kernel: mm/khugepaged.c:collapse_file(), v6.1. False: somebody has
// one of them pinned.
sched::Task<bool> UnmapPages(address_space* file, uint64_t first) {
  for (uint64_t i = first; i < first + kHugePages; ++i) {
    page* p = file->pages[i];
    if (p == nullptr) {
      continue;
    }
    get_page(p);
    co_await try_to_unmap(p);
    const bool free = p->refcount.counter == 2 && p->mapcount == 0;
    co_await put_page(p);
    if (!free) {
      co_return false;
    }
  }
  co_return true;
}

// The huge page takes the place of the small ones, of which it has a reference
// per page. Returns those that are to be freed.
void ReplacePages(address_space* file, uint64_t first, mmu_gather* old) {
  page* huge = alloc_page(file, false, first);
  huge->order = kHugeOrder;
  huge->refcount.counter = static_cast<int32_t>(kHugePages);
  for (uint64_t i = first; i < first + kHugePages; ++i) {
    page* p = file->pages[i];
    if (p != nullptr) {
      huge->value = p->value.get();
      tlb_remove_page(old, p);
    }
    file->pages[i] = huge;
  }
}

bool Pinned(address_space* file, uint64_t first) {
  for (uint64_t i = first; i < first + kHugePages; ++i) {
    const page* p = file->pages[i];
    if (p != nullptr && (p->refcount.counter != 1 || p->mapcount != 0)) {
      return true;
    }
  }
  return false;
}

// Drops what a table maps, then the table. Kernel: mm/khugepaged.c:
// collapse_and_free_pmd(), v6.1.192. Rule: this too is announced, although the
// pages were unmapped before: a fault may have mapped the huge page since
// (P59, CVE-2022-48991).
sched::Task<> collapse_and_free_pmd(mm_struct* mm, uint64_t address) {
  const detached_tables tables = co_await pmdp_collapse_flush(mm, address);
  mmu_gather gone;
  for (uint64_t i = 0; i < kHugePages; ++i) {
    page* p = DetachedPte(tables, i).target();
    if (p != nullptr) {
      p->mapcount -= 1;
      tlb_remove_page(&gone, p);
    }
  }
  FreeDetachedTables(tables);
  co_await tlb_finish_mmu(&gone);
}

// Rule: a table is only retracted where the VMA covers all of it and nothing
// private is in it; until 6.4 mmap_lock for write is needed, and only tried
// for, because i_mmap is held already. Kernel: mm/khugepaged.c:
// retract_page_tables(), v6.1 and v6.5. Differs: with private copies the table
// stays in either.
sched::Task<> RetractOne(vm_area_struct* vma, uint64_t first) {
  if (vma->anon_vma != nullptr || vma->vm_pgoff > first) {
    co_return;
  }
  mm_struct* mm = vma->vm_mm;
  const uint64_t address =
      vma->vm_start + ((first - vma->vm_pgoff) << kPageShift);
  if (address % kHugeSize != 0 || vma->vm_end < address + kHugeSize ||
      HasNoTables(mm, address)) {
    co_return;
  }
  if (era().retracts_without_mmap_lock) {
    co_await collapse_and_free_pmd(mm, address);
    co_return;
  }
  const bool locked = co_await kernel::TryLockPoint(&mm->mmap_sem, false,
                                                    "retract_page_tables");
  if (locked) {
    vma_start_write_all_again(mm);
    co_await collapse_and_free_pmd(mm, address);
    co_await mmap_write_unlock(mm, "retract_page_tables");
  }
}

// Kernel: mm/khugepaged.c:retract_page_tables(), v6.1.
sched::Task<> retract_page_tables(address_space* file, uint64_t first) {
  kernel::Lock* lock = &file->i_mmap_lock;
  const bool read = era().retracts_without_mmap_lock && era().rmap_walk_reads;
  co_await kernel::LockPoint(lock, read, kernel::Wait::kUninterruptible,
                             kernel::Nest::kNo, "retract_page_tables");
  for (vm_area_struct* vma = file->i_mmap; vma != nullptr;
       vma = vma->shared_next) {
    co_await RetractOne(vma, first);
  }
  co_await kernel::UnlockPoint(lock, read, "retract_page_tables");
}

}  // namespace

// Rule: khugepaged's list counts the struct of the mm once. Kernel:
// mm/khugepaged.c:khugepaged_enter_vma(), __khugepaged_enter(), v6.1.
sched::Task<> khugepaged_enter_vma(vm_area_struct* vma) {
  mm_struct* mm = vma->vm_mm;
  const uint64_t first = HugeStart(vma->vm_start + kHugeSize - 1);
  if ((mm->flags & MMF_VM_HUGEPAGE) != 0 || !MayCollapse(vma) ||
      first + kHugeSize > vma->vm_end) {
    co_return;
  }
  mm->flags |= MMF_VM_HUGEPAGE;
  co_await mmgrab(mm);
}

// Kernel: mm/khugepaged.c:__khugepaged_exit(), v6.1. Differs: the daemon is
// never in the middle of the mm, so it need not be waited for.
sched::Task<> khugepaged_exit(mm_struct* mm) {
  if (HasFlag(mm, MMF_VM_HUGEPAGE)) {
    mm->flags &= ~MMF_VM_HUGEPAGE;
    co_await mmdrop(mm);
  }
}

// Kernel: mm/khugepaged.c:madvise_collapse(), v6.1.
sched::Task<int> madvise_collapse(mm_struct* mm, uint64_t start, uint64_t end) {
  if (!era().huge_pages) {
    co_return -EINVAL;
  }
  int rc = 0;
  uint64_t at = start;
  while (at < end) {
    co_await kernel::down_read(&mm->mmap_sem, "do_madvise");
    const vm_area_struct* vma = find_vma(mm, at);
    const bool found = vma != nullptr && vma->vm_start < end;
    const uint64_t from =
        found && vma->vm_start > at ? vma->vm_start.get() : at;
    const uint64_t to = found && vma->vm_end < end ? vma->vm_end.get() : end;
    const bool may = found && MayCollapse(vma);
    co_await kernel::up_read(&mm->mmap_sem, "do_madvise");
    if (!found) {
      co_return -ENOMEM;
    }
    rc = from > at ? -ENOMEM : rc;
    int error = -EINVAL;
    if (may) {
      error = co_await CollapseVma(mm, from, to);
    }
    if (error != 0) {
      co_return error;
    }
    at = to;
  }
  co_return rc;
}

// Kernel: mm/khugepaged.c:collapse_file(), v6.1. Differs: only what other page
// tables can tell is modelled.
sched::Task<int> collapse_file(address_space* file, uint64_t first_page) {
  const bool may = era().huge_pages && file->kind == FileKind::kShmem &&
                   first_page % kHugePages == 0 &&
                   first_page + kHugePages <= file->size_pages;
  if (!may) {
    co_return -EINVAL;
  }
  const page* head = file->pages[first_page];
  if (head == nullptr || head->order != kHugeOrder) {
    mmu_gather old;
    const bool unmapped = co_await UnmapPages(file, first_page);
    // Faults come through the page cache, whose entries are frozen by now; here
    // they are looked at and replaced in one step.
    if (!unmapped || Pinned(file, first_page)) {
      co_return -EINVAL;
    }
    ReplacePages(file, first_page, &old);
    co_await tlb_finish_mmu(&old);
  }
  co_await retract_page_tables(file, first_page);
  co_return 0;
}

}  // namespace mmfault::mm
