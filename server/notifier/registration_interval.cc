// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include <array>

#include "server/kernel/errno.h"
#include "server/notifier/ledger.h"
#include "server/notifier/registration.h"

namespace mmfault::notifier {
namespace {

constexpr std::array<int, 2> kInsertErrors = {-EOVERFLOW, -EINVAL};

}  // namespace

Task<int> Insert(const Protocol& protocol, mmu_interval_notifier* sub,
                 mm_struct* mm, uint64_t start, uint64_t length) {
  mmu_notifier* mn = sub->mn;
  const Ledger before = EnterCall(mn);
  const Registration was = mn->registration;
  co_await kernel::FaultPoint(faults::Point::kRegisterEnter,
                              kernel::At(mm, mn));
  co_await kernel::CheckLive(mm->object, trace::Cause::kFreedObjectUsed);
  co_await kernel::CheckLive(mn->object, trace::Cause::kFreedNotifierUsed);
  const bool known = was != Registration::kNever;
  if (known) {
    co_await BooksStep(mn, "mmu_interval_notifier_insert");
  }
  BeginRegistration(mn);
  const int rc =
      co_await protocol.mmu_interval_notifier_insert(sub, mm, start, length);
  CheckReturn(before, protocol.register_errors, rc, mm, kInsertErrors);
  CheckSignalBound(protocol, mm);
  if (rc != 0) {
    if (known) {
      co_await BooksStep(mn, "mmu_interval_notifier_insert");
    }
    mn->registration = was;
  }
  co_return rc;
}

Task<> Remove(const Protocol& protocol, mmu_interval_notifier* sub) {
  mmu_notifier* mn = sub->mn;
  mm_struct* mm = sub->mm;
  const Ledger before = EnterCall(mn);
  co_await kernel::FaultPoint(faults::Point::kUnregisterEnter,
                              kernel::At(mm, mn));
  co_await kernel::CheckLive(mn->object, trace::Cause::kFreedNotifierUsed);
  co_await kernel::CheckLive(mm->object, trace::Cause::kFreedObjectUsed);
  co_await protocol.mmu_interval_notifier_remove(sub);
  CheckReturn(before, {}, 0, mm);
  co_await BooksStep(mn, "mmu_interval_notifier_remove");
  EndRegistration(mn);
}

}  // namespace mmfault::notifier
