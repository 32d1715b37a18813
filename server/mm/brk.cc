// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/kernel/errno.h"
#include "server/mm/mmap.h"
#include "server/mm/vma.h"
#include "server/mm/vma_lock.h"

namespace mmfault::mm {
namespace {

constexpr uint64_t kFlags = VM_READ | VM_WRITE;

// Kernel: mm/mmap.c:do_brk_flags(), v6.1.
sched::Task<int> Grow(mm_struct* mm, uint64_t end) {
  const uint64_t old_end = mm->brk;
  const vm_area_struct* next = find_vma(mm, old_end);
  if ((next != nullptr && next->vm_start < end) || AtMapLimit(mm)) {
    co_return -ENOMEM;
  }
  vm_area_struct* vma =
      NewVma(mm, old_end, end, kFlags, nullptr, old_end >> kPageShift);
  InsertVma(vma);
  co_await vma_merge(vma);
  mm->brk = end;
  co_return 0;
}

sched::Task<int> Move(mm_struct* mm, uint64_t end, bool* downgraded) {
  if (mm->start_brk == 0 || end < mm->start_brk) {
    co_return -ENOMEM;
  }
  int rc = 0;
  if (end > mm->brk) {
    rc = co_await Grow(mm, end);
  } else if (end < mm->brk) {
    const uint64_t old_end = mm->brk;
    mm->brk = end;
    rc = co_await UnmapLocked(mm, end, old_end, true, downgraded);
  }
  co_return rc;
}

}  // namespace

// Kernel: mm/mmap.c:brk(), v6.1. Differs: the system call returns the end as it
// is, changed or not.
sched::Task<int> do_brk(mm_struct* mm, uint64_t end) {
  int rc = co_await mmap_write_lock(mm, "brk");
  if (rc != 0) {
    co_return rc;
  }
  bool downgraded = false;
  rc = co_await Move(mm, end, &downgraded);
  if (downgraded) {
    co_await kernel::up_read(&mm->mmap_sem, "brk");
  } else {
    co_await mmap_write_unlock(mm, "brk");
  }
  co_return rc;
}

}  // namespace mmfault::mm
