// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// What the system does to address spaces. These calls take the references that
// they need themselves, as the kernel's do.

#include "server/kernel/errno.h"
#include "server/kernel/signal.h"
#include "server/mm/khugepaged.h"
#include "server/mm/ksm.h"
#include "server/mm/migrate.h"
#include "server/mm/oom_kill.h"
#include "server/mm/task_mmu.h"
#include "server/scenario/machine.h"
#include "server/scenario/steps.h"

namespace mmfault::scenario {
namespace {

using mm::mm_struct;
using sched::Task;

bool IsDying(const Program& program) {
  const sched::TaskRecord* task = program.task;
  return program.exiting || kernel::fatal_signal_pending(*task);
}

// Rule: a process is named, not an mm: with none left that has the mm there is
// nobody to name (-ESRCH), and every process that shares it has to be dying.
// Kernel: mm/oom_kill.c:process_mrelease(), task_will_free_mem(), v6.1.
Task<int> ProcessMrelease(const MmRef* ref, mm_struct* mm) {
  bool found = false;
  bool dying = true;
  for (const auto& [id, program] : Machine::Of(kernel::ThisWorld())->tasks()) {
    if (program->own == ref && program->task != nullptr &&
        HoldsRef(program, ref)) {
      found = true;
      dying = dying && IsDying(*program);
    }
  }
  if (!found) {
    co_return -ESRCH;
  }
  const int rc = co_await mm::process_mrelease(mm, dying);
  co_return rc;
}

Task<int> OnMm(const StepSpec* step, mm_struct* mm) {
  int rc = -EINVAL;
  switch (step->kind) {
    case StepKind::kMovePages:
      rc = co_await mm::do_pages_move(mm, step->start, step->end);
      break;
    case StepKind::kClearRefs:
      rc = co_await mm::clear_refs_write(mm, step->flag
                                                 ? mm::ClearRefs::kSoftDirty
                                                 : mm::ClearRefs::kReferenced);
      break;
    case StepKind::kProcessMrelease:
      rc = co_await ProcessMrelease(step->mm, mm);
      break;
    case StepKind::kOomReap:
      rc = co_await mm::oom_reap_task_mm(mm);
      break;
    default:
      break;
  }
  co_return rc;
}

}  // namespace

bool IsSystemStep(StepKind kind) {
  switch (kind) {
    case StepKind::kMovePages:
    case StepKind::kKsmScan:
    case StepKind::kClearRefs:
    case StepKind::kProcessMrelease:
    case StepKind::kOomReap:
    case StepKind::kCollapseFile:
      return true;
    default:
      return false;
  }
}

Task<int> RunSystemStep(const StepSpec* step) {
  int rc = 0;
  if (step->kind == StepKind::kKsmScan) {
    rc = co_await mm::ksm_do_scan();
    co_return rc;
  }
  if (step->kind == StepKind::kCollapseFile) {
    rc = co_await mm::collapse_file(step->file->file, step->a);
    co_return rc;
  }
  mm_struct* mm = MmOf(step->mm);
  if (mm == nullptr || mm->object.freed()) {
    co_return -ESRCH;
  }
  rc = co_await OnMm(step, mm);
  co_return rc;
}

}  // namespace mmfault::scenario
