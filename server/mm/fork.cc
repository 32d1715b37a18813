// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/mm/fork.h"

#include <optional>

#include "server/kernel/errno.h"
#include "server/kernel/slab.h"
#include "server/mm/era.h"
#include "server/mm/memory.h"
#include "server/mm/mmap.h"
#include "server/mm/page.h"
#include "server/mm/rmap.h"
#include "server/mm/vma.h"

namespace mmfault::mm {
namespace {

void Unlist(mm_struct* mm) {
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

sched::Task<int> DupVma(mm_struct* child, vm_area_struct* vma) {
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

sched::Task<int> dup_mmap(mm_struct* child, mm_struct* parent) {
  int rc =
      co_await kernel::lock(&parent->mmap_sem, "dup_mmap", kernel::Nest::kNo,
                            era().killable ? kernel::Wait::kKillable
                                           : kernel::Wait::kUninterruptible);
  if (rc != 0) {
    co_return rc;
  }
  for (vm_area_struct* vma = parent->mmap; vma != nullptr && rc == 0;
       vma = vma->vm_next) {
    rc = co_await DupVma(child, vma);
  }
  co_await kernel::up_write(&parent->mmap_sem, "dup_mmap");
  co_return rc;
}

}  // namespace mmfault::mm
