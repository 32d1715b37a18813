// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Reading and writing user pages from the kernel: mm/gup.c.

#include "server/kernel/errno.h"
#include "server/mm/memory.h"
#include "server/mm/page_table.h"
#include "server/mm/vma.h"

namespace mmfault::mm {
namespace {

// Rule: FOLL_FORCE lets a debugger read what is not readable, and write what is
// not writable where the write goes to a private copy. Kernel: mm/gup.c:
// check_vma_flags(), v6.1. Differs: no hugetlb.
bool MayForce(const vm_area_struct* vma, bool write) {
  const bool allowed = (vma->vm_flags & (write ? VM_WRITE : VM_READ)) != 0;
  if (allowed) {
    return true;
  }
  return !era().refuses_foll_force &&
         (!write || (vma->vm_flags & VM_SHARED) == 0);
}

}  // namespace

// Kernel: mm/gup.c:get_user_pages(), v6.1. Differs: one page; who finds the
// page gone between the fault and the look at the entry gets -EAGAIN, where the
// original looks again.
sched::Task<int> get_user_page(mm_struct* mm, uint64_t address, bool write,
                               page** result) {
  *result = nullptr;
  co_await kernel::down_read(&mm->mmap_sem, "get_user_pages");
  vm_area_struct* vma = find_vma(mm, address);
  int rc = -EFAULT;
  if (vma != nullptr && vma->vm_start <= address) {
    rc = co_await handle_mm_fault(vma, address, {.write = write});
  }
  if (rc == 0) {
    co_await kernel::Point{{trace::OpKind::kRead, trace::Access::kRead,
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

// Rule: a forced write copies on write even where the VMA is read-only, as any
// write would; a page that is the pte's alone is written in place, and nobody
// is told. Kernel: mm/memory.c:__access_remote_vm(), v6.1. Differs: one byte of
// one page, whose contents are not kept.
sched::Task<int> access_remote_vm(mm_struct* mm, uint64_t address, bool write) {
  const int killed = co_await kernel::LockPoint(
      &mm->mmap_sem, true,
      era().killable ? kernel::Wait::kKillable : kernel::Wait::kUninterruptible,
      kernel::Nest::kNo, "access_remote_vm");
  if (killed != 0) {
    co_return -EIO;  // nothing was transferred
  }
  vm_area_struct* vma = find_vma(mm, address);
  int rc = -EIO;
  if (vma != nullptr && vma->vm_start <= address && MayForce(vma, write)) {
    rc =
        co_await handle_mm_fault(vma, address, {.write = write, .force = true});
  }
  co_await kernel::up_read(&mm->mmap_sem, "access_remote_vm");
  co_return rc == 0 ? 0 : -EIO;
}

}  // namespace mmfault::mm
