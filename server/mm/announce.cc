// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/mm/announce.h"

#include "server/kernel/mutant.h"

namespace mmfault::mm {
namespace {

task_sections& Mine() {
  return State()->sections[kernel::ThisWorld()->current_slot()];
}

void Open(const mmu_notifier_range* range) {
  task_sections& mine = Mine();
  if (mine.count == kMaxOpenSections) {
    return;  // deeper than anything here nests: not held against anybody
  }
  open_section& section = mine.open[mine.count];
  section.mm = range->mm;
  section.start = range->start;
  section.end = range->end;
  mine.count += 1;
}

// Sections end in the order in which they nest.
void Close(const mmu_notifier_range* range) {
  task_sections& mine = Mine();
  for (uint32_t i = mine.count; i-- > 0;) {
    const open_section& section = mine.open[i];
    if (section.mm == range->mm && section.start == range->start &&
        section.end == range->end) {
      mine.count = i;
      return;
    }
  }
}

bool Covered(const task_sections& mine, const mm_struct* mm, uint64_t address,
             uint64_t size) {
  for (uint32_t i = 0; i < mine.count; ++i) {
    const open_section& section = mine.open[i];
    if (section.mm == mm && section.start <= address &&
        section.end >= address + size) {
      return true;
    }
  }
  return false;
}

bool Watched(const mm_struct* mm) {
  // Exit and a registration that leaves locks out get here unordered:
  // docs/findings.md.
  const trace::AccessPause pause;
  const auto has_notifiers = era().mm_has_notifiers;
  return mm->exit_phase == ExitPhase::kLive && has_notifiers != nullptr &&
         has_notifiers(mm);
}

void ReportUnannounced(const mm_struct* mm, uint64_t address) {
  kernel::ReportHere(trace::Checker::kPteChangesAnnounced,
                     trace::Cause::kPteChangedUnannounced, mm->object.key(),
                     address);
}

// What was due when the pte changed has not come.
void CheckPage(task_sections* mine) {
  if (mine->page_mm != nullptr) {
    ReportUnannounced(mine->page_mm, mine->page_address);
    mine->page_mm = nullptr;
  }
}

}  // namespace

mmu_notifier_range RangeOf(const vm_area_struct* vma, uint64_t start,
                           uint64_t end, Event event) {
  mmu_notifier_range range{vma->vm_mm, start, end, event, true};
  range.vma = era().range_names_vma;
  return range;
}

sched::Task<int> NotifyRangeStart(mmu_notifier_range* range) {
  if (era().invalidate_range_start == nullptr) {
    co_return 0;
  }
  const int rc = co_await era().invalidate_range_start(range);
  if (rc == 0 || range->blockable) {
    Open(range);
  }
  co_return rc;
}

sched::Task<> NotifyRangeEnd(mmu_notifier_range* range) {
  if (era().invalidate_range_end != nullptr) {
    Close(range);
    co_await era().invalidate_range_end(range);
  }
}

sched::Task<> NotifyRangeOnlyEnd(mmu_notifier_range* range) {
  if (era().invalidate_range_only_end == nullptr) {
    co_await NotifyRangeEnd(range);
    co_return;
  }
  Close(range);
  co_await era().invalidate_range_only_end(range);
}

void ForgetRange(const mmu_notifier_range* range) { Close(range); }

sched::Task<> NotifyPage(mm_struct* mm, uint64_t address) {
  if (era().invalidate_page == nullptr) {
    co_return;
  }
  task_sections& mine = Mine();
  if (mine.page_mm == mm && mine.page_address == address) {
    mine.page_mm = nullptr;
  }
  co_await era().invalidate_page(mm, address);
}

sched::Task<> NotifyRange(mm_struct* mm, uint64_t start, uint64_t end) {
  if (era().invalidate_range != nullptr) {
    co_await era().invalidate_range(mm, start, end);
  }
}

sched::Task<> NotifyChangePte(mm_struct* mm, uint64_t address, page* target) {
  if (era().change_pte != nullptr) {
    co_await era().change_pte(mm, address, target);
  }
}

sched::Task<> NotifyTlbFlush(mm_struct* mm, uint64_t start, uint64_t end) {
  if (era().invalidate_range != nullptr) {
    co_await era().invalidate_range(mm, start, end);
  } else if (era().secondary_tlb_flush != nullptr) {
    co_await era().secondary_tlb_flush(mm, start, end);
  }
}

sched::Task<> NotifyPteFlush(mm_struct* mm, uint64_t start, uint64_t end) {
  if (era().secondary_tlb_flush != nullptr) {
    co_await era().secondary_tlb_flush(mm, start, end);
  }
}

sched::Task<> UnlockPageTable(mm_struct* mm, const char* where) {
  CheckPage(&Mine());
  co_await kernel::spin_unlock(&mm->page_table_lock, where);
}

// Rule: any change of a pte that takes something away happens inside an open
// section; one page is replaced by another only after the entry was cleared.
// Kernel: Documentation/mm/mmu_notifier.rst, v6.1.
void CheckAnnounced(const mm_struct* mm, uint64_t address, Pte from, Pte to) {
  if (!from.present()) {
    return;
  }
  const bool replaced = from.target() != to.target();
  const bool less = (from.writable() && !to.writable()) ||
                    (!from.prot_none() && to.prot_none());
  if ((!replaced && !less) || !Watched(mm)) {
    return;
  }
  if (replaced && to.present()) {
    ReportUnannounced(mm, address);  // the old page was never taken away
    return;
  }
  CheckRangeAnnounced(mm, address, from.huge() ? kHugeSize : kPageSize);
}

void CheckRangeAnnounced(const mm_struct* mm, uint64_t address, uint64_t size) {
  task_sections& mine = Mine();
  if (!Watched(mm) || Covered(mine, mm, address, size)) {
    return;
  }
  if (era().page_hook != PageHook::kInvalidatePage) {
    ReportUnannounced(mm, address);
    return;
  }
  CheckPage(&mine);
  mine.page_mm = const_cast<mm_struct*>(mm);
  mine.page_address = address;
}

}  // namespace mmfault::mm
