// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// designs.h: the ways to take all rmap locks of an mm and give them back.
//
// Each design is a cookie type and two functions, which registration.h puts a
// registration around. mm_lock() returns 0 with mmap_sem and every rmap lock
// of the mm held, or an error with nothing held and nothing allocated. The
// cookie lives in the caller's frame; mm_unlock() cannot fail.
//
// Requires of both: the caller holds no lock of the mm and a pin on mm_users.
// A task may be inside one mm_lock at a time. Both sleep at first; from the
// first rmap lock to the last unlock they do not, where those are spinlocks.

#ifndef MMFAULT_SERVER_NOTIFIER_V12_DESIGNS_H_
#define MMFAULT_SERVER_NOTIFIER_V12_DESIGNS_H_

#include "server/kernel/slab.h"
#include "server/notifier/v12/scan.h"

namespace mmfault::notifier::v12 {

// v12: the locks are collected in two arrays first, with a signal test at every
// VMA, and taken afterwards, with none. -EINTR comes from the scans only,
// -ENOMEM from the cookie or one of its arrays.
//
// Cost for N VMAs with Di files and Da anon_vmas: N + N(Di+1) + N(Da+1) VMA
// visits to lock, none to unlock; two arrays of N entries.
struct CookieArrays {
  using Cookie = kernel::allocation*;  // holds a mm_lock_data
  static Task<int> mm_lock(mm_struct* mm, Cookie* cookie);
  static Task<> mm_unlock(mm_struct* mm, Cookie* cookie);
};

// seed_flags: locks are taken as the scan finds them; a bit in a VMA says that
// the lock of that class was taken through it. A signal at any VMA step, or
// while waiting where rmap locks are mutexes, rolls back in one pass. -EINTR is
// the only error.
//
// Cost: N(Di+1) + N(Da+1) VMA visits to lock, N to unlock; no memory.
//
// seed_flags_naive: takes the lock of each VMA whose bit is not set, in the
// order of the VMAs. Wrong on purpose: the bit belongs to the VMA, the lock is
// shared.
template <bool naive>
struct VmaFlags {
  struct Cookie {};
  static Task<int> mm_lock(mm_struct* mm, Cookie* cookie);
  static Task<> mm_unlock(mm_struct* mm, Cookie* cookie);
};

// seed_bitmaps: as VmaFlags, with the two bits in vmalloc'd bitmaps indexed by
// a VMA's place in address order, which cannot change while mmap_sem is held
// for write. Adds -ENOMEM, always before the first rmap lock.
//
// Cost: as VmaFlags, and 2 * ceil(N / 8) bytes.
struct CookieBitmaps {
  struct Cookie {
    kernel::allocation* i_mmap;
    kernel::allocation* anon_vma;
  };
  static Task<int> mm_lock(mm_struct* mm, Cookie* cookie);
  static Task<> mm_unlock(mm_struct* mm, Cookie* cookie);
};

// seed_threshold: -EPERM when the mm has more VMAs than the world's
// vma_threshold and the task is not capable; then #v11's rescans, both to lock
// and to unlock, with no signal test.
//
// Cost: N(Di+1) + N(Da+1) VMA visits to lock, the same again to unlock.
struct VmaThreshold {
  struct Cookie {};
  static Task<int> mm_lock(mm_struct* mm, Cookie* cookie);
  static Task<> mm_unlock(mm_struct* mm, Cookie* cookie);
};

}  // namespace mmfault::notifier::v12

#endif  // MMFAULT_SERVER_NOTIFIER_V12_DESIGNS_H_
