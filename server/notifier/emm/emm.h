// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// emm.h: Christoph Lameter's alternative: one callback, one linked list.
//
// Models "EMM Notifier" as it was mailed and mended:
//
//   emm_v1           3 Mar 2008: links with two plain stores, in no order that
//                    another CPU has to see (P08)
//   emm_v1_barriers  2 Apr 2008: the same with smp_wmb() and smp_rmb()
//   emm_v2           as posted on 2 Apr 2008: rcu_assign_pointer(); a comment
//                    asks callers to hold mmap_sem for write
//   emm_v2_fixed     its fix-up of the same day: a walk goes on after a
//                    non-zero answer and returns the first negative one, or
//                    the sum of the others
//   emm_single       an alternative of that day: BUG_ON(mm_users != 1), plain
//                    stores, and an unregister
//   emm_stop_start   the other: who is registered is stopped while the list
//                    changes; its unregister writes e->next once too often
//   emm_v3           4 Apr 2008, what the seed mail answers: the fixed V2 with
//                    mm_lock() around the linking
//
// Up to V2 as posted a walk stops at the first non-zero answer, and so do the
// alternatives.
//
// Every site, single-page ones under a rmap lock too, calls invalidate_start
// before and invalidate_end after. There is no error, and no unregister but in
// the two alternatives.
//
// The single callback with its operation code is served through mmu_notifier's
// methods: release, invalidate_start, invalidate_end, referenced, and two of
// its own, stop and start.
//
// Registration takes no lock before V3, and mmfault's callers hold none, so
// that sections under mmap_sem race with it as well (P01). Those under a rmap
// lock do whatever the caller holds (P03).

#ifndef MMFAULT_SERVER_NOTIFIER_EMM_EMM_H_
#define MMFAULT_SERVER_NOTIFIER_EMM_EMM_H_

#include "server/notifier/protocol.h"

namespace mmfault::notifier {

extern const Protocol kEmmV1;
extern const Protocol kEmmV1Barriers;
extern const Protocol kEmmV2;
extern const Protocol kEmmV2Fixed;
extern const Protocol kEmmSingle;
extern const Protocol kEmmStopStart;
extern const Protocol kEmmV3;

}  // namespace mmfault::notifier

#endif  // MMFAULT_SERVER_NOTIFIER_EMM_EMM_H_
