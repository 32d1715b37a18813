// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/mm/memory.h"

#include "server/kernel/errno.h"
#include "server/kernel/mutant.h"
#include "server/mm/page_table.h"
#include "server/mm/rmap.h"
#include "server/mm/vma.h"

namespace mmfault::mm {
namespace {

using kernel::Point;

// The step that changes one entry; the caller holds the page table lock.
Point PtePoint(const mm_struct* mm, uint64_t address, const char* where) {
  return {{trace::OpKind::kWrite, trace::Access::kWrite, PteKey(mm, address),
           where}};
}

void ClearMapping(mm_struct* mm, uint64_t address, page* p) {
  SetPte(mm, address, Pte());
  p->mapcount -= 1;
}

void MapPage(vm_area_struct* vma, uint64_t address, page* p, uint64_t flags) {
  SetPte(vma->vm_mm, address, Pte(p, flags | Pte::kYoung));
  p->mapcount += 1;
}

// The page cache's page at an index, created at the first use.
page* FilePage(address_space* file, uint64_t index) {
  Cell<page*>& slot = file->pages[index];
  if (slot == nullptr) {
    slot = alloc_page(file, false, index);
  }
  return slot;
}

bool MayReuse(const page* p) {
  return p->anonymous && p->refcount.counter == 1 && p->mapcount == 1;
}

sched::Task<> InstallAnon(vm_area_struct* vma, uint64_t address, bool write) {
  mm_struct* mm = vma->vm_mm;
  page* p = State()->zero_page;
  if (write) {
    p = alloc_page(vma->anon_vma, true, linear_page_index(vma, address));
  } else {
    get_page(p);
  }
  co_await kernel::spin_lock(&mm->page_table_lock, "do_anonymous_page");
  co_await PtePoint(mm, address, "do_anonymous_page");
  // mmap_sem is held for read: another fault may have been first.
  const bool lost = LookupPte(mm, address).present();
  if (!lost) {
    MapPage(vma, address, p, write ? Pte::kWritable : 0);
  }
  co_await kernel::spin_unlock(&mm->page_table_lock, "do_anonymous_page");
  if (lost) {
    co_await put_page(p);
  }
}

sched::Task<int> InstallFile(vm_area_struct* vma, uint64_t address,
                             bool write) {
  mm_struct* mm = vma->vm_mm;
  address_space* file = vma->vm_file;
  const uint64_t index = linear_page_index(vma, address);
  co_await kernel::spin_lock(&mm->page_table_lock, "do_fault");
  co_await PtePoint(mm, address, "do_fault");
  int rc = -EFAULT;  // SIGBUS: beyond the end of the file
  if (LookupPte(mm, address).present()) {
    rc = 0;  // another fault was first
  } else if (index < file->size_pages) {
    const bool shared = (vma->vm_flags & VM_SHARED) != 0;
    page* p = FilePage(file, index);
    if (write && !shared) {
      p = alloc_page(vma->anon_vma, true, index);  // copied at once
    } else {
      get_page(p);
    }
    MapPage(vma, address, p, write ? Pte::kWritable : 0);
    rc = 0;
  }
  co_await kernel::spin_unlock(&mm->page_table_lock, "do_fault");
  co_return rc;
}

// Replaces a page that others may see by a private copy: wp_page_copy().
sched::Task<> CopyOnWrite(vm_area_struct* vma, uint64_t address, page* shared) {
  mm_struct* mm = vma->vm_mm;
  page* copy = alloc_page(vma->anon_vma, true, linear_page_index(vma, address));
  const bool by_range = era().page_hook == PageHook::kStartEnd;
  mmu_notifier_range range{mm, address, address + kPageSize, Event::kClear,
                           true};
  if (by_range) {
    co_await NotifyRangeStart(&range);
  }
  co_await kernel::spin_lock(&mm->page_table_lock, "wp_page_copy");
  co_await PtePoint(mm, address, "ptep_clear_flush");
  // pte_same(): a fault of another thread, or reclaim, may have been first.
  const bool same = LookupPte(mm, address).target() == shared;
  if (same) {
    ClearMapping(mm, address, shared);
    if (!by_range && era().invalidate_page != nullptr) {
      co_await era().invalidate_page(mm, address);
    }
    co_await PtePoint(mm, address, "wp_page_copy");
    MapPage(vma, address, copy, Pte::kWritable);
  }
  co_await kernel::spin_unlock(&mm->page_table_lock, "wp_page_copy");
  if (by_range) {
    co_await NotifyRangeEnd(&range);
  }
  page* unused = same ? shared : copy;
  co_await put_page(unused);
}

sched::Task<> MakeWritable(vm_area_struct* vma, uint64_t address, page* p) {
  mm_struct* mm = vma->vm_mm;
  co_await kernel::spin_lock(&mm->page_table_lock, "do_wp_page");
  co_await PtePoint(mm, address, "do_wp_page");
  if (LookupPte(mm, address).target() == p) {
    SetPte(mm, address, Pte(p, Pte::kWritable | Pte::kYoung));
  }
  co_await kernel::spin_unlock(&mm->page_table_lock, "do_wp_page");
}

sched::Task<> WriteProtected(vm_area_struct* vma, uint64_t address, page* p) {
  const bool shared = (vma->vm_flags & VM_SHARED) != 0;
  if (shared || MayReuse(p)) {
    co_await MakeWritable(vma, address, p);
  } else {
    co_await CopyOnWrite(vma, address, p);
  }
}

}  // namespace

sched::Task<int> NotifyRangeStart(mmu_notifier_range* range) {
  if (era().invalidate_range_start == nullptr) {
    co_return 0;
  }
  const int rc = co_await era().invalidate_range_start(range);
  co_return rc;
}

sched::Task<> NotifyRangeEnd(mmu_notifier_range* range) {
  if (era().invalidate_range_end != nullptr) {
    co_await era().invalidate_range_end(range);
  }
}

sched::Task<int> handle_mm_fault(mm_struct* mm, vm_area_struct* vma,
                                 uint64_t address, bool write) {
  const bool allowed = (vma->vm_flags & (write ? VM_WRITE : VM_READ)) != 0;
  if (!allowed) {
    co_return -EFAULT;
  }
  const bool private_copy = (vma->vm_flags & VM_SHARED) == 0;
  if (private_copy && (write || vma->vm_file == nullptr)) {
    co_await anon_vma_prepare(vma);
  }
  co_await Point{{trace::OpKind::kRead, trace::Access::kRead,
                  PteKey(mm, address), "handle_mm_fault"}};
  const Pte pte = LookupPte(mm, address);
  if (!pte.present()) {
    if (vma->vm_file != nullptr) {
      const int rc = co_await InstallFile(vma, address, write);
      co_return rc;
    }
    co_await InstallAnon(vma, address, write);
    co_return 0;
  }
  if (write && !pte.writable()) {
    co_await WriteProtected(vma, address, pte.target());
  }
  co_return 0;
}

sched::Task<int> get_user_page(mm_struct* mm, uint64_t address, bool write,
                               page** result) {
  *result = nullptr;
  co_await kernel::down_read(&mm->mmap_sem, "get_user_pages");
  vm_area_struct* vma = find_vma(mm, address);
  int rc = -EFAULT;
  if (vma != nullptr && vma->vm_start <= address) {
    rc = co_await handle_mm_fault(mm, vma, address, write);
  }
  if (rc == 0) {
    co_await Point{{trace::OpKind::kRead, trace::Access::kRead,
                    PteKey(mm, address), "follow_page"}};
    const Pte pte = LookupPte(mm, address);
    if (pte.present() && (!write || pte.writable())) {
      *result = pte.target();
      get_page(*result);
    } else {
      rc = -EAGAIN;  // reclaimed in between: the caller retries
    }
  }
  co_await kernel::up_read(&mm->mmap_sem, "get_user_pages");
  co_return rc;
}

sched::Task<int> access_page(mm_struct* mm, uint64_t address, bool write) {
  co_await kernel::down_read(&mm->mmap_sem, "do_user_addr_fault");
  vm_area_struct* vma = find_vma(mm, address);
  int rc = -EFAULT;
  if (vma != nullptr && vma->vm_start <= address) {
    rc = co_await handle_mm_fault(mm, vma, address, write);
  }
  co_await kernel::up_read(&mm->mmap_sem, "do_user_addr_fault");
  co_return rc;
}

sched::Task<> zap_pte_range(mm_struct* mm, uint64_t start, uint64_t end,
                            mmu_gather* tlb) {
  uint64_t address = NextMapped(mm, start, end);
  if (address >= end) {
    co_return;
  }
  co_await kernel::spin_lock(&mm->page_table_lock, "zap_pte_range");
  for (address = NextMapped(mm, start, end); address < end;
       address = NextMapped(mm, address + kPageSize, end)) {
    co_await PtePoint(mm, address, "zap_pte_range");
    const Pte pte = LookupPte(mm, address);
    if (pte.present()) {
      ClearMapping(mm, address, pte.target());
      tlb_remove_page(tlb, pte.target());
    } else if (!pte.none()) {
      SetPte(mm, address, Pte());  // a swap entry
    }
  }
  co_await kernel::spin_unlock(&mm->page_table_lock, "zap_pte_range");
}

sched::Task<int> zap_page_range(vm_area_struct* vma, uint64_t start,
                                uint64_t end) {
  mm_struct* mm = vma->vm_mm;
  mmu_notifier_range range{mm, start, end, Event::kClear, true};
  mmu_gather tlb;
  if (kernel::Mutated(kernel::Mutant::kZapUnannounced)) {
    co_await zap_pte_range(mm, start, end, &tlb);
    co_await tlb_finish_mmu(&tlb);
    co_return 0;
  }
  const int rc = co_await NotifyRangeStart(&range);
  co_await kernel::FaultPoint(faults::Point::kZapAfterStart, mm->object.id);
  co_await zap_pte_range(mm, start, end, &tlb);
  if (era().zap_frees_before_end) {
    co_await tlb_finish_mmu(&tlb);
    co_await NotifyRangeEnd(&range);
  } else {
    co_await NotifyRangeEnd(&range);
    co_await tlb_finish_mmu(&tlb);
  }
  co_return rc;
}

sched::Task<int> copy_page_range(mm_struct* child, vm_area_struct* to,
                                 vm_area_struct* from, bool failed) {
  mm_struct* mm = from->vm_mm;
  const bool cow = (from->vm_flags & VM_SHARED) == 0;
  if (!cow || from->anon_vma == nullptr) {
    co_return 0;  // nothing private yet: the child faults it in by itself
  }
  mmu_notifier_range range{mm, from->vm_start, from->vm_end,
                           Event::kProtectionPage, true};
  co_await NotifyRangeStart(&range);
  if (failed && era().fork_error_skips_end) {
    co_return -ENOMEM;
  }
  const uint64_t end = from->vm_end;
  for (uint64_t address = NextMapped(mm, from->vm_start, end);
       !failed && address < end;
       address = NextMapped(mm, address + kPageSize, end)) {
    co_await PtePoint(mm, address, "copy_present_pte");
    const Pte pte = LookupPte(mm, address);
    if (pte.present()) {
      SetPte(mm, address, Pte(pte.target(), Pte::kYoung));
      get_page(pte.target());
      pte.target()->mapcount += 1;
      SetPte(child, to->vm_start + (address - from->vm_start),
             Pte(pte.target(), Pte::kYoung));
    }
  }
  co_await NotifyRangeEnd(&range);
  co_return failed ? -ENOMEM : 0;
}

sched::Task<bool> ptep_clear_flush_notify(vm_area_struct* vma, uint64_t address,
                                          page* p, Event event) {
  mm_struct* mm = vma->vm_mm;
  const bool by_range = era().page_hook == PageHook::kStartEnd;
  mmu_notifier_range range{mm, address, address + kPageSize, event, true};
  if (by_range) {
    co_await NotifyRangeStart(&range);
  }
  co_await kernel::spin_lock(&mm->page_table_lock, "ptep_clear_flush");
  co_await kernel::FaultPoint(faults::Point::kRmapBeforeClear, mm->object.id);
  co_await PtePoint(mm, address, "ptep_clear_flush");
  const bool mapped = LookupPte(mm, address).target() == p;
  if (mapped) {
    const bool anonymous = p->anonymous;
    SetPte(mm, address, anonymous ? Pte(Pte::kSwapped) : Pte());
    p->mapcount -= 1;
    if (!by_range && era().invalidate_page != nullptr) {
      co_await era().invalidate_page(mm, address);
    }
  }
  co_await kernel::spin_unlock(&mm->page_table_lock, "ptep_clear_flush");
  if (by_range) {
    co_await NotifyRangeEnd(&range);
  }
  co_return mapped;
}

}  // namespace mmfault::mm
