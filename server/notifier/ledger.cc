// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/notifier/ledger.h"

#include <algorithm>

namespace mmfault::notifier {
namespace {

using kernel::ReportHere;
using trace::Cause;
using trace::Checker;

bool Allowed(std::span<const int> errors, int rc) {
  return rc == 0 || std::find(errors.begin(), errors.end(), rc) != errors.end();
}

bool MarksLeft(const mm_struct* mm) {
  // Marks change under mmap_sem only, and whoever leaves one looks himself.
  const trace::AccessPause pause;
  return !mm->object.freed() && mm->lock_marks != 0 && mm->mmap_sem.owner == 0;
}

}  // namespace

Ledger EnterCall(const mmu_notifier* mn) {
  // `hashed` is asked for after an error only, and then once more.
  const trace::AccessPause pause;
  sched::TaskRecord& task = *kernel::Current();
  task.vma_steps = 0;
  task.vma_steps_untested = 0;
  task.vma_steps_untested_max = 0;
  task.mm_lock_vmas = 0;
  return {task.locks_held, task.live_allocations,
          mn != nullptr && !hlist_unhashed(mn->hlist)};
}

void CheckReturn(const Ledger& before, std::span<const int> errors, int rc,
                 const mm_struct* mm, std::span<const int> more_errors) {
  const sched::TaskRecord& task = *kernel::Current();
  if (task.locks_held != before.locks_held) {
    ReportHere(Checker::kLocksBalanced, Cause::kLockHeldAtReturn,
               task.object.key(), task.locks_held - before.locks_held);
  }
  if (task.live_allocations != before.live_allocations) {
    ReportHere(
        Checker::kNoAllocationLeak, Cause::kAllocationLeaked, task.object.key(),
        static_cast<uint64_t>(task.live_allocations - before.live_allocations));
  }
  if (MarksLeft(mm)) {
    ReportHere(Checker::kLockFlagsClear, Cause::kLockFlagLeft, mm->object.key(),
               static_cast<uint64_t>(mm->lock_marks));
  }
  if (!Allowed(errors, rc) && !Allowed(more_errors, rc)) {
    ReportHere(Checker::kErrorsAsSpecified, Cause::kErrorNotSpecified,
               mm->object.key(), static_cast<uint64_t>(-rc));
  }
}

void CheckSignalBound(const Protocol& protocol, const mm_struct* mm) {
  const sched::TaskRecord& task = *kernel::Current();
  const uint64_t untested = task.vma_steps_untested_max;
  const uint64_t vmas = task.mm_lock_vmas;
  const auto factor = static_cast<uint64_t>(protocol.signal_bound_factor);
  if (factor != 0 && untested > factor * (vmas + 1)) {
    ReportHere(Checker::kSignalLatency, Cause::kSignalUnseen, mm->object.key(),
               untested, vmas);
  }
}

// A start whose end never came because of an unregistration is forgotten: a new
// life begins (P24).
void BeginRegistration(mmu_notifier* mn) {
  if (mn->open_total != 0 && mn->registration != Registration::kRegistered) {
    for (Cell<uint8_t>& open : mn->open) {
      open = 0;
    }
    mn->open_total = 0;
  }
  mn->registration = Registration::kRegistered;
  mn->registered_step = kernel::ThisWorld()->state().step_count;
  mn->release_count = 0;
}

void EndRegistration(mmu_notifier* mn) {
  mn->registration = Registration::kUnregistered;
  mn->unregister_task =
      static_cast<int8_t>(kernel::ThisWorld()->current_slot());
  mn->unregister_step = kernel::ThisWorld()->state().step_count;
}

}  // namespace mmfault::notifier
