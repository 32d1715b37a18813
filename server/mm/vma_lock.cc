// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/mm/vma_lock.h"

#include "server/kernel/errno.h"
#include "server/mm/era.h"
#include "server/mm/vma.h"

namespace mmfault::mm {
namespace {

// Readers and writers of any VMA of an mm meet at one key, that of mmap_lock.
trace::Op VmaOp(const mm_struct* mm, const char* where) {
  return {trace::OpKind::kRmw, trace::Access::kWrite, mm->mmap_sem.key(),
          where};
}

uint16_t SequenceOf(const mm_struct* mm) {
  return static_cast<uint16_t>(mm->mm_lock_seq | 1);  // 0 is no sequence
}

bool WriteLocked(const vm_area_struct* vma) {
  const mm_struct* mm = vma->vm_mm;
  return vma->object.spare == SequenceOf(mm) && mm->mmap_sem.owner != 0;
}

bool HasReader(const vm_area_struct* vma) {
  // Of all tasks; those that matter name the same mmap_lock.
  const trace::AccessPause pause;
  for (const task_sections& task : State()->sections) {
    if (task.vma == vma) {
      return true;
    }
  }
  return false;
}

bool NoReader(const sched::TaskRecord& task) {
  return !HasReader(static_cast<vm_area_struct*>(task.op_target.get()));
}

struct WaitForReaders : kernel::Point {
  vm_area_struct* vma;

  void await_suspend(std::coroutine_handle<> /*leaf*/) const {
    kernel::might_sleep();
    kernel::ThisWorld()->Publish(op, &vma->vm_mm->vma_waiters, NoReader, vma);
  }
};

}  // namespace

// Kernel: include/linux/mmap_lock.h:mmap_write_lock(), v6.12.
sched::Task<int> mmap_write_lock(mm_struct* mm, const char* where) {
  const int rc =
      co_await kernel::lock(&mm->mmap_sem, where, kernel::Nest::kNo,
                            era().killable ? kernel::Wait::kKillable
                                           : kernel::Wait::kUninterruptible);
  if (rc == 0) {
    vma_start_write_all_again(mm);
  }
  co_return rc;
}

// Kernel: include/linux/mmap_lock.h:mmap_write_unlock(), v6.12.
sched::Task<> mmap_write_unlock(mm_struct* mm, const char* where) {
  co_await kernel::up_write(&mm->mmap_sem, where);
}

// Kernel: include/linux/mmap_lock.h:mmap_write_downgrade(), v6.12.
sched::Task<> mmap_write_downgrade(mm_struct* mm, const char* where) {
  co_await kernel::downgrade_write(&mm->mmap_sem, where);
}

void vma_start_write_all_again(mm_struct* mm) {
  if (era().per_vma_locks) {
    mm->mm_lock_seq += 2;
  }
}

// Kernel: include/linux/mm.h:vma_start_write(), v6.12.
sched::Task<> vma_start_write(vm_area_struct* vma) {
  if (!era().per_vma_locks || WriteLocked(vma)) {
    co_return;
  }
  co_await kernel::Point{VmaOp(vma->vm_mm, "vma_start_write")};
  vma_mark_new(vma);
  if (HasReader(vma)) {
    co_await WaitForReaders{{VmaOp(vma->vm_mm, "vma_start_write")}, vma};
  }
}

void vma_mark_new(vm_area_struct* vma) {
  if (era().per_vma_locks) {
    trace::LogRange(&vma->object, sizeof vma->object);
    vma->object.spare = SequenceOf(vma->vm_mm);
  }
}

// Kernel: mm/memory.c:lock_vma_under_rcu(), v6.12.
sched::Task<vm_area_struct*> lock_vma_under_rcu(mm_struct* mm,
                                                uint64_t address) {
  if (!era().per_vma_locks) {
    co_return nullptr;
  }
  co_await kernel::Point{VmaOp(mm, "lock_vma_under_rcu")};
  vm_area_struct* vma = find_vma(mm, address);
  if (vma == nullptr || vma->vm_start > address || WriteLocked(vma)) {
    co_return nullptr;
  }
  State()->sections[kernel::ThisWorld()->current_slot()].vma = vma;
  co_return vma;
}

// Kernel: include/linux/mm.h:vma_end_read(), v6.12.
sched::Task<> vma_end_read(vm_area_struct* vma) {
  mm_struct* mm = vma->vm_mm;
  co_await kernel::Point{VmaOp(mm, "vma_end_read")};
  State()->sections[kernel::ThisWorld()->current_slot()].vma = nullptr;
  kernel::ThisWorld()->Reevaluate(mm->vma_waiters);
}

}  // namespace mmfault::mm
