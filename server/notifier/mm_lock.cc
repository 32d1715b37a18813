// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/notifier/mm_lock.h"

#include "server/kernel/mutant.h"

namespace mmfault::notifier {
namespace {

using kernel::Mutant;

void ReportMark(sched::Object& object) {
  kernel::ReportHere(trace::Checker::kLockFlagsClear,
                     trace::Cause::kLockFlagAlreadySet, object.key());
}

}  // namespace

sched::Task<> RmapLockTaken(mm::mm_struct* mm) {
  kernel::Current()->mm_lock_locks += 1;
  co_await kernel::FaultPoint(faults::Point::kMmLockLock, mm->object.id);
}

sched::Task<> MmLockEntered(mm::mm_struct* mm) {
  sched::TaskRecord& task = *kernel::Current();
  task.mm_lock_locks = 0;
  task.mm_lock_vmas = mm->map_count;
  task.vma_steps_untested = 0;
  task.vma_steps_untested_max = 0;
  co_await kernel::FaultPoint(faults::Point::kMmLockEnter, mm->object.id);
}

sched::Task<> MmLockHeld(mm::mm_struct* mm) {
  co_await kernel::FaultPoint(faults::Point::kMmLockHeld, mm->object.id);
  if (kernel::Mutated(Mutant::kMmLockNests)) {
    // Each registration begins so, and this one gets no further.
    co_await kernel::down_write(&mm->mmap_sem, "mmu_notifier_register");
  }
}

bool SkipsRmapClass(RmapClass rmap_class) {
  return kernel::Mutated(Mutant::kMmLockMmapOnly) ||
         kernel::Mutated(rmap_class == RmapClass::kIMmap
                             ? Mutant::kMmLockSkipsMappings
                             : Mutant::kMmLockSkipsAnon);
}

kernel::LockPoint DownMmapSem(mm::mm_struct* mm, const char* where) {
  return kernel::Mutated(Mutant::kMmLockReadsMmapSem)
             ? kernel::down_read(&mm->mmap_sem, where)
             : kernel::down_write(&mm->mmap_sem, where);
}

kernel::UnlockPoint UpMmapSem(mm::mm_struct* mm, const char* where) {
  return kernel::Mutated(Mutant::kMmLockReadsMmapSem)
             ? kernel::up_read(&mm->mmap_sem, where)
             : kernel::up_write(&mm->mmap_sem, where);
}

void MarkVma(vm_area_struct* vma, uint64_t bit) {
  if ((vma->vm_flags & bit) != 0) {
    ReportMark(vma->object);
    return;
  }
  vma->vm_flags |= bit;
  vma->vm_mm->lock_marks += 1;
}

void UnmarkVma(vm_area_struct* vma, uint64_t bit) {
  vma->vm_flags &= ~bit;
  vma->vm_mm->lock_marks -= 1;
}

void MarkMapping(mm::mm_struct* mm, mm::address_space* mapping) {
  if ((mapping->flags & mm::AS_MM_ALL_LOCKS) != 0) {
    ReportMark(mapping->object);
    return;
  }
  mapping->flags |= mm::AS_MM_ALL_LOCKS;
  mm->lock_marks += 1;
}

void UnmarkMapping(mm::mm_struct* mm, mm::address_space* mapping) {
  mapping->flags &= ~mm::AS_MM_ALL_LOCKS;
  mm->lock_marks -= 1;
}

void MarkAnonVma(mm::mm_struct* mm, mm::anon_vma* root) {
  if (root->all_locks != 0) {
    ReportMark(root->object);
    return;
  }
  root->all_locks = 1;
  mm->lock_marks += 1;
}

void UnmarkAnonVma(mm::mm_struct* mm, mm::anon_vma* root) {
  root->all_locks = 0;
  mm->lock_marks -= 1;
}

}  // namespace mmfault::notifier
