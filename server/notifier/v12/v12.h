// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// v12.h: #v12, and three ideas of the mail it answers.
//
// Models the mm_lock() that can fail: patches 1 and 2 of "[PATCH 0 of 9] mmu
// notifier #v12" (Andrea Arcangeli, linux-kernel, 8 Apr 2008), and the designs
// that "Re: [patch 02/10] emm: notifier logic" (Andrea Arcangeli, ofa-general,
// 7 Apr 2008) proposes in one paragraph. All of them
// keep #v11's plain list, its walks without RCU and its release at exit, and
// add errors and an unregister. They differ in how mm_lock() finds the rmap
// locks, when it may give up, and what mm_unlock() goes by:
//
//   v12             two vmalloc'd arrays of locks in a cookie
//   seed_flags      VM_MM_LOCK_I and VM_MM_LOCK_A bits in the VMAs
//   seed_flags_naive  the bit as the test of whether the lock is held: takes a
//                   shared lock twice (P34), and is here to be found
//   seed_bitmaps    the same two bits, in vmalloc'd bitmaps
//   seed_threshold  #v11's rescans; -EPERM beyond a number of VMAs
//
// Only v12 was ever posted. The others are a reading of the paragraph; the
// points it leaves open are decided at the functions (designs.h).
//
// Unregister is a full mm_lock() too: it fails with the same errors, and then
// the notifier stays registered. It does not call ->release(). It may not run
// once mm_users is 0, because exit_mmap() takes no lock.
//
// Locks: mmap_sem for write, then all i_mmap_locks, then all anon_vma locks,
// each class by ascending address. Callers hold none of them.

#ifndef MMFAULT_SERVER_NOTIFIER_V12_V12_H_
#define MMFAULT_SERVER_NOTIFIER_V12_V12_H_

#include "server/notifier/protocol.h"

namespace mmfault::notifier {

extern const Protocol kV12;
extern const Protocol kSeedFlags;
extern const Protocol kSeedFlagsNaive;
extern const Protocol kSeedBitmaps;
extern const Protocol kSeedThreshold;

}  // namespace mmfault::notifier

#endif  // MMFAULT_SERVER_NOTIFIER_V12_V12_H_
