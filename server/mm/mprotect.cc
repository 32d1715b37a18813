// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/kernel/errno.h"
#include "server/kernel/mutant.h"
#include "server/mm/huge_memory.h"
#include "server/mm/hugetlb.h"
#include "server/mm/memory.h"
#include "server/mm/mmap.h"
#include "server/mm/page_table.h"
#include "server/mm/vma.h"
#include "server/mm/vma_lock.h"

namespace mmfault::mm {
namespace {

constexpr uint64_t kRights = VM_READ | VM_WRITE;
constexpr uint64_t kPmdSize = kHugeSize;
constexpr uint64_t kP4dSize = kPudSize << 9;

uint64_t Min(uint64_t a, uint64_t b) { return a < b ? a : b; }
uint64_t Max(uint64_t a, uint64_t b) { return a > b ? a : b; }

// Rule: a shared mapping is writable at once unless writeback must see the
// first write; a private one only where the page is this pte's alone (since
// 5.19), else the next write fault decides. Kernel: mm/mprotect.c:
// can_change_pte_writable(), v6.1.
bool Writable(const vm_area_struct* vma, Pte pte) {
  if ((vma->vm_flags & VM_WRITE) == 0) {
    return false;
  }
  const page* p = pte.target();
  if ((vma->vm_flags & VM_SHARED) != 0) {
    return vma->vm_file->kind != FileKind::kDisk || pte.dirty();
  }
  return era().anon_exclusive && p->anonymous && p->exclusive && pte.dirty();
}

Pte Modified(const vm_area_struct* vma, Pte pte) {
  const Pte bare = pte.Without(Pte::kWritable | Pte::kProtNone);
  if ((vma->vm_flags & kRights) == 0) {
    return bare.With(Pte::kProtNone);
  }
  return Writable(vma, pte) ? bare.With(Pte::kWritable) : bare;
}

// Rule: a TLB cannot hold what was not accessible; any other change of a right
// is flushed. Kernel: arch/x86/include/asm/tlbflush.h:pte_needs_flush(), v6.1.
bool NeedsFlush(Pte from, Pte to) {
  return !from.prot_none() && from.bits() != to.bits();
}

// Kernel: mm/mprotect.c:change_pte_range(), v6.1.
sched::Task<> change_pte_range(vm_area_struct* vma, uint64_t start,
                               uint64_t end, mmu_gather* tlb) {
  mm_struct* mm = vma->vm_mm;
  if (NextMapped(mm, start, end) >= end) {
    co_return;
  }
  co_await kernel::spin_lock(&mm->page_table_lock, "change_pte_range");
  for (uint64_t address = NextMapped(mm, start, end); address < end;
       address = NextMapped(mm, address + kPageSize, end)) {
    co_await PtePoint(mm, address, "change_pte_range");
    const Pte from = LookupPte(mm, address);
    if (from.huge()) {
      if (change_huge_pmd(vma, address)) {
        tlb_remove_tlb_entry(tlb, mm, HugeStart(address), kHugeSize);
      }
      address = HugeStart(address) + kHugeSize - kPageSize;
      continue;
    }
    if (!from.present()) {
      continue;
    }
    const Pte to = Modified(vma, from);
    if (NeedsFlush(from, to)) {
      tlb_remove_tlb_entry(tlb, mm, address);
    }
    SetPte(mm, address, to);
  }
  co_await UnlockPageTable(mm, "change_pte_range");
}

// One announced stretch of one VMA.
sched::Task<> ChangeSpan(vm_area_struct* vma, uint64_t start, uint64_t end,
                         mmu_gather* tlb) {
  mmu_notifier_range range = RangeOf(vma, start, end, Event::kProtectionVma);
  if (kernel::Mutated(kernel::Mutant::kMprotectUnannounced)) {
    co_await change_pte_range(vma, start, end, tlb);
    co_return;
  }
  co_await NotifyRangeStart(&range);
  co_await change_pte_range(vma, start, end, tlb);
  co_await NotifyRangeEnd(&range);
}

// Rule: nobody is told of what was never populated: the section begins at the
// first pmd (since 6.12: pud) that has a table, and ends with the pud (p4d).
// Kernel: mm/mprotect.c:change_pmd_range(), v6.1; change_pud_range(), v6.12.
// Differs: before 3.15 the whole range was announced, whatever was there.
sched::Task<> change_protection(vm_area_struct* vma, uint64_t start,
                                uint64_t end, mmu_gather* tlb) {
  if (is_vm_hugetlb_page(vma)) {
    co_await hugetlb_change_protection(vma, start, end, tlb);
    co_return;
  }
  if (era().mprotect == Era::Protect::kWhole) {
    co_await ChangeSpan(vma, start, end, tlb);
    co_return;
  }
  const bool by_pmd = era().mprotect == Era::Protect::kPmd;
  const uint64_t unit = by_pmd ? kPmdSize : kPudSize;
  const uint64_t span = by_pmd ? kPudSize : kP4dSize;
  uint64_t at = NextTable(vma->vm_mm, start, end);
  while (at < end) {
    const uint64_t stop = Min(end, (at / span + 1) * span);
    co_await ChangeSpan(vma, Max(start, at / unit * unit), stop, tlb);
    at = NextTable(vma->vm_mm, stop, end);
  }
}

struct Piece {
  vm_area_struct* vma;
  uint64_t start;
  uint64_t end;
};

// Kernel: mm/mprotect.c:mprotect_fixup(), v6.1. Rule: the VMA has its new
// flags, and is merged with neighbours that have the same, before any pte
// changes; only the piece itself is announced. Returns where to go on, or 0
// where there would be too many VMAs.
sched::Task<uint64_t> mprotect_fixup(Piece piece, uint64_t flags,
                                     mmu_gather* tlb) {
  const uint64_t wanted = (piece.vma->vm_flags & ~kRights) | flags;
  if (piece.vma->vm_flags == wanted) {
    co_return piece.vma->vm_end;
  }
  vm_area_struct* vma =
      co_await vma_modify_flags(piece.vma, piece.start, piece.end, wanted);
  if (vma == nullptr) {
    co_return 0;
  }
  const uint64_t next = vma->vm_end;
  co_await change_protection(vma, piece.start, piece.end, tlb);
  co_return next;
}

sched::Task<int> ProtectLocked(mm_struct* mm, uint64_t start, uint64_t end,
                               uint64_t flags, mmu_gather* tlb) {
  uint64_t at = start;
  while (at < end) {
    vm_area_struct* vma = find_vma(mm, at);
    if (vma == nullptr || vma->vm_start > at) {
      co_return -ENOMEM;
    }
    at = co_await mprotect_fixup({vma, at, Min(end, vma->vm_end)}, flags, tlb);
    if (at == 0) {
      co_return -ENOMEM;
    }
  }
  co_return 0;
}

}  // namespace

// Rule: TLBs are flushed once, after the last section has ended. Kernel:
// mm/mprotect.c:do_mprotect_pkey(), v6.1.
sched::Task<int> do_mprotect(mm_struct* mm, uint64_t start, uint64_t end,
                             uint64_t flags) {
  int rc = co_await mmap_write_lock(mm, "do_mprotect_pkey");
  if (rc != 0) {
    co_return rc;
  }
  mmu_gather tlb;
  rc = -EINVAL;
  if (!SplitsHugetlbPage(mm, start, end)) {
    rc = co_await ProtectLocked(mm, start, end, flags, &tlb);
  }
  co_await tlb_finish_mmu(&tlb);
  co_await mmap_write_unlock(mm, "do_mprotect_pkey");
  co_return rc;
}

}  // namespace mmfault::mm
