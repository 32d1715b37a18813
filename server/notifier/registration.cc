// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/notifier/registration.h"

#include "server/kernel/barrier.h"
#include "server/kernel/errno.h"
#include "server/notifier/ledger.h"

namespace mmfault::notifier {
namespace {

using kernel::ReportHere;
using trace::Cause;
using trace::Checker;

// As a caller that has work of its own to do under mmap_sem.
Task<int> RegisterUnderMmapSem(const Protocol& protocol, mmu_notifier* mn,
                               mm_struct* mm) {
  co_await kernel::down_write(&mm->mmap_sem, "mmap_write_lock");
  const int rc = co_await protocol.mmu_notifier_register_locked(mn, mm);
  co_await kernel::up_write(&mm->mmap_sem, "mmap_write_unlock");
  co_return rc;
}

// The driver allocates its notifier, stores `ops` in it and registers, with no
// barrier in between: whether others see the fields is the protocol's business.
Task<> InitialiseNotifier(mmu_notifier* mn) {
  mn->ops_junk = true;
  mn->hlist.next = JunkNode();
  co_await kernel::StorePlain(mn->ops_junk, false, "mn->ops = ops");
}

}  // namespace

Task<int> Register(const Protocol& protocol, mmu_notifier* mn, mm_struct* mm,
                   bool locked) {
  if (locked && protocol.mmu_notifier_register_locked == nullptr) {
    co_return -EOPNOTSUPP;
  }
  const Ledger before = EnterCall(mn);
  const Registration was = mn->registration;
  co_await kernel::FaultPoint(faults::Point::kRegisterEnter,
                              kernel::At(mm, mn));
  co_await kernel::CheckLive(mm->object, Cause::kFreedObjectUsed);
  co_await kernel::CheckLive(mn->object, Cause::kFreedNotifierUsed);
  if (kernel::ThisWorld()->pso() && was == Registration::kNever) {
    co_await InitialiseNotifier(mn);
  }
  // One that never was registered is known to its owner alone.
  const bool known = was != Registration::kNever;
  if (known) {
    co_await BooksStep(mn, "mmu_notifier_register");
  }
  BeginRegistration(mn);
  int rc = 0;
  if (locked) {
    rc = co_await RegisterUnderMmapSem(protocol, mn, mm);
  } else {
    rc = co_await protocol.mmu_notifier_register(mn, mm);
  }
  CheckReturn(before, protocol.register_errors, rc, mm);
  CheckSignalBound(protocol, mm);
  if (rc != 0) {
    if (known) {
      co_await BooksStep(mn, "mmu_notifier_register");
    }
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
  const Ledger before = EnterCall(mn);
  co_await kernel::FaultPoint(faults::Point::kUnregisterEnter,
                              kernel::At(mm, mn));
  co_await kernel::CheckLive(mm->object, Cause::kFreedObjectUsed);
  co_await kernel::CheckLive(mn->object, Cause::kFreedNotifierUsed);
  const int rc = co_await protocol.mmu_notifier_unregister(mn, mm);
  CheckReturn(before, protocol.unregister_errors, rc, mm);
  CheckSignalBound(protocol, mm);
  if (rc == 0) {
    co_await BooksStep(mn, "mmu_notifier_unregister");
    EndRegistration(mn);  // from here on no callback may come
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
  // Written once: whoever frees link by link has named each in its own step.
  if (!mn->next_freed) {
    mn->next_freed = true;
  }
  if (!mn->tree_next_freed) {
    mn->tree_next_freed = true;
  }
}

}  // namespace mmfault::notifier
