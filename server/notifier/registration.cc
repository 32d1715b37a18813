// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/notifier/registration.h"

#include <algorithm>

#include "server/kernel/errno.h"

namespace mmfault::notifier {
namespace {

using kernel::ReportHere;
using trace::Cause;
using trace::Checker;

// What must be the same after a call as before it.
struct Ledger {
  uint32_t locks_held;
  int64_t live_allocations;
  bool hashed;
};

Ledger Enter(const mmu_notifier* mn) {
  sched::TaskRecord& task = *kernel::Current();
  task.vma_steps = 0;
  task.vma_steps_untested = 0;
  task.vma_steps_untested_max = 0;
  task.mm_lock_vmas = 0;
  return {task.locks_held, task.live_allocations, !hlist_unhashed(mn->hlist)};
}

bool Allowed(std::span<const int> errors, int rc) {
  return rc == 0 || std::find(errors.begin(), errors.end(), rc) != errors.end();
}

void CheckReturn(const Ledger& before, std::span<const int> errors, int rc,
                 const mm_struct* mm) {
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
  if (!mm->object.freed() && mm->lock_marks != 0 && mm->mmap_sem.owner == 0) {
    ReportHere(Checker::kLockFlagsClear, Cause::kLockFlagLeft, mm->object.key(),
               static_cast<uint64_t>(mm->lock_marks));
  }
  if (!Allowed(errors, rc)) {
    ReportHere(Checker::kErrorsAsSpecified, Cause::kErrorNotSpecified,
               mm->object.key(), static_cast<uint64_t>(-rc));
  }
}

// N is counted while mmap_sem is held: the mm may have changed since.
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

}  // namespace

Task<int> Register(const Protocol& protocol, mmu_notifier* mn, mm_struct* mm) {
  const Ledger before = Enter(mn);
  const Registration was = mn->registration;
  co_await kernel::FaultPoint(faults::Point::kRegisterEnter, mm->object.id);
  co_await kernel::CheckLive(mm->object, Cause::kFreedObjectUsed);
  co_await kernel::CheckLive(mn->object, Cause::kFreedNotifierUsed);
  mn->registration = Registration::kRegistered;
  mn->registered_step =
      static_cast<uint64_t>(kernel::ThisWorld()->state().step_count);
  mn->release_count = 0;
  const int rc = co_await protocol.mmu_notifier_register(mn, mm);
  CheckReturn(before, protocol.register_errors, rc, mm);
  CheckSignalBound(protocol, mm);
  if (rc != 0) {
    mn->registration = was;
    if (!before.hashed && !hlist_unhashed(mn->hlist)) {
      ReportHere(Checker::kErrorLeavesState, Cause::kRegisteredAfterError,
                 mn->object.key(), static_cast<uint64_t>(-rc));
    }
  }
  co_return rc;
}

Task<int> Unregister(const Protocol& protocol, mmu_notifier* mn,
                     mm_struct* mm) {
  if (protocol.mmu_notifier_unregister == nullptr) {
    co_return -EOPNOTSUPP;
  }
  const Ledger before = Enter(mn);
  co_await kernel::FaultPoint(faults::Point::kUnregisterEnter, mm->object.id);
  co_await kernel::CheckLive(mm->object, Cause::kFreedObjectUsed);
  co_await kernel::CheckLive(mn->object, Cause::kFreedNotifierUsed);
  const int rc = co_await protocol.mmu_notifier_unregister(mn, mm);
  CheckReturn(before, protocol.unregister_errors, rc, mm);
  CheckSignalBound(protocol, mm);
  if (rc == 0) {
    mn->registration = Registration::kUnregistered;
    mn->unregister_task =
        static_cast<int8_t>(kernel::ThisWorld()->current_slot());
    mn->unregister_step =
        static_cast<uint64_t>(kernel::ThisWorld()->state().step_count);
  } else if (before.hashed && hlist_unhashed(mn->hlist)) {
    ReportHere(Checker::kErrorLeavesState, Cause::kStateChangedByError,
               mn->object.key(), static_cast<uint64_t>(-rc));
  }
  co_return rc;
}

void FreeNotifier(mmu_notifier* mn) {
  if (mn->object.freed()) {
    ReportHere(Checker::kNoUseAfterFree, Cause::kDoubleFree, mn->object.key());
    return;
  }
  mn->object.life = sched::Life::kFreed;
}

}  // namespace mmfault::notifier
