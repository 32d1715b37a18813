// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// registration.h: register and unregister, get and put, insert and remove as a
// caller makes them, with the rules that hold for every protocol checked around
// the call: the locks and allocations of the task are what they were
// (locks_balanced, no_allocation_leak), no mark of mm_lock is left
// (lock_flags_clear), the error is one that the design may return
// (errors_as_specified), and after an error the notifier and its pins are as
// before (error_leaves_state).

#ifndef MMFAULT_SERVER_NOTIFIER_REGISTRATION_H_
#define MMFAULT_SERVER_NOTIFIER_REGISTRATION_H_

#include "server/notifier/protocol.h"

namespace mmfault::notifier {

// Returns what the protocol's function returned. `locked`: the caller takes
// mmap_sem itself; -EOPNOTSUPP where the design has no function for that.
Task<int> Register(const Protocol& protocol, mmu_notifier* mn, mm_struct* mm,
                   bool locked = false);

// -EOPNOTSUPP where the design has no unregister; else as the protocol.
Task<int> Unregister(const Protocol& protocol, mmu_notifier* mn, mm_struct* mm);

// Require: Has(protocol, kind) of each.
// `alloc_rc`: what alloc_notifier() will answer, an error of its own.
Task<int> Get(const Protocol& protocol, const mmu_notifier_ops* ops,
              mm_struct* mm, int alloc_rc, mmu_notifier** result);
Task<> Put(const Protocol& protocol, mmu_notifier* mn);
Task<int> Insert(const Protocol& protocol, mmu_interval_notifier* sub,
                 mm_struct* mm, uint64_t start, uint64_t length);
Task<> Remove(const Protocol& protocol, mmu_interval_notifier* sub);

// The owner frees the memory of a notifier, rightly or not.
void FreeNotifier(mmu_notifier* mn);

}  // namespace mmfault::notifier

#endif  // MMFAULT_SERVER_NOTIFIER_REGISTRATION_H_
