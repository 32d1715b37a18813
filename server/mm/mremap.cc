// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/kernel/errno.h"
#include "server/kernel/mutant.h"
#include "server/mm/huge_memory.h"
#include "server/mm/hugetlb.h"
#include "server/mm/memory.h"
#include "server/mm/mmap.h"
#include "server/mm/page_table.h"
#include "server/mm/rmap.h"
#include "server/mm/vma.h"
#include "server/mm/vma_lock.h"

namespace mmfault::mm {
namespace {

constexpr uint64_t kStretch = kPageSize << 6;  // LATENCY_LIMIT, v2.6.25
constexpr uint64_t kPmdSize = kHugeSize;

struct Move {
  mm_struct* mm;
  uint64_t from;
  uint64_t to;
  uint64_t size;
};

uint64_t Min(uint64_t a, uint64_t b) { return a < b ? a : b; }

// Rule: an entry is gone from the old place before it is at the new one, and
// TLBs are flushed before the lock is dropped: the page may be zapped at its
// new place at once. Kernel: mm/mremap.c:move_ptes(), v6.1. Differs: one page
// table lock serves both places; the rmap locks are not needed, because a walk
// meets the new VMA last (before 3.8 i_mmap is taken).
sched::Task<> move_ptes(Move move) {
  mm_struct* mm = move.mm;
  const uint64_t end = move.from + move.size;
  bool force_flush = false;
  co_await kernel::spin_lock(&mm->page_table_lock, "move_ptes");
  for (uint64_t address = NextMapped(mm, move.from, end); address < end;
       address = NextMapped(mm, address + kPageSize, end)) {
    co_await PtePoint(mm, address, "move_ptes");
    const Pte pte = LookupPte(mm, address);
    if (pte.huge()) {
      move_huge_pmd(mm, address, move.to + (address - move.from));
      address += kHugeSize - kPageSize;
      force_flush = true;
      continue;
    }
    SetPte(mm, address, Pte());
    SetPte(mm, move.to + (address - move.from), pte);
    force_flush = force_flush || pte.present();
  }
  if (force_flush) {
    co_await NotifyPteFlush(mm, move.from, end);
  }
  co_await UnlockPageTable(mm, "move_ptes");
}

// Rule: an entry of 2 MiB moves as a whole only where both places are aligned
// and the new one has no table; else it is split, in a section of its own.
// Kernel: mm/mremap.c:move_page_tables(), v6.1.
sched::Task<> split_huge_pmds(Move move) {
  mm_struct* mm = move.mm;
  const uint64_t end = move.from + move.size;
  for (uint64_t at = NextMapped(mm, move.from, end); at < end;
       at = NextMapped(mm, HugeStart(at) + kHugeSize, end)) {
    if (!LookupPte(mm, at).huge()) {
      continue;
    }
    const uint64_t to = move.to + (at - move.from);
    const bool whole = at % kHugeSize == 0 && at + kHugeSize <= end;
    if (!whole || to % kHugeSize != 0 || !HasNoTables(mm, to)) {
      co_await __split_huge_pmd(mm, at);
    }
  }
}

// The era's hook around a stretch of the move. Rule: the old range alone is
// told of: nobody can have mapped the new one yet (P62).
sched::Task<> Announced(vm_area_struct* vma, Move move) {
  uint64_t start = move.from;
  if (kernel::Mutated(kernel::Mutant::kMremapTellsNewRange)) {
    start = move.to;
  }
  mmu_notifier_range range =
      RangeOf(vma, start, start + move.size, Event::kUnmap);
  if (is_vm_hugetlb_page(vma)) {  // move_hugetlb_page_tables()
    range.event = Event::kClear;
    adjust_range_if_pmd_sharing_possible(vma, &range);
  }
  address_space* file = vma->vm_file;
  const bool locks = file != nullptr && !era().rmap_walk_reads;
  co_await NotifyRangeStart(&range);
  if (locks) {
    co_await kernel::lock(&file->i_mmap_lock, "move_ptes");
  }
  co_await split_huge_pmds(move);
  co_await move_ptes(move);
  if (locks) {
    co_await kernel::unlock(&file->i_mmap_lock, "move_ptes");
  }
  co_await NotifyRangeEnd(&range);
}

// Kernel: mm/mremap.c:move_page_tables(), v6.1 and v2.6.25. Differs: tables are
// never moved whole.
sched::Task<> move_page_tables(vm_area_struct* vma, Move move) {
  if (!era().mremap_by_stretch) {
    co_await Announced(vma, move);
    co_return;
  }
  uint64_t at = 0;
  while (at < move.size) {
    const uint64_t from = move.from + at;
    const uint64_t to = move.to + at;
    uint64_t size = Min(kStretch, move.size - at);
    size = Min(size, (from / kPmdSize + 1) * kPmdSize - from);
    size = Min(size, (to / kPmdSize + 1) * kPmdSize - to);
    // get_old_pmd(): only where there is a table.
    const uint64_t pmd = from / kPmdSize * kPmdSize;
    if (NextTable(move.mm, pmd, pmd + kPmdSize) < pmd + kPmdSize) {
      co_await Announced(vma, {move.mm, from, to, size});
    }
    at += size;
  }
}

// The VMA at the new place. Kernel: mm/mmap.c:copy_vma(), v6.1: an anonymous
// one that was never written gets offsets of its new address.
sched::Task<vm_area_struct*> copy_vma(vm_area_struct* vma, Move move,
                                      uint64_t new_size) {
  const bool fresh = vma->vm_file == nullptr && vma->anon_vma == nullptr;
  const uint64_t pgoff =
      fresh ? Vpn(move.to) : linear_page_index(vma, move.from);
  vm_area_struct* copy = NewVma(move.mm, move.to, move.to + new_size,
                                vma->vm_flags, vma->vm_file, pgoff);
  co_await anon_vma_clone(copy, vma);
  InsertVma(copy);
  co_await vma_link_file(copy);
  copy = co_await vma_merge(copy);
  co_return copy;
}

// Rule: a move is an unmap of the old range, announced once for the entries and
// once more when the old VMA goes. Kernel: mm/mremap.c:move_vma(), v6.1.
sched::Task<int> move_vma(vm_area_struct* vma, Move move, uint64_t new_size,
                          bool dontunmap) {
  mm_struct* mm = move.mm;
  if (AtMapLimit(mm)) {
    co_return -ENOMEM;
  }
  co_await vma_start_write(vma);
  vm_area_struct* copy = co_await copy_vma(vma, move, new_size);
  co_await move_page_tables(copy, move);
  bool downgraded = false;
  int rc = 0;
  if (!dontunmap) {
    rc = co_await UnmapLocked(mm, move.from, move.from + move.size, false,
                              &downgraded);
    co_return rc;
  }
  vma = find_vma(mm, move.from);
  if (vma != copy && vma->vm_start == move.from &&
      vma->vm_end == move.from + move.size) {
    co_await unlink_anon_vmas(vma);
  }
  co_return rc;
}

bool Overlap(const MremapArgs& args) {
  return args.end > args.new_start &&
         args.new_start + args.new_size > args.start;
}

// Kernel: mm/mremap.c:mremap_to(), v6.1. Differs: from 6.17 on more than one
// VMA can be moved.
sched::Task<int> mremap_to(mm_struct* mm, MremapArgs args) {
  bool downgraded = false;
  uint64_t size = args.end - args.start;
  if (args.new_start == 0 || args.new_start + args.new_size > kTaskSize ||
      Overlap(args) || (args.dontunmap && size != args.new_size)) {
    co_return -EINVAL;
  }
  int rc = co_await UnmapLocked(
      mm, args.new_start, args.new_start + args.new_size, false, &downgraded);
  if (rc == 0 && size > args.new_size) {
    rc = co_await UnmapLocked(mm, args.start + args.new_size, args.end, false,
                              &downgraded);
    size = args.new_size;
  }
  if (rc != 0) {
    co_return rc;
  }
  vm_area_struct* vma = find_vma(mm, args.start);
  if (vma == nullptr || vma->vm_start > args.start ||
      args.start + size > vma->vm_end) {
    co_return -EFAULT;
  }
  rc = co_await move_vma(vma, {mm, args.start, args.new_start, size},
                         args.new_size, args.dontunmap);
  co_return rc;
}

// Kernel: mm/mremap.c:vma_expandable() and what follows it, v6.1.
sched::Task<int> Expand(vm_area_struct* vma, const MremapArgs* args) {
  if (args->end > vma->vm_end) {
    co_return -EFAULT;
  }
  const uint64_t end = args->start + args->new_size;
  const vm_area_struct* next = vma->vm_next;
  if (args->end != vma->vm_end || end > kTaskSize ||
      (next != nullptr && next->vm_start < end)) {
    co_return -ENOMEM;
  }
  co_await vma_start_write(vma);
  vma->vm_end = end;
  co_await vma_merge(vma);
  co_return 0;
}

// Rule: whole pages, at aligned places, and never more of them. Kernel:
// mm/mremap.c:mremap(), v6.1.
bool AlignForHugetlb(MremapArgs* args) {
  const auto up = [](uint64_t size) {
    return (size + kHugeSize - 1) & ~(kHugeSize - 1);
  };
  const uint64_t size = up(args->end - args->start);
  args->end = args->start + size;
  args->new_size = up(args->new_size);
  return args->start % kHugeSize == 0 && args->new_start % kHugeSize == 0 &&
         args->new_size <= size;
}

sched::Task<int> RemapLocked(mm_struct* mm, MremapArgs args, bool* downgraded) {
  vm_area_struct* vma = find_vma(mm, args.start);
  if (vma == nullptr || vma->vm_start > args.start) {
    co_return -EFAULT;
  }
  if (is_vm_hugetlb_page(vma) && !AlignForHugetlb(&args)) {
    co_return -EINVAL;
  }
  const uint64_t size = args.end - args.start;
  int rc = 0;
  if (args.new_start != 0 || args.dontunmap) {
    rc = co_await mremap_to(mm, args);
  } else if (size > args.new_size) {
    rc = co_await UnmapLocked(mm, args.start + args.new_size, args.end, true,
                              downgraded);
  } else if (size < args.new_size) {
    rc = co_await Expand(vma, &args);
  }
  co_return rc;
}

}  // namespace

// Kernel: mm/mremap.c:mremap(), v6.1.
sched::Task<int> do_mremap(mm_struct* mm, MremapArgs args) {
  int rc = co_await mmap_write_lock(mm, "mremap");
  if (rc != 0) {
    co_return rc;
  }
  bool downgraded = false;
  rc = co_await RemapLocked(mm, args, &downgraded);
  if (downgraded) {
    co_await kernel::up_read(&mm->mmap_sem, "mremap");
  } else {
    co_await mmap_write_unlock(mm, "mremap");
  }
  co_return rc;
}

}  // namespace mmfault::mm
