// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// rcu.h: notifiers under RCU, as Linux had them from 2.6.27 to 3.6.
//
// Models mm/mmu_notifier.c as merged (cddb8a5c14aa) with mm_take_all_locks()
// (7906d00cd1f6): a list that walkers read under rcu_read_lock(), so that no
// method may sleep; registration under every lock of the mm; unregistration
// that cannot fail and works after exit_mmap() too, for the price of a grace
// period. Three points of its history:
//
//   2.6.27-rc1  takes the rmap locks VMA by VMA, anon_vma first (P36)
//   2.6.27      by class; unlinks, then releases: exactly once, but what is
//               invalidated between the two is lost (P13)
//   3.6         releases, then unlinks (3ad3d901bbcf): nothing is lost, but
//               exit and unregister may both release (P10), and both unlink
//               (P11)

#ifndef MMFAULT_SERVER_NOTIFIER_RCU_RCU_H_
#define MMFAULT_SERVER_NOTIFIER_RCU_RCU_H_

#include "server/notifier/protocol.h"

namespace mmfault::notifier {

extern const Protocol kV2_6_27Rc1;
extern const Protocol kV2_6_27;
extern const Protocol kV3_6;

}  // namespace mmfault::notifier

#endif  // MMFAULT_SERVER_NOTIFIER_RCU_RCU_H_
