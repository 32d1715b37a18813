// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/mm/fork.h"

#include <optional>

#include "server/kernel/errno.h"
#include "server/kernel/slab.h"
#include "server/mm/era.h"
#include "server/mm/khugepaged.h"
#include "server/mm/ksm.h"
#include "server/mm/memory.h"
#include "server/mm/mmap.h"
#include "server/mm/page.h"
#include "server/mm/rmap.h"
#include "server/mm/vma.h"
#include "server/mm/vma_lock.h"

namespace mmfault::mm {
namespace {

void Unlist(mm_struct* mm) {
  const trace::AccessPause pause;  // no task looks at its neighbours
  Cell<mm_struct*>* link = &State()->mms;
  while (*link != mm) {
    CHECK(*link != nullptr);
    link = &(*link)->mms_next;
  }
  *link = mm->mms_next.get();
}

// What conditions of fault rules ask about: `if(mm_users==0)`.
std::optional<int64_t> MmValue(const sched::World& world, uint32_t id,
                               faults::Variable variable) {
  const auto* state = static_cast<MmState*>(world.state().machine.get());
  const mm_struct* mm = state->mms;
  while (mm != nullptr && mm->object.id != id) {
    mm = mm->mms_next;
  }
  if (mm == nullptr) {
    return std::nullopt;
  }
  switch (variable) {
    case faults::Variable::kMmUsers:
      return mm->mm_users.counter;
    case faults::Variable::kMmCount:
      return mm->mm_count.counter;
    case faults::Variable::kMapCount:
      return static_cast<int64_t>(mm->map_count.get());
    default:
      return std::nullopt;
  }
}

sched::Task<> __mmdrop(mm_struct* mm) {
  if (era().mm_destroy != nullptr) {
    co_await era().mm_destroy(mm);
  }
  kernel::lock_destroy(&mm->mmap_sem);
  kernel::lock_destroy(&mm->page_table_lock);
  Unlist(mm);
  kernel::ThisWorld()->Delete(mm);
}

// Kernel: kernel/fork.c:dup_mmap(), the body of its loop, v6.1. Differs: what
// may fail is the child's page tables.
sched::Task<int> DupVma(mm_struct* child, vm_area_struct* vma) {
  co_await vma_start_write(vma);
  vm_area_struct* copy = NewVma(child, vma->vm_start, vma->vm_end,
                                vma->vm_flags, vma->vm_file, vma->vm_pgoff);
  InsertVma(copy);
  co_await anon_vma_fork(copy, vma);
  co_await vma_link_file(copy);
  // The child's page tables are what may fail here.
  kernel::allocation* tables =
      co_await kernel::kmalloc(0, kernel::GFP_KERNEL, "copy_page_range");
  const bool failed = tables == nullptr;
  kernel::kfree(tables);
  const int rc = co_await copy_page_range(child, copy, vma, failed);
  co_return rc;
}

// Kernel: kernel/fork.c:mmput_async_fn(), v6.1.
sched::Task<> mmput_async_fn(void* arg) {
  auto* mm = static_cast<mm_struct*>(arg);
  co_await exit_mmap(mm);
  co_await mmdrop(mm);
}

}  // namespace

void InitMm(sched::World* world, const Era* era) {
  auto* state = world->New<MmState>(ObjType::kNone);
  CHECK(state != nullptr);
  trace::LogRange(&state->era, sizeof state->era);
  state->era = era;
  world->state().machine = state;
  world->SetMmValue(MmValue);
  state->zero_page = alloc_page(nullptr, false, 0);
}

mm_struct* mm_alloc() {
  sched::World* world = kernel::ThisWorld();
  auto* mm = world->New<mm_struct>(ObjType::kMm);
  CHECK(mm != nullptr);
  kernel::init_rwsem(&mm->mmap_sem, kernel::LockClass::kMmap);
  kernel::spin_lock_init(&mm->page_table_lock, kernel::LockClass::kPageTable);
  mm->mm_users.counter = 1;
  mm->mm_count.counter = 1;
  mm->mms_next = State()->mms.get();
  State()->mms = mm;
  if (era().mm_init != nullptr) {
    era().mm_init(mm);
  }
  return mm;
}

sched::Task<> mmget(mm_struct* mm) {
  co_await kernel::CheckLive(mm->object, trace::Cause::kFreedObjectUsed);
  co_await kernel::atomic_inc(&mm->mm_users, mm->users_key(), "mmget");
  if (mm->mm_users.counter == 1) {
    kernel::ReportHere(trace::Checker::kCountsSane, trace::Cause::kMmUsersZero,
                       mm->object.key());
  }
}

// Kernel: include/linux/sched/mm.h:mmget_not_zero(), v6.1.
sched::Task<bool> mmget_not_zero(mm_struct* mm) {
  co_await kernel::CheckLive(mm->object, trace::Cause::kFreedObjectUsed);
  const bool got = co_await kernel::atomic_inc_not_zero(
      &mm->mm_users, mm->users_key(), "mmget_not_zero");
  co_return got;
}

sched::Task<> mmput(mm_struct* mm) {
  co_await kernel::CheckLive(mm->object, trace::Cause::kFreedObjectUsed);
  if (mm->revoked_pins != 0) {
    mm->revoked_pins -= 1;
    co_return;
  }
  kernel::might_sleep();
  const bool last = co_await kernel::atomic_dec_and_test(
      &mm->mm_users, mm->users_key(), trace::Cause::kMmUsersBelowZero, "mmput");
  if (last) {
    co_await exit_mmap(mm);
    co_await mmdrop(mm);
  }
}

// Rule: exit_mmap() sleeps and takes mmap_lock, so who may do neither leaves it
// to a worker. Kernel: kernel/fork.c:mmput_async(), v6.1. Differs: where the
// world has no room for a worker, the caller does it.
sched::Task<> mmput_async(mm_struct* mm) {
  co_await kernel::CheckLive(mm->object, trace::Cause::kFreedObjectUsed);
  if (mm->revoked_pins != 0) {
    mm->revoked_pins -= 1;
    co_return;
  }
  const bool last = co_await kernel::atomic_dec_and_test(
      &mm->mm_users, mm->users_key(), trace::Cause::kMmUsersBelowZero,
      "mmput_async");
  if (!last) {
    co_return;
  }
  sched::TaskRecord* worker = kernel::ThisWorld()->Spawn(mmput_async_fn, mm);
  if (worker == nullptr) {
    co_await mmput_async_fn(mm);
    co_return;
  }
  worker->detached = true;
  kernel::ThisWorld()->SetName(worker->object.id, "kworker");
}

sched::Task<> mmgrab(mm_struct* mm) {
  co_await kernel::CheckLive(mm->object, trace::Cause::kFreedObjectUsed);
  co_await kernel::atomic_inc(&mm->mm_count, mm->count_key(), "mmgrab");
}

sched::Task<> mmdrop(mm_struct* mm) {
  co_await kernel::CheckLive(mm->object, trace::Cause::kFreedObjectUsed);
  const bool last = co_await kernel::atomic_dec_and_test(
      &mm->mm_count, mm->count_key(), trace::Cause::kMmCountBelowZero,
      "mmdrop");
  if (last) {
    co_await __mmdrop(mm);
  }
}

// Rule: the parent's mmap_lock is held for write throughout, its TLBs are
// flushed at the end, and the child gets no notifiers. Kernel:
// kernel/fork.c:dup_mmap(), v6.1.
sched::Task<int> dup_mmap(mm_struct* child, mm_struct* parent) {
  int rc = co_await mmap_write_lock(parent, "dup_mmap");
  if (rc != 0) {
    co_return rc;
  }
  child->start_brk = parent->start_brk.get();
  child->brk = parent->brk.get();
  if (parent->ksm != nullptr) {
    co_await __ksm_enter(child);
  }
  if ((parent->flags & MMF_VM_HUGEPAGE) != 0) {  // khugepaged_fork()
    child->flags |= MMF_VM_HUGEPAGE;
    co_await mmgrab(child);
  }
  for (vm_area_struct* vma = parent->mmap; vma != nullptr && rc == 0;
       vma = vma->vm_next) {
    if ((vma->vm_flags & VM_DONTCOPY) == 0) {
      rc = co_await DupVma(child, vma);
    }
  }
  co_await NotifyPteFlush(parent, 0, UINT64_MAX);  // flush_tlb_mm()
  co_await mmap_write_unlock(parent, "dup_mmap");
  co_return rc;
}

// Kernel: fs/exec.c:exec_mmap(), v6.1.
sched::Task<int> exec_mmap(mm_struct* old) {
  const int rc = co_await kernel::LockPoint(
      &old->mmap_sem, true,
      era().killable ? kernel::Wait::kKillable : kernel::Wait::kUninterruptible,
      kernel::Nest::kNo, "exec_mmap");
  if (rc == 0) {
    co_await kernel::up_read(&old->mmap_sem, "exec_mmap");
  }
  co_return rc;
}

}  // namespace mmfault::mm
