// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// subscriptions.h: today's notifiers, as mm/mmu_notifier.c of 6.1 has them.
//
// Models list notifiers: one notifier_subscriptions object per mm, made by the
// first registration; mm_take_all_locks() under mmap_lock for registration;
// walks under the one SRCU domain; release before unlinking, so that no
// invalidation is lost and a release may run twice.
//
// Left out: interval notifiers, get and put, invalidate_range, change_pte,
// and the lockdep map of range_start.

#ifndef MMFAULT_SERVER_NOTIFIER_SUBSCRIPTIONS_SUBSCRIPTIONS_H_
#define MMFAULT_SERVER_NOTIFIER_SUBSCRIPTIONS_SUBSCRIPTIONS_H_

#include "server/notifier/protocol.h"

namespace mmfault::notifier {

extern const Protocol kV6_1;

}  // namespace mmfault::notifier

#endif  // MMFAULT_SERVER_NOTIFIER_SUBSCRIPTIONS_SUBSCRIPTIONS_H_
