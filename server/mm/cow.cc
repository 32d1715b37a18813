// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/mm/cow.h"

#include "server/kernel/mutant.h"
#include "server/mm/announce.h"
#include "server/mm/memory.h"
#include "server/mm/page.h"
#include "server/mm/page_table.h"
#include "server/mm/rmap.h"
#include "server/mm/swap.h"
#include "server/mm/vma.h"

namespace mmfault::mm {
namespace {

bool ByRange() {
  return era().page_hook == PageHook::kStartEnd || era().cow_by_range;
}

// Rule: a page is written in place when nobody else can see it: since 5.19 when
// it is marked as this pte's alone, else when this pte has the only reference
// (the swap cache's may be dropped). Kernel: mm/memory.c:do_wp_page(), v6.1;
// mm/swapfile.c:can_share_swap_page(), v2.6.25.
bool MayReuse(page* p) {
  if (!p->anonymous || p->ksm != nullptr) {
    return false;
  }
  if (era().anon_exclusive && p->exclusive) {
    return true;
  }
  if (p->swap != nullptr && p->swap->count == 0 && p->mapcount == 1 &&
      p->refcount.counter == 2) {
    delete_from_swap_cache(p);
  }
  return p->refcount.counter == 1 && p->mapcount == 1;
}

uint64_t WrittenFlags(const vm_area_struct* vma) {
  return Pte::kYoung | Pte::kDirty |
         ((vma->vm_flags & VM_WRITE) != 0 ? Pte::kWritable : 0);
}

// Kernel: mm/memory.c:wp_page_reuse(), v6.1.
sched::Task<> wp_page_reuse(vm_area_struct* vma, uint64_t address, page* p) {
  mm_struct* mm = vma->vm_mm;
  co_await kernel::spin_lock(&mm->page_table_lock, "do_wp_page");
  co_await PtePoint(mm, address, "do_wp_page");
  if (LookupPte(mm, address).target() == p) {
    SetPte(mm, address, Pte(p, WrittenFlags(vma)));
    p->exclusive = p->anonymous.get();
    p->dirty = true;
  }
  co_await kernel::spin_unlock(&mm->page_table_lock, "do_wp_page");
}

void MapCopy(vm_area_struct* vma, uint64_t address, page* copy) {
  SetPte(vma->vm_mm, address, Pte(copy, WrittenFlags(vma)));
  copy->mapcount += 1;
}

// Rule: the old entry is cleared and flushed, also from the TLBs of devices,
// before the new page can be seen; else a device could still read the old page
// after the CPU has written to the new one (P60). Kernel: mm/memory.c:
// wp_page_copy(), v6.1; do_wp_page(), v2.6.25. Requires the page table lock.
sched::Task<> ReplacePte(vm_area_struct* vma, uint64_t address, page* shared,
                         page* copy) {
  mm_struct* mm = vma->vm_mm;
  co_await PtePoint(mm, address, "ptep_clear_flush");
  if (kernel::Mutated(kernel::Mutant::kCowOrder)) {
    MapCopy(vma, address, copy);
    shared->mapcount -= 1;
    co_await NotifyRange(mm, address, address + kPageSize);
    co_await NotifyChangePte(mm, address, copy);
    co_return;
  }
  SetPte(mm, address, Pte());
  shared->mapcount -= 1;
  co_await NotifyPteFlush(mm, address, address + kPageSize);
  if (!ByRange()) {
    co_await NotifyPage(mm, address);
  }
  co_await NotifyRange(mm, address, address + kPageSize);
  co_await NotifyChangePte(mm, address, copy);
  co_await PtePoint(mm, address, "wp_page_copy");
  MapCopy(vma, address, copy);
}

// Rule: the section closes by only_end where the era has it, since TLBs were
// told under the lock. Kernel: mm/memory.c:wp_page_copy(), v6.1.
sched::Task<> wp_page_copy(vm_area_struct* vma, uint64_t address,
                           page* shared) {
  mm_struct* mm = vma->vm_mm;
  page* copy = alloc_page(vma->anon_vma, true, linear_page_index(vma, address));
  copy->exclusive = true;
  copy->value = shared->value.get();
  mmu_notifier_range range =
      RangeOf(vma, address, address + kPageSize, Event::kClear);
  if (ByRange()) {
    co_await NotifyRangeStart(&range);
  }
  co_await kernel::spin_lock(&mm->page_table_lock, "wp_page_copy");
  // pte_same(): a fault of another thread, or reclaim, may have been first.
  const bool same = LookupPte(mm, address).target() == shared;
  if (same) {
    co_await ReplacePte(vma, address, shared, copy);
  }
  co_await UnlockPageTable(mm, "wp_page_copy");
  if (ByRange()) {
    co_await NotifyRangeOnlyEnd(&range);
  }
  page* unused = same ? shared : copy;
  free_swap_cache(unused);
  co_await put_page(unused);
}

}  // namespace

// Kernel: mm/memory.c:do_wp_page(), v6.1.
sched::Task<> do_wp_page(vm_area_struct* vma, uint64_t address, page* p) {
  const bool shared = (vma->vm_flags & VM_SHARED) != 0;
  co_await kernel::Point{{trace::OpKind::kRead, trace::Access::kRead,
                          p->object.key(), "do_wp_page"}};
  if (shared || MayReuse(p)) {
    co_await wp_page_reuse(vma, address, p);
  } else {
    co_await wp_page_copy(vma, address, p);
  }
}

}  // namespace mmfault::mm
