// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// registration.h: register and unregister as a caller makes them, with the
// rules that hold for every protocol checked around the call: the locks and
// allocations of the task are what they were (locks_balanced,
// no_allocation_leak), no mark of mm_lock is left (lock_flags_clear), the error
// is one that the design may return (errors_as_specified), and after an error
// the notifier and its pins are as before (error_leaves_state).

#ifndef MMFAULT_SERVER_NOTIFIER_REGISTRATION_H_
#define MMFAULT_SERVER_NOTIFIER_REGISTRATION_H_

#include "server/notifier/protocol.h"

namespace mmfault::notifier {

// Returns what the protocol's function returned.
Task<int> Register(const Protocol& protocol, mmu_notifier* mn, mm_struct* mm);

// -EOPNOTSUPP where the design has no unregister; else as the protocol.
Task<int> Unregister(const Protocol& protocol, mmu_notifier* mn, mm_struct* mm);

// The owner frees the memory of a notifier, rightly or not.
void FreeNotifier(mmu_notifier* mn);

}  // namespace mmfault::notifier

#endif  // MMFAULT_SERVER_NOTIFIER_REGISTRATION_H_
