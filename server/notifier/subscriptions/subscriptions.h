// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// subscriptions.h: today's notifiers, as mm/mmu_notifier.c of 6.1 to 7.3 has
// them.
//
// Models one notifier_subscriptions object per mm, made by the first
// registration; list notifiers, registered under mm_take_all_locks(), walked
// under the one SRCU domain, released before they are unlinked, so that no
// invalidation is lost and a release may run twice; shared list notifiers that
// are got and put, and freed after a grace period; intervals, whose readers
// retry when an invalidation came in between, and whose tree stands still while
// one is under way. The members differ by a table: which hooks there are, what
// is refused, one pass over the intervals or two.
//
// Left out: the lockdep map of range_start, fs_reclaim among it.

#ifndef MMFAULT_SERVER_NOTIFIER_SUBSCRIPTIONS_SUBSCRIPTIONS_H_
#define MMFAULT_SERVER_NOTIFIER_SUBSCRIPTIONS_SUBSCRIPTIONS_H_

#include "server/notifier/protocol.h"

namespace mmfault::notifier {

extern const Protocol kV6_1;
extern const Protocol kV6_12;
extern const Protocol kV7_3;

}  // namespace mmfault::notifier

#endif  // MMFAULT_SERVER_NOTIFIER_SUBSCRIPTIONS_SUBSCRIPTIONS_H_
