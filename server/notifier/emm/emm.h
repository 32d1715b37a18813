// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// emm.h: Christoph Lameter's alternative: one callback, one linked list.
//
// Models two versions of "EMM Notifier":
//
//   emm_v2  as posted on 2 Apr 2008: registration links with
//           rcu_assign_pointer() and takes no lock; its comment asks the caller
//           to hold mmap_sem for write. A walk stops at the first non-zero
//           answer.
//   emm_v3  4 Apr 2008, what the seed mail answers: mm_lock() around the same
//           linking; a walk goes on and returns the first negative answer, or
//           the sum of the others (the fix-up of 2 Apr).
//
// Every site, single-page ones under a rmap lock too, calls invalidate_start
// before and invalidate_end after. There is no unregister and no error.
//
// The single callback with its operation code is served through mmu_notifier's
// methods: release, invalidate_start, invalidate_end and referenced.
//
// Registration takes no lock in emm_v2, and mmfault's callers hold none, so
// that sections under mmap_sem race with it as well (P01). Those under a rmap
// lock do whatever the caller holds (P03).

#ifndef MMFAULT_SERVER_NOTIFIER_EMM_EMM_H_
#define MMFAULT_SERVER_NOTIFIER_EMM_EMM_H_

#include "server/notifier/protocol.h"

namespace mmfault::notifier {

extern const Protocol kEmmV2;
extern const Protocol kEmmV3;

}  // namespace mmfault::notifier

#endif  // MMFAULT_SERVER_NOTIFIER_EMM_EMM_H_
