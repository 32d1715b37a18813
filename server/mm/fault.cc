// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Page faults: where mappings appear. The half of mm/memory.c that tells nobody
// anything, but for copy on write, which is in cow.cc.

#include <algorithm>

#include "server/kernel/errno.h"
#include "server/mm/cow.h"
#include "server/mm/huge_memory.h"
#include "server/mm/hugetlb.h"
#include "server/mm/memory.h"
#include "server/mm/page_table.h"
#include "server/mm/rmap.h"
#include "server/mm/swap.h"
#include "server/mm/vma.h"
#include "server/mm/vma_lock.h"

namespace mmfault::mm {
namespace {

using kernel::Point;

bool IsShared(const vm_area_struct* vma) {
  return (vma->vm_flags & VM_SHARED) != 0;
}

// What a fresh mapping may do: maybe_mkwrite(), and dirty where it is written.
uint64_t WriteFlags(const vm_area_struct* vma, bool write) {
  if (!write) {
    return 0;
  }
  return Pte::kDirty | ((vma->vm_flags & VM_WRITE) != 0 ? Pte::kWritable : 0);
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

// Rule: a page that only read faults have met is the zero page, which the first
// write replaces. Kernel: mm/memory.c:do_anonymous_page(), v6.1. Differs:
// 2.6.24 to 2.6.31 had no zero page, but zeroed memory at once
// (Era::zero_page).
sched::Task<> do_anonymous_page(vm_area_struct* vma, uint64_t address,
                                bool write) {
  mm_struct* mm = vma->vm_mm;
  const bool zero = !write && era().zero_page;
  page* p = State()->zero_page;
  if (zero) {
    get_page(p);
  } else {
    p = alloc_page(vma->anon_vma, true, linear_page_index(vma, address));
    p->exclusive = true;
  }
  co_await kernel::spin_lock(&mm->page_table_lock, "do_anonymous_page");
  co_await PtePoint(mm, address, "do_anonymous_page");
  // mmap_sem is held for read: another fault may have been first.
  const bool lost = !LookupPte(mm, address).none();
  if (!lost) {
    MapPage(vma, address, p, zero ? 0 : WriteFlags(vma, true));
  }
  co_await kernel::spin_unlock(&mm->page_table_lock, "do_anonymous_page");
  if (lost) {
    co_await put_page(p);
  }
}

// What a read fault of a file maps: a shared mapping is writable at once,
// unless a first write must be seen, for writeback.
uint64_t ReadFlags(const vm_area_struct* vma) {
  const bool at_once = IsShared(vma) && vma->vm_file->kind != FileKind::kDisk &&
                       (vma->vm_flags & VM_WRITE) != 0;
  return at_once ? Pte::kWritable : 0;
}

// Rule: what is in the page cache around a read fault is mapped with it. The
// window begins at an aligned address, or at the VMA where that is later, and
// is as long in either case, up to the end of the VMA and of the page table.
// Kernel: mm/memory.c:
// do_fault_around(), v6.1. Requires the page table lock. Differs: one step.
void do_fault_around(vm_area_struct* vma, uint64_t address) {
  mm_struct* mm = vma->vm_mm;
  address_space* file = vma->vm_file;
  const uint64_t window = era().fault_around_pages * kPageSize;
  const uint64_t aligned = address / window * window;
  const uint64_t from = std::max(aligned, vma->vm_start.get());
  const uint64_t end = std::min(
      {from + window, vma->vm_end.get(), HugeStart(address) + kHugeSize});
  for (uint64_t at = from; at < end; at += kPageSize) {
    const uint64_t index = linear_page_index(vma, at);
    if (index >= file->size_pages || file->pages[index] == nullptr ||
        !LookupPte(mm, at).none()) {
      continue;
    }
    get_page(file->pages[index]);
    MapPage(vma, at, file->pages[index], ReadFlags(vma));
  }
}

// The mapping of a file page that a fault installs. Requires the page table
// lock.
void InstallFilePage(vm_area_struct* vma, uint64_t address, bool write) {
  const uint64_t index = linear_page_index(vma, address);
  page* p = FilePage(vma->vm_file, index);
  if (write && !IsShared(vma)) {
    p = alloc_page(vma->anon_vma, true, index);  // copied at once
    p->exclusive = true;
  } else {
    get_page(p);
    p->dirty = p->dirty || write;
  }
  MapPage(vma, address, p, write ? WriteFlags(vma, true) : ReadFlags(vma));
}

// Kernel: mm/memory.c:do_fault(), v6.1: do_read_fault(), do_cow_fault() and
// do_shared_fault(). Rule: none of them takes a mapping away, so nobody is
// told.
sched::Task<int> do_fault(vm_area_struct* vma, uint64_t address, bool write) {
  mm_struct* mm = vma->vm_mm;
  co_await kernel::spin_lock(&mm->page_table_lock, "do_fault");
  co_await PtePoint(mm, address, "do_fault");
  int rc = -EFAULT;  // SIGBUS: beyond the end of the file
  if (!LookupPte(mm, address).none()) {
    rc = 0;  // another fault was first
  } else if (linear_page_index(vma, address) < vma->vm_file->size_pages) {
    if (!write && era().fault_around_pages != 0) {
      do_fault_around(vma, address);
    }
    if (LookupPte(mm, address).none()) {
      InstallFilePage(vma, address, write);
    }
    rc = 0;
  }
  co_await kernel::spin_unlock(&mm->page_table_lock, "do_fault");
  co_return rc;
}

// Rule: a page that nothing maps may have outlived the anon_vma it had, so it
// belongs to the one of this VMA, or where others may map it too, to that of
// the whole family. Kernel: mm/rmap.c:__page_set_anon_rmap(), v6.1.
void SetAnonRmap(vm_area_struct* vma, uint64_t address, page* p, bool alone) {
  anon_vma* av = vma->anon_vma;
  p->mapping = alone ? av : av->root.get();
  p->index = linear_page_index(vma, address);
}

// Rule: a swap entry becomes the page again; a mapping appears and nobody is
// told. A page of one pte is that pte's alone again. Kernel: mm/memory.c:
// do_swap_page(), v6.1. Differs: it never waits for a disk.
sched::Task<> do_swap_page(vm_area_struct* vma, uint64_t address, Pte entry,
                           bool write) {
  mm_struct* mm = vma->vm_mm;
  page* p =
      swapin_page(entry.swap(), vma->anon_vma, linear_page_index(vma, address));
  co_await kernel::spin_lock(&mm->page_table_lock, "do_swap_page");
  co_await PtePoint(mm, address, "do_swap_page");
  const bool same = LookupPte(mm, address).bits() == entry.bits();
  if (same) {
    const bool alone = entry.swap()->count == 1 && p->mapcount == 0;
    if (p->mapcount == 0) {
      SetAnonRmap(vma, address, p, alone);
    }
    MapPage(vma, address, p, alone ? WriteFlags(vma, write) : 0);
    p->exclusive = alone;
    swap_free(entry.swap());
    if (p->swap != nullptr && p->swap->count == 0) {
      delete_from_swap_cache(p);
    }
  }
  co_await kernel::spin_unlock(&mm->page_table_lock, "do_swap_page");
  if (!same) {
    free_swap_cache(p);
    co_await put_page(p);
  }
}

// What the hardware does to an entry that allows the access.
void MarkAccessed(mm_struct* mm, uint64_t address, bool write) {
  const Pte pte = LookupPte(mm, address);
  const uint64_t flags = Pte::kYoung | (write ? Pte::kDirty : 0);
  if ((pte.bits() & flags) != flags) {
    SetPte(mm, address, pte.With(flags));
  }
}

// Rule: a private page that is written needs an anon_vma first. Under the lock
// of the VMA alone mmap_lock is only tried for it, and -EAGAIN means that the
// fault is to be repeated under it. Kernel: mm/memory.c:__vmf_anon_prepare(),
// v6.12; anon_vma_prepare() in earlier ones.
sched::Task<int> vmf_anon_prepare(vm_area_struct* vma, bool vma_locked) {
  if (vma->anon_vma != nullptr) {
    co_return 0;
  }
  if (!vma_locked) {
    co_await anon_vma_prepare(vma);
    co_return 0;
  }
  mm_struct* mm = vma->vm_mm;
  const bool locked =
      co_await kernel::down_read_trylock(&mm->mmap_sem, "vmf_anon_prepare");
  if (!locked) {
    co_return -EAGAIN;
  }
  co_await anon_vma_prepare(vma);
  co_await kernel::up_read(&mm->mmap_sem, "vmf_anon_prepare");
  co_return 0;
}

}  // namespace

// Kernel: mm/memory.c:handle_pte_fault(), v6.1. Differs: who finds the entry
// good enough is the hardware's table walk.
sched::Task<int> handle_mm_fault(vm_area_struct* vma, uint64_t address,
                                 FaultFlags flags) {
  mm_struct* mm = vma->vm_mm;
  const uint64_t right = flags.write && !flags.force ? VM_WRITE : VM_READ;
  if ((vma->vm_flags & right) == 0 && !flags.force) {
    co_return -EFAULT;
  }
  const bool early = vma->vm_file == nullptr && !era().zero_page;
  if (!IsShared(vma) && (flags.write || early)) {
    const int rc = co_await vmf_anon_prepare(vma, flags.vma_locked);
    if (rc != 0) {
      co_return rc;
    }
  }
  co_await Point{{trace::OpKind::kRead, trace::Access::kRead,
                  PteKey(mm, address), "handle_mm_fault"}};
  Pte pte = LookupPte(mm, address);
  int rc = 0;
  if (is_vm_hugetlb_page(vma)) {
    rc = co_await hugetlb_fault(vma, address, flags.write);
    co_return rc;
  }
  while (pte.huge() || (pte.none() && (vma->vm_flags & VM_HUGEPAGE) != 0)) {
    rc = co_await do_huge_pmd_fault(vma, address, flags.write);
    if (rc != kFallback) {
      co_return rc;
    }
    rc = 0;
    pte = LookupPte(mm, address);
    if (!pte.huge()) {  // one that another task has put there is tried again
      break;
    }
  }
  if (pte.none() && (mm->flags & MMF_UNSTABLE) != 0) {
    co_return -EFAULT;  // check_stable_address_space(): it was reaped
  }
  if (pte.present()) {
    if (flags.write && !pte.writable()) {
      co_await do_wp_page(vma, address, pte.target());
    } else {
      MarkAccessed(mm, address, flags.write);
    }
  } else if (pte.swapped()) {
    co_await do_swap_page(vma, address, pte, flags.write);
    const Pte now = LookupPte(mm, address);
    if (flags.write && now.present() && !now.dirty()) {
      co_await do_wp_page(vma, address, now.target());
    }
  } else if (vma->vm_file != nullptr) {
    rc = co_await do_fault(vma, address, flags.write);
  } else {
    co_await do_anonymous_page(vma, address, flags.write);
  }
  co_return rc;
}

// Rule: since 6.4 a fault first tries the lock of its VMA, and takes mmap_lock
// only when that one is not to be had or does not suffice. Kernel:
// arch/x86/mm/fault.c:do_user_addr_fault(), v6.1 and v6.12.
sched::Task<int> access_page(mm_struct* mm, uint64_t address, bool write) {
  int rc = -EAGAIN;
  vm_area_struct* vma = co_await lock_vma_under_rcu(mm, address);
  if (vma != nullptr) {
    rc = co_await handle_mm_fault(vma, address,
                                  {.write = write, .vma_locked = true});
    co_await vma_end_read(vma);
  }
  if (rc != -EAGAIN) {
    co_return rc;
  }
  co_await kernel::down_read(&mm->mmap_sem, "do_user_addr_fault");
  vma = find_vma(mm, address);
  rc = -EFAULT;
  if (vma != nullptr && vma->vm_start <= address) {
    rc = co_await handle_mm_fault(vma, address, {.write = write});
  }
  co_await kernel::up_read(&mm->mmap_sem, "do_user_addr_fault");
  co_return rc;
}

}  // namespace mmfault::mm
