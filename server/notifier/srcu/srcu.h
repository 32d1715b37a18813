// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// srcu.h: notifiers under one global SRCU domain, as of Linux 3.7 to 3.10.
//
// Models mm/mmu_notifier.c since 21a92735f660: as under RCU before, but methods
// may sleep, and the domain is the whole machine's, so that an exit or an
// unregistration waits for the walkers of every mm. Three points of its
// history, which is that of one race:
//
//   3.7   releases, then unlinks; unregister tests and unlinks in two steps,
//         so exit may do both in between: a second release (P10) and a null
//         dereference (P11). Allocates while it holds every lock
//   3.9   unlinks, then releases (751efd8610d3): exactly once, but what is
//         invalidated between the two is lost again (P13)
//   3.10  releases, then unlinks unless it is gone (d34883d4e35c): P10 stays

#ifndef MMFAULT_SERVER_NOTIFIER_SRCU_SRCU_H_
#define MMFAULT_SERVER_NOTIFIER_SRCU_SRCU_H_

#include "server/notifier/protocol.h"

namespace mmfault::notifier {

extern const Protocol kV3_7;
extern const Protocol kV3_9;
extern const Protocol kV3_10;

}  // namespace mmfault::notifier

#endif  // MMFAULT_SERVER_NOTIFIER_SRCU_SRCU_H_
