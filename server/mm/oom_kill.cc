// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/mm/oom_kill.h"

#include "server/kernel/errno.h"
#include "server/kernel/mutant.h"
#include "server/mm/announce.h"
#include "server/mm/fork.h"
#include "server/mm/hugetlb.h"
#include "server/mm/memory.h"

namespace mmfault::mm {
namespace {

using kernel::Mutant;
using kernel::Mutated;

// Rule: what others see too stays: a shared mapping's pages are not freed by
// it, and hugetlb would need locks that may sleep. Kernel: mm/oom_kill.c:
// __oom_reap_task_mm(), v6.1.
bool CanReap(const vm_area_struct* vma) {
  return !is_vm_hugetlb_page(vma) && (vma->vm_flags & VM_SHARED) == 0;
}

vm_area_struct* First(const mm_struct* mm) {
  vm_area_struct* vma = mm->mmap;
  if (era().reaps_backwards) {
    while (vma != nullptr && vma->vm_next != nullptr) {
      vma = vma->vm_next;
    }
  }
  return vma;
}

vm_area_struct* Next(const vm_area_struct* vma) {
  return era().reaps_backwards ? vma->vm_prev : vma->vm_next;
}

// Rule: a notifier that cannot answer without blocking has the VMA spared: no
// page is zapped and no end is called, for a start that failed began nothing.
// Kernel: mm/oom_kill.c:__oom_reap_task_mm(), v6.1. Requires mmap_lock for
// read. True: it is reaped.
sched::Task<bool> ReapVma(vm_area_struct* vma) {
  const Event event = era().reaps_backwards ? Event::kClear : Event::kUnmap;
  mmu_notifier_range range = RangeOf(vma, vma->vm_start, vma->vm_end, event);
  range.blockable = false;
  mmu_gather tlb;
  const int refused = co_await NotifyRangeStart(&range);
  if (refused != 0 && !Mutated(Mutant::kReaperIgnoresRefusal)) {
    co_return false;
  }
  co_await unmap_page_range(vma->vm_mm, range.start, range.end, &tlb);
  if (refused == 0) {
    co_await NotifyRangeEnd(&range);
  }
  co_await tlb_finish_mmu(&tlb);
  co_return true;
}

// Rule: from here on the memory is unreliable, so no fault may bring any of it
// back; and every VMA is tried, even after one was refused. Kernel:
// mm/oom_kill.c:__oom_reap_task_mm(), v6.1. Differs: device memory and the
// mappings that drivers inserted do not exist.
sched::Task<bool> __oom_reap_task_mm(mm_struct* mm) {
  bool whole = true;
  mm->flags |= MMF_UNSTABLE;
  vm_area_struct* vma = First(mm);
  while (vma != nullptr) {
    co_await kernel::CheckLive(vma->object, trace::Cause::kFreedVmaUsed);
    if (CanReap(vma)) {
      const bool reaped = co_await ReapVma(vma);
      whole = whole && reaped;
    }
    vma = Next(vma);
  }
  co_return whole;
}

// Rule: exit_mmap() says under mmap_lock that there is nothing left to reap,
// before it frees the VMAs (P66).
bool Skip(const mm_struct* mm) {
  return (mm->flags & MMF_OOM_SKIP) != 0 &&
         !Mutated(Mutant::kReaperIgnoresSkip);
}

}  // namespace

// Kernel: mm/oom_kill.c:process_mrelease(), v6.1.
sched::Task<int> process_mrelease(mm_struct* mm, bool dying) {
  if (!era().huge_pages) {
    co_return -ENOSYS;
  }
  co_await mmgrab(mm);
  int rc = 0;
  if (!dying) {
    rc = Skip(mm) ? 0 : -EINVAL;
    co_await mmdrop(mm);
    co_return rc;
  }
  rc = co_await kernel::down_read_killable(&mm->mmap_sem, "process_mrelease");
  if (rc != 0) {
    co_await mmdrop(mm);
    co_return rc;
  }
  if (!Skip(mm)) {
    const bool whole = co_await __oom_reap_task_mm(mm);
    rc = whole ? 0 : -EAGAIN;
  }
  co_await kernel::up_read(&mm->mmap_sem, "process_mrelease");
  co_await mmdrop(mm);
  co_return rc;
}

// Kernel: mm/oom_kill.c:oom_reap_task(), oom_reap_task_mm(), v6.1. Rule: the
// reaper never waits for mmap_lock. Differs: the ten attempts, 100 ms apart,
// after which it gives up, are its caller's.
sched::Task<int> oom_reap_task_mm(mm_struct* mm) {
  if (!era().huge_pages) {
    co_return -ENOSYS;
  }
  co_await mmgrab(mm);
  int rc = -EAGAIN;
  const bool locked =
      co_await kernel::down_read_trylock(&mm->mmap_sem, "oom_reap_task_mm");
  if (locked) {
    bool whole = true;
    if (!Skip(mm)) {
      whole = co_await __oom_reap_task_mm(mm);
    }
    co_await kernel::up_read(&mm->mmap_sem, "oom_reap_task_mm");
    rc = whole ? 0 : -EAGAIN;
  }
  if (rc == 0) {
    SetFlag(mm, MMF_OOM_SKIP);
  }
  co_await mmdrop(mm);
  co_return rc;
}

}  // namespace mmfault::mm
