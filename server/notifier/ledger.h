// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// ledger.h: what must be the same after a call of a notifier function as before
// it. Shared by the files that implement registration.h.

#ifndef MMFAULT_SERVER_NOTIFIER_LEDGER_H_
#define MMFAULT_SERVER_NOTIFIER_LEDGER_H_

#include <span>

#include "server/notifier/protocol.h"

namespace mmfault::notifier {

struct Ledger {
  uint32_t locks_held;
  int64_t live_allocations;
  bool hashed;
};

// Also restarts the task's counts of VMA visits. `mn` may be null.
Ledger EnterCall(const mmu_notifier* mn);

// Reports locks and allocations that are left, marks of mm_lock, and an error
// that is in neither list. `mm` may have been freed meanwhile.
void CheckReturn(const Ledger& before, std::span<const int> errors, int rc,
                 const mm_struct* mm, std::span<const int> more_errors = {});

// Reports a signal test that came too late. N is counted while mmap_sem is
// held: the mm may have changed since.
void CheckSignalBound(const Protocol& protocol, const mm_struct* mm);

// A step that changes the books of a notifier which others may know: so that
// the search tries every order against calls of its methods.
inline kernel::Point BooksStep(const mmu_notifier* mn, const char* where) {
  return {
      {trace::OpKind::kWrite, trace::Access::kWrite, mn->object.key(), where}};
}

// The notifier's books when a registration begins: it may be called from here
// on.
void BeginRegistration(mmu_notifier* mn);
// ... and when it has left: nobody may call it any more.
void EndRegistration(mmu_notifier* mn);

}  // namespace mmfault::notifier

#endif  // MMFAULT_SERVER_NOTIFIER_LEDGER_H_
