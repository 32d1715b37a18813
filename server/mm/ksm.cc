// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/mm/ksm.h"

#include "server/kernel/errno.h"
#include "server/mm/fork.h"
#include "server/mm/hugetlb.h"
#include "server/mm/ksm_tree.h"
#include "server/mm/madvise.h"
#include "server/mm/memory.h"
#include "server/mm/page_table.h"
#include "server/mm/vma.h"
#include "server/mm/vma_lock.h"

namespace mmfault::mm {
namespace {

// Kernel: mm/ksm.c:break_ksm(), unmerge_ksm_pages(), v6.1. Rule: each shared
// page is copied as by a write fault, under mmap_lock for write. Differs: the
// items stay until ksmd comes by, as there.
sched::Task<> unmerge_ksm_pages(vm_area_struct* vma, uint64_t start,
                                uint64_t end) {
  mm_struct* mm = vma->vm_mm;
  for (uint64_t at = NextMapped(mm, start, end); at < end;
       at = NextMapped(mm, at + kPageSize, end)) {
    const page* p = LookupPte(mm, at).target();
    if (p != nullptr && p->ksm != nullptr) {
      co_await handle_mm_fault(vma, at, {.write = true, .force = true});
    }
  }
}

// Kernel: mm/ksm.c:ksm_madvise(), v6.1. Rule: what is shared, or not private
// memory, is not for KSM, and nobody is told so.
sched::Task<int> AdviseOne(vm_area_struct* vma, uint64_t start, uint64_t end,
                           uint64_t arg) {
  const bool mergeable = arg != 0;
  const bool now = (vma->vm_flags & VM_MERGEABLE) != 0;
  if (now == mergeable || (vma->vm_flags & VM_SHARED) != 0 ||
      is_vm_hugetlb_page(vma)) {
    co_return 0;
  }
  if (mergeable) {
    co_await __ksm_enter(vma->vm_mm);
  } else if (vma->anon_vma != nullptr) {
    co_await vma_start_write(vma);
    co_await unmerge_ksm_pages(vma, start, end);
  }
  const uint64_t flags =
      mergeable ? vma->vm_flags | VM_MERGEABLE : vma->vm_flags & ~VM_MERGEABLE;
  const vm_area_struct* changed =
      co_await vma_modify_flags(vma, start, end, flags);
  co_return changed == nullptr ? -EAGAIN : 0;
}

}  // namespace

// Kernel: mm/madvise.c:madvise_vma_behavior(), v6.1.
sched::Task<int> ksm_madvise(mm_struct* mm, uint64_t start, uint64_t end,
                             bool mergeable) {
  if (!era().huge_pages) {
    co_return -EINVAL;
  }
  int rc = co_await mmap_write_lock(mm, "madvise");
  if (rc == 0) {
    rc = co_await madvise_walk_vmas(mm, start, end, mergeable ? 1 : 0,
                                    AdviseOne);
    co_await mmap_write_unlock(mm, "madvise");
  }
  co_return rc;
}

// Kernel: mm/ksm.c:__ksm_enter(), v6.1.
sched::Task<> __ksm_enter(mm_struct* mm) {
  if (mm->ksm == nullptr) {
    EnterKsm(mm);
    mm->mm_count.counter -= 1;
    co_await mmgrab(mm);
  }
}

// Rule: ksmd holds mmap_lock while it touches an mm, so taking that for write
// waits until it is out; from then on it finds no users. Kernel: mm/ksm.c:
// __ksm_exit(), v6.1. Differs: a slot with items goes here too, unless ksmd is
// at it, where the kernel leaves all of them to ksmd's next pass.
sched::Task<> ksm_exit(mm_struct* mm) {
  ksm_mm* slot = mm->ksm;
  if (slot == nullptr) {
    co_return;
  }
  if (Ksm()->cursor != slot) {
    RemoveSlot(slot);
    co_await mmdrop(mm);
    co_return;
  }
  co_await kernel::down_write(&mm->mmap_sem, "ksm_exit");
  co_await kernel::up_write(&mm->mmap_sem, "ksm_exit");
}

void ksm_page_freed(page* p) {
  p->ksm->kpage = nullptr;
  p->ksm = nullptr;
}

// Kernel: mm/ksm.c:rmap_walk_ksm(), v6.1. Rule: each item is looked for in the
// VMAs of its anon_vma; first in its own mm, then in those that forked from it.
sched::Task<> rmap_walk_ksm(page* p, RmapOne one, bool (*done)(const page* p),
                            void* arg) {
  const ksm_stable_node* node = p->ksm;
  bool over = false;
  for (int forked = 0; forked < 2 && !over; ++forked) {
    for (ksm_rmap_item* item = node->items; item != nullptr && !over;
         item = item->next_node) {
      anon_vma* av = item->anon_vma;
      kernel::Lock* lock = AnonLock(av);
      co_await RmapWalkLock(lock, "rmap_walk_ksm");
      for (anon_vma_chain* avc = av->head; avc != nullptr && !over;
           avc = avc->same_anon_vma) {
        vm_area_struct* vma = avc->vma;
        const uint64_t address = item->address;
        if ((vma->vm_mm == item->mm) == (forked == 1) ||
            address < vma->vm_start || address >= vma->vm_end) {
          continue;
        }
        co_await one(vma, p, address, arg);
        over = done != nullptr && done(p);
      }
      co_await RmapWalkUnlock(lock, "rmap_walk_ksm");
    }
  }
}

}  // namespace mmfault::mm
