// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Operations on an address space, and references to it.

#include "server/kernel/errno.h"
#include "server/mm/era.h"
#include "server/mm/fork.h"
#include "server/mm/memory.h"
#include "server/mm/mmap.h"
#include "server/scenario/machine.h"
#include "server/scenario/steps.h"

namespace mmfault::scenario {
namespace {

using mm::mm_struct;
using sched::Task;

Task<int> TouchRange(mm_struct* mm, uint64_t start, uint64_t end, bool write) {
  for (uint64_t address = start; address < end; address += mm::kPageSize) {
    const int rc = co_await mm::access_page(mm, address, write);
    if (rc != 0) {
      co_return rc;
    }
  }
  co_return 0;
}

Task<int> Mmap(mm_struct* mm, const StepSpec* step) {
  uint64_t flags = mm::VM_READ;
  if (!step->flag) {
    flags |= mm::VM_WRITE;
  }
  if (step->shared) {
    flags |= mm::VM_SHARED;
  }
  mm::address_space* file =
      step->file == nullptr ? nullptr : step->file->file.get();
  int rc =
      co_await mm::do_mmap(mm, step->start, step->end, flags, file, step->a);
  if (rc == 0 && step->populate) {
    rc = co_await TouchRange(mm, step->start, step->end, !step->flag);
  }
  co_return rc;
}

Task<int> Fork(Program* program, mm_struct* parent, const StepSpec* step) {
  mm_struct* child = mm::mm_alloc();
  Machine::Of(kernel::ThisWorld())->NameMm(step->child, child);
  const int rc = co_await mm::dup_mmap(child, parent);
  if (rc != 0) {
    step->child->mm = nullptr;
    co_await mm::mmput(child);
    co_return rc;
  }
  step->child->mm = child;
  step->child->mm_id = child->object.id;
  PushRef(program, step->child);
  co_return 0;
}

Task<int> OnMm(Program* program, mm_struct* mm, const StepSpec* step) {
  int rc = -EINVAL;
  switch (step->kind) {
    case StepKind::kMmap:
      rc = co_await Mmap(mm, step);
      break;
    case StepKind::kMunmap:
      rc = co_await mm::do_munmap(mm, step->start, step->end);
      break;
    case StepKind::kTouch:
      rc = co_await TouchRange(mm, step->start, step->end, step->flag);
      break;
    case StepKind::kMprotect:
      rc = co_await mm::do_mprotect(
          mm, step->start, step->end,
          step->flag ? mm::VM_READ : mm::VM_READ | mm::VM_WRITE);
      break;
    case StepKind::kMadvise:
      rc = co_await mm::madvise_dontneed(mm, step->start, step->end);
      break;
    case StepKind::kFork:
      rc = co_await Fork(program, mm, step);
      break;
    default:
      break;
  }
  co_return rc;
}

// A task without a reference of its own takes one for the call, as
// process_madvise() and ptrace do.
Task<int> WithReference(Program* program, const StepSpec* step) {
  mm_struct* mm = MmOf(step->mm);
  const bool alive = co_await mm::mmget_not_zero(mm);
  if (!alive) {
    co_return -ESRCH;
  }
  const int rc = co_await OnMm(program, mm, step);
  co_await mm::mmput(mm);
  co_return rc;
}

Task<int> Mmput(Program* program, const StepSpec* step) {
  if (!PopRef(program, step->mm) && step->mm->unowned > 0) {
    step->mm->unowned -= 1;
  }
  co_await mm::mmput(MmOf(step->mm));
  co_return 0;
}

Task<int> Teardown(const StepSpec* step) {
  co_await kernel::Yield("force_teardown");
  co_return Machine::Of(kernel::ThisWorld())->Teardown(step->mm, step->flag);
}

}  // namespace

Task<> ExitForced(mm_struct* mm) {
  co_await mm::exit_mmap(mm);
  co_await mm::mmdrop(mm);
}

Task<int> RunMmStep(Program* program, const StepSpec* step) {
  if (step->kind == StepKind::kTruncate) {
    const int rc = co_await mm::do_truncate(step->file->file, step->a);
    co_return rc;
  }
  mm_struct* mm = MmOf(step->mm);
  if (mm == nullptr || mm->object.freed()) {
    co_return -ESRCH;
  }
  int rc = 0;
  if (step->kind == StepKind::kReclaim) {
    rc = co_await mm::reclaim_page(mm, step->start);  // kswapd pins nothing
    co_return rc == -ENOENT ? -EAGAIN : rc;
  }
  if (HoldsRef(program, step->mm)) {
    rc = co_await OnMm(program, mm, step);
  } else {
    rc = co_await WithReference(program, step);
  }
  co_return rc;
}

Task<int> RunReferenceStep(Program* program, const StepSpec* step) {
  mm_struct* mm = MmOf(step->mm);
  if (mm == nullptr) {
    co_return -ESRCH;
  }
  int rc = 0;
  switch (step->kind) {
    case StepKind::kMmget:
      co_await mm::mmget(mm);
      PushRef(program, step->mm);
      break;
    case StepKind::kMmgetNotZero: {
      const bool got = co_await mm::mmget_not_zero(mm);
      if (got) {
        PushRef(program, step->mm);
        rc = 1;
      }
      break;
    }
    case StepKind::kMmput:
      rc = co_await Mmput(program, step);
      break;
    case StepKind::kMmgrab:
      co_await mm::mmgrab(mm);
      break;
    case StepKind::kMmdrop:
      co_await mm::mmdrop(mm);
      break;
    case StepKind::kForceTeardown:
      rc = co_await Teardown(step);
      break;
    case StepKind::kExitForced:
      co_await ExitForced(mm);
      break;
    default:
      break;
  }
  co_return rc;
}

}  // namespace mmfault::scenario
