// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/mm/hugetlb.h"

#include "server/kernel/errno.h"
#include "server/kernel/mutant.h"
#include "server/mm/huge_memory.h"
#include "server/mm/memory.h"
#include "server/mm/page_table.h"
#include "server/mm/vma.h"

namespace mmfault::mm {
namespace {

uint64_t PudStart(uint64_t address) { return address & ~(kPudSize - 1); }

bool IsShared(const vm_area_struct* vma) {
  return (vma->vm_flags & VM_SHARED) != 0;
}

// Whether the table of the GiB around an address lies inside the VMA. Kernel:
// mm/hugetlb.c:want_pmd_share(), v6.1.
bool WantPmdShare(const vm_area_struct* vma, uint64_t address) {
  const uint64_t start = PudStart(address);
  return IsShared(vma) && start >= vma->vm_start &&
         start + kPudSize <= vma->vm_end;
}

// Whether another mm's VMA has entries in the same GiB of the file, at the same
// offset inside it. Kernel: mm/hugetlb.c:page_table_shareable(), v6.1.
bool PmdShared(const vm_area_struct* vma, uint64_t address) {
  if (!WantPmdShare(vma, address)) {
    return false;
  }
  const uint64_t start = PudStart(address);
  const uint64_t index = linear_page_index(vma, start);
  for (const vm_area_struct* other = vma->vm_file->i_mmap; other != nullptr;
       other = other->shared_next) {
    if (other->vm_mm == vma->vm_mm || other->vm_pgoff > index) {
      continue;
    }
    const uint64_t there =
        other->vm_start + ((index - other->vm_pgoff) << kPageShift);
    const uint64_t end = there + kPudSize;
    if (there % kPudSize == 0 && WantPmdShare(other, there) &&
        NextMapped(other->vm_mm, there, end) < end) {
      return true;
    }
  }
  return false;
}

// The page cache's page around an index, created at the first use. It has one
// reference for each of the 512 places.
page* CachePage(address_space* file, uint64_t index, bool create) {
  const uint64_t first = index & ~(kHugePages - 1);
  page* p = file->pages[first];
  if (p != nullptr || !create) {
    return p;
  }
  p = alloc_page(file, false, first);
  p->order = kHugeOrder;
  p->hugetlb = true;
  p->refcount.counter = static_cast<int32_t>(kHugePages);
  for (uint64_t i = first; i < first + kHugePages; ++i) {
    file->pages[i] = p;
  }
  return p;
}

page* AllocPrivate(vm_area_struct* vma, uint64_t address) {
  page* p = alloc_page(vma->anon_vma, true,
                       linear_page_index(vma, HugeStart(address)));
  p->order = kHugeOrder;
  p->hugetlb = true;
  p->exclusive = true;
  return p;
}

void MapHuge(vm_area_struct* vma, uint64_t address, page* p, bool writable) {
  const uint64_t flags = writable ? Pte::kWritable | Pte::kDirty : 0;
  SetHugePte(vma->vm_mm, address, Pte(p, flags | Pte::kHuge | Pte::kYoung));
  p->mapcount += 1;
}

// Rule: a private page that one entry maps is written in place. Any other is
// copied in a section that closes by the full range_end, although TLBs were
// told under the lock. Kernel: mm/hugetlb.c:hugetlb_wp(), v6.1.
sched::Task<> hugetlb_wp(vm_area_struct* vma, uint64_t address) {
  mm_struct* mm = vma->vm_mm;
  const Pte pte = LookupPte(mm, address);
  page* old = pte.target();
  if (old == nullptr) {
    co_return;  // taken away meanwhile; the access faults again
  }
  if (IsShared(vma) || (old->anonymous && old->mapcount == 1)) {
    co_await PtePoint(mm, HugeStart(address), "hugetlb_wp");
    if (LookupPte(mm, address).bits() == pte.bits()) {
      SetHugePte(mm, address, pte.With(Pte::kWritable | Pte::kDirty));
    }
    co_return;
  }
  page* copy = AllocPrivate(vma, address);
  copy->value = old->value.get();
  mmu_notifier_range range = HugeRangeOf(mm, address, Event::kClear);
  co_await NotifyRangeStart(&range);
  co_await kernel::spin_lock(&mm->page_table_lock, "hugetlb_wp");
  co_await PtePoint(mm, range.start, "huge_ptep_clear_flush");
  const bool same = LookupPte(mm, address).bits() == pte.bits();
  if (same) {
    SetHugePte(mm, address, Pte());
    old->mapcount -= 1;
    co_await NotifyPteFlush(mm, range.start, range.end);
    co_await NotifyRange(mm, range.start, range.end);
    MapHuge(vma, address, copy, (vma->vm_flags & VM_WRITE) != 0);
  }
  co_await UnlockPageTable(mm, "hugetlb_wp");
  co_await NotifyRangeEnd(&range);
  page* unused = same ? old : copy;
  co_await put_page(unused);
}

// Rule: a page appears where none was, so nobody is told. A private mapping of
// what the page cache does not have gets a page of its own at once; a shared
// one goes through the page cache. Kernel: mm/hugetlb.c:hugetlb_no_page(),
// v6.1.
sched::Task<int> hugetlb_no_page(vm_area_struct* vma, uint64_t address) {
  mm_struct* mm = vma->vm_mm;
  const uint64_t index = linear_page_index(vma, HugeStart(address));
  co_await kernel::spin_lock(&mm->page_table_lock, "hugetlb_no_page");
  co_await PtePoint(mm, HugeStart(address), "hugetlb_no_page");
  int rc = -EFAULT;  // SIGBUS: beyond the end of the file
  if (LookupPte(mm, address).huge()) {
    rc = 0;  // another fault was first
  } else if (index < vma->vm_file->size_pages) {
    page* p = CachePage(vma->vm_file, index, IsShared(vma));
    if (p == nullptr) {
      p = AllocPrivate(vma, address);
    } else {
      get_page(p);
    }
    MapHuge(vma, address, p, IsShared(vma) && (vma->vm_flags & VM_WRITE) != 0);
    rc = 0;
  }
  co_await kernel::spin_unlock(&mm->page_table_lock, "hugetlb_no_page");
  co_return rc;
}

void ZapEntry(mm_struct* mm, uint64_t address, mmu_gather* tlb) {
  if (LookupPte(mm, address).huge()) {
    zap_huge_pmd(mm, address, tlb);
  }
}

// Rule: to let go of a shared table is to let go of the whole GiB. Kernel:
// mm/hugetlb.c:huge_pmd_unshare(), v6.1. Requires the page table lock.
void huge_pmd_unshare(mm_struct* mm, uint64_t address, mmu_gather* tlb) {
  const uint64_t start = PudStart(address);
  for (uint64_t at = start; at < start + kPudSize; at += kHugeSize) {
    ZapEntry(mm, at, tlb);
  }
}

// Gives entries their VMA's rights. Requires the page table lock.
void ProtectEntries(vm_area_struct* vma, uint64_t start, uint64_t end,
                    mmu_gather* tlb) {
  mm_struct* mm = vma->vm_mm;
  for (uint64_t at = start; at < end; at += kHugeSize) {
    if (!LookupPte(mm, at).huge()) {
      continue;
    }
    if (PmdShared(vma, at)) {
      huge_pmd_unshare(mm, at, tlb);
      at = PudStart(at) + kPudSize - kHugeSize;
      continue;
    }
    if (change_huge_pmd(vma, at)) {
      tlb_remove_tlb_entry(tlb, mm, at, kHugeSize);
    }
  }
}

bool SplitsAt(const mm_struct* mm, uint64_t address) {
  const vm_area_struct* vma = find_vma(mm, address);
  return vma != nullptr && vma->vm_start < address && is_vm_hugetlb_page(vma) &&
         address % kHugeSize != 0;
}

}  // namespace

// Kernel: mm/hugetlb.c:hugetlb_vm_op_split(), v6.1.
bool SplitsHugetlbPage(const mm_struct* mm, uint64_t start, uint64_t end) {
  return SplitsAt(mm, start) || SplitsAt(mm, end);
}

// Rule: a shared table may go as a whole, so the announced range is every GiB
// that it touches, as far as the VMA covers it (P56). Kernel: mm/hugetlb.c:
// adjust_range_if_pmd_sharing_possible(), v6.1.
void adjust_range_if_pmd_sharing_possible(const vm_area_struct* vma,
                                          mmu_notifier_range* range) {
  const uint64_t first = PudStart(vma->vm_start + kPudSize - 1);
  const uint64_t last = PudStart(vma->vm_end);
  if (!IsShared(vma) || last <= first || range->end <= first ||
      range->start >= last || kernel::Mutated(kernel::Mutant::kHugetlbExact)) {
    return;
  }
  range->asked_start = range->start;
  range->asked_end = range->end;
  if (range->start > first) {
    range->start = PudStart(range->start);
  }
  if (range->end < last) {
    range->end = PudStart(range->end + kPudSize - 1);
  }
}

// Kernel: mm/hugetlb.c:hugetlb_fault(), v6.1. Rule: a write to a private
// mapping of the page cache's page maps that page first and copies it in the
// same fault, so notifiers are told even of a first write.
sched::Task<int> hugetlb_fault(vm_area_struct* vma, uint64_t address,
                               bool write) {
  mm_struct* mm = vma->vm_mm;
  if (!LookupPte(mm, address).huge()) {
    const int rc = co_await hugetlb_no_page(vma, address);
    if (rc != 0) {
      co_return rc;
    }
  }
  if (write && !LookupPte(mm, address).writable()) {
    co_await hugetlb_wp(vma, address);
  }
  co_return 0;
}

void PopulateHugePage(vm_area_struct* vma, uint64_t address) {
  const bool write = (vma->vm_flags & VM_WRITE) != 0;
  page* p = nullptr;
  if (vma->vm_file == nullptr) {
    p = AllocPrivate(vma, address);
    p->hugetlb = false;
  } else if (linear_page_index(vma, address) < vma->vm_file->size_pages) {
    p = CachePage(vma->vm_file, linear_page_index(vma, address), true);
    get_page(p);
  } else {
    return;
  }
  MapHuge(vma, address, p, write && (p->anonymous || IsShared(vma)));
  if ((vma->vm_flags & (VM_READ | VM_WRITE)) == 0) {
    SetHugePte(vma->vm_mm, address,
               LookupPte(vma->vm_mm, address).With(Pte::kProtNone));
  }
}

// Kernel: mm/hugetlb.c:__unmap_hugepage_range(), v6.1.
sched::Task<> unmap_hugepage_range(vm_area_struct* vma, uint64_t start,
                                   uint64_t end, mmu_gather* tlb) {
  mm_struct* mm = vma->vm_mm;
  co_await kernel::spin_lock(&mm->page_table_lock, "unmap_hugepage_range");
  for (uint64_t at = NextMapped(mm, start, end); at < end;
       at = NextMapped(mm, HugeStart(at) + kHugeSize, end)) {
    co_await PtePoint(mm, at, "unmap_hugepage_range");
    if (PmdShared(vma, at)) {
      huge_pmd_unshare(mm, at, tlb);
    } else {
      ZapEntry(mm, at, tlb);
    }
  }
  co_await UnlockPageTable(mm, "unmap_hugepage_range");
}

// Rule: the whole range is announced, widened, populated or not, under i_mmap
// for write, and flushed before its end. Kernel: mm/hugetlb.c:
// hugetlb_change_protection(), v6.1.
sched::Task<> hugetlb_change_protection(vm_area_struct* vma, uint64_t start,
                                        uint64_t end, mmu_gather* tlb) {
  mm_struct* mm = vma->vm_mm;
  kernel::Lock* lock = &vma->vm_file->i_mmap_lock;
  mmu_notifier_range range = RangeOf(vma, start, end, Event::kProtectionVma);
  adjust_range_if_pmd_sharing_possible(vma, &range);
  co_await NotifyRangeStart(&range);
  co_await kernel::lock(lock, "hugetlb_change_protection");
  co_await kernel::spin_lock(&mm->page_table_lock, "hugetlb_change_prot");
  co_await PtePoint(mm, start, "hugetlb_change_protection");
  ProtectEntries(vma, start, end, tlb);
  co_await UnlockPageTable(mm, "hugetlb_change_prot");
  co_await kernel::unlock(lock, "hugetlb_change_protection");
  co_await NotifyRangeEnd(&range);
}

// Rule: as for other memory, but the reason is CLEAR. Kernel: mm/hugetlb.c:
// copy_hugetlb_page_range(), v6.1. Differs: pinned pages are not copied.
sched::Task<> copy_hugetlb_page_range(mm_struct* child, vm_area_struct* from) {
  mm_struct* mm = from->vm_mm;
  const uint64_t end = from->vm_end;
  mmu_notifier_range range = RangeOf(from, from->vm_start, end, Event::kClear);
  co_await NotifyRangeStart(&range);
  for (uint64_t at = NextMapped(mm, from->vm_start, end); at < end;
       at = NextMapped(mm, HugeStart(at) + kHugeSize, end)) {
    co_await PtePoint(mm, at, "copy_hugetlb_page_range");
    if (LookupPte(mm, at).huge()) {  // truncate may have been faster
      copy_huge_pmd(child, mm, at);
    }
  }
  co_await NotifyRangeEnd(&range);
}

// Rule: a VMA that no longer covers its GiB cannot share the table. Kernel:
// mm/hugetlb.c:hugetlb_split(), hugetlb_unshare_pmds(), v6.1.192.
sched::Task<> hugetlb_split(vm_area_struct* vma, uint64_t address) {
  const uint64_t start = PudStart(address);
  if (!is_vm_hugetlb_page(vma) || address == start ||
      !WantPmdShare(vma, address)) {
    co_return;
  }
  mm_struct* mm = vma->vm_mm;
  mmu_gather tlb;
  mmu_notifier_range range =
      RangeOf(vma, start, start + kPudSize, Event::kClear);
  co_await NotifyRangeStart(&range);
  co_await kernel::spin_lock(&mm->page_table_lock, "hugetlb_unshare_pmds");
  co_await PtePoint(mm, start, "hugetlb_unshare_pmds");
  if (PmdShared(vma, address)) {
    huge_pmd_unshare(mm, address, &tlb);
  }
  co_await UnlockPageTable(mm, "hugetlb_unshare_pmds");
  co_await NotifyRangeEnd(&range);
  co_await tlb_finish_mmu(&tlb);
}

}  // namespace mmfault::mm
