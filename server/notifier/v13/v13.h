// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// v13.h: the last patches before the merge: sorted arrays, then SRCU.
//
// Models #v13 to #v16 of "mmu notifier" (Andrea Arcangeli, linux-kernel, 22 Apr
// to 6 May 2008). mm_lock() collects the rmap locks of all VMAs in two arrays
// and sorts them, so that a registration costs O(N log N); it no longer looks
// for signals, and -ENOMEM is the only error.
//
//   v13  a plain list; unregister is a full mm_lock(), needs mm_users and does
//        not call ->release(), as in #v12
//   v14  per-mm SRCU around every walk and ->release(); a pin on mm_count per
//        notifier; unregister cannot fail, costs no mm_lock(), is legal before
//        and after exit_mmap() and calls ->release() if exit has not. All
//        anon_vma locks are taken before all i_mmap_locks, against the order of
//        mm/rmap.c (P36). mm_lock()'s cookie is on the caller's stack.
//   v15  mends two mistakes of v14, which are mutants here:
//        mm_lock_allocates_inside (P42), mm_unlock_tests_pointer (P37b)
//   v16  has __mmu_notifier_register() too, for callers that hold mmap_sem
//
// v14 to v16 unlink a notifier and then release it: exactly once, but what is
// invalidated in between is lost (P13).
//
// Where it is not known how #v13 ordered the classes, it is as in #v12.

#ifndef MMFAULT_SERVER_NOTIFIER_V13_V13_H_
#define MMFAULT_SERVER_NOTIFIER_V13_V13_H_

#include "server/notifier/protocol.h"

namespace mmfault::notifier {

extern const Protocol kV13;
extern const Protocol kV14;
extern const Protocol kV15;
extern const Protocol kV16;

}  // namespace mmfault::notifier

#endif  // MMFAULT_SERVER_NOTIFIER_V13_V13_H_
