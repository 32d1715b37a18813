// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// seed_threshold: #v11's loops, for those who may run them.

#include "server/kernel/errno.h"
#include "server/notifier/v12/designs.h"

namespace mmfault::notifier::v12 {
namespace {

Task<> LockClassScanned(mm_struct* mm, RmapClass rmap_class) {
  uint64_t last = 0;
  while (true) {
    const ScanResult found =
        co_await FindNextLock(mm, rmap_class, last, ScanTest::kNone, "mm_lock");
    if (found.lock == nullptr) {
      co_return;
    }
    last = AddressOf(found.lock);
    co_await kernel::lock(found.lock, "mm_lock");
    co_await RmapLockTaken(mm);
  }
}

Task<> UnlockClassScanned(mm_struct* mm, RmapClass rmap_class) {
  uint64_t last = 0;
  while (true) {
    const ScanResult found = co_await FindNextLock(
        mm, rmap_class, last, ScanTest::kNone, "mm_unlock");
    if (found.lock == nullptr) {
      co_return;
    }
    last = AddressOf(found.lock);
    co_await kernel::unlock(found.lock, "mm_unlock");
  }
}

// Rule: counted under mmap_sem, or the mm could grow after the test.
Task<bool> Permitted(mm_struct* mm) {
  if (mm->map_count <= kernel::ThisWorld()->options().vma_threshold) {
    co_return true;
  }
  const bool privileged = co_await kernel::capable("mm_lock");
  co_return privileged;
}

}  // namespace

// Rule: who lacks the capability may not make the machine scan many VMAs with
// locks held; the bound holds with spinlocks and without preemption, where a
// signal test is of little use. Nothing fails after the first rmap lock.
// Kernel: mail "Re: [patch 02/10] emm: notifier logic", ofa-general, 7 Apr
// 2008: "mm_lock fail with -EPERM if there aren't enough capabilities and the
// number of vmas is bigger than a certain number"; never posted.
Task<int> VmaThreshold::mm_lock(mm_struct* mm, Cookie* /*cookie*/) {
  co_await DownMmapSem(mm, "mm_lock");
  co_await MmLockEntered(mm);
  const bool permitted = co_await Permitted(mm);
  if (!permitted) {
    co_await UpMmapSem(mm, "mm_lock");
    co_return -EPERM;
  }
  co_await LockClassScanned(mm, RmapClass::kIMmap);
  co_await LockClassScanned(mm, RmapClass::kAnonVma);
  co_await MmLockHeld(mm);
  co_return 0;
}

// Rule: the same rescan finds the same locks, because mmap_sem is still held.
// Kernel: #v11 as mailed to linux-kernel on 4 Apr 2008, mm/mmap.c:
// mm_unlock().
Task<> VmaThreshold::mm_unlock(mm_struct* mm, Cookie* /*cookie*/) {
  co_await UnlockClassScanned(mm, RmapClass::kIMmap);
  co_await UnlockClassScanned(mm, RmapClass::kAnonVma);
  co_await UpMmapSem(mm, "mm_unlock");
}

}  // namespace mmfault::notifier::v12
