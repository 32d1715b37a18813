// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include <array>

#include "server/kernel/errno.h"
#include "server/notifier/ledger.h"
#include "server/notifier/registration.h"

namespace mmfault::notifier {

Task<int> Get(const Protocol& protocol, const mmu_notifier_ops* ops,
              mm_struct* mm, int alloc_rc, mmu_notifier** result) {
  const Ledger before = EnterCall(nullptr);
  co_await kernel::FaultPoint(faults::Point::kRegisterEnter, mm->object.id);
  co_await kernel::CheckLive(mm->object, trace::Cause::kFreedObjectUsed);
  const int rc = co_await protocol.mmu_notifier_get(ops, mm, result);
  const std::array<int, 2> more_errors = {-EOVERFLOW, alloc_rc};
  CheckReturn(before, protocol.register_errors, rc, mm, more_errors);
  CheckSignalBound(protocol, mm);
  co_return rc;
}

Task<> Put(const Protocol& protocol, mmu_notifier* mn) {
  const Ledger before = EnterCall(mn);
  mm_struct* mm = mn->mm;
  co_await kernel::FaultPoint(faults::Point::kUnregisterEnter,
                              kernel::At(mm, mn));
  co_await kernel::CheckLive(mn->object, trace::Cause::kFreedNotifierUsed);
  co_await kernel::CheckLive(mm->object, trace::Cause::kFreedObjectUsed);
  co_await protocol.mmu_notifier_put(mn);
  CheckReturn(before, {}, 0, mm);
}

}  // namespace mmfault::notifier
