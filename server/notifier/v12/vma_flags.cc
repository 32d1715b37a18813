// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// seed_flags: the locks that are held are the ones whose VMA carries a bit.

#include "server/kernel/errno.h"
#include "server/notifier/v12/designs.h"

namespace mmfault::notifier::v12 {
namespace {

uint64_t BitOf(RmapClass rmap_class) {
  return rmap_class == RmapClass::kIMmap ? mm::VM_MM_LOCK_I : mm::VM_MM_LOCK_A;
}

Task<int> LockClassFlagged(mm_struct* mm, RmapClass rmap_class) {
  uint64_t last = 0;
  while (true) {
    const ScanResult found = co_await FindNextLock(
        mm, rmap_class, last, ScanTest::kSignal, "mm_lock");
    if (found.rc != 0 || found.lock == nullptr) {
      co_return found.rc;
    }
    const int rc = co_await LockRmap(found.lock);
    if (rc != 0) {
      co_return rc;
    }
    co_await kernel::CheckLive(found.vma->object, trace::Cause::kFreedVmaUsed);
    MarkVma(found.vma, BitOf(rmap_class));
    co_await RmapLockTaken(mm);
    last = AddressOf(found.lock);
  }
}

// The bit goes before the lock: afterwards the VMA's flags are not ours.
Task<> UnlockFlagged(vm_area_struct* vma, RmapClass rmap_class) {
  if ((vma->vm_flags & BitOf(rmap_class)) == 0) {
    co_return;
  }
  UnmarkVma(vma, BitOf(rmap_class));
  co_await kernel::unlock(RmapLockOf(vma, rmap_class), "mm_unlock");
}

}  // namespace

// Rule: the bit records through which VMA a lock was taken, so that what is
// held can be given back in one pass; the scan by ascending address is what
// keeps a lock from being taken twice, since VMAs are many and locks shared.
// Kernel: mail "Re: [patch 02/10] emm: notifier logic", ofa-general, 7 Apr
// 2008: "a VM_MM_LOCK_I/VM_MM_LOCK_A bitflag"; never posted.
// Differs: the mail speaks of SIGKILL; any pending signal ends it here, as in
// #v12, which its author posted a day later.
Task<int> VmaFlags::mm_lock(mm_struct* mm, Cookie* cookie) {
  co_await kernel::down_write(&mm->mmap_sem, "mm_lock");
  co_await MmLockEntered(mm);
  int rc = co_await LockClassFlagged(mm, RmapClass::kIMmap);
  if (rc == 0) {
    rc = co_await LockClassFlagged(mm, RmapClass::kAnonVma);
  }
  if (rc != 0) {
    co_await mm_unlock(mm, cookie);
    co_return rc;
  }
  co_await kernel::FaultPoint(faults::Point::kMmLockHeld, mm->object.id);
  co_return 0;
}

// Rule: one pass; serves the rollback of a part as well as the unlock of all.
Task<> VmaFlags::mm_unlock(mm_struct* mm, Cookie* /*cookie*/) {
  vm_area_struct* vma = co_await mm::FirstVma(mm, "mm_unlock");
  while (vma != nullptr) {
    co_await UnlockFlagged(vma, RmapClass::kIMmap);
    co_await UnlockFlagged(vma, RmapClass::kAnonVma);
    vma = co_await mm::NextVma(vma, "mm_unlock");
  }
  co_await kernel::up_write(&mm->mmap_sem, "mm_unlock");
}

}  // namespace mmfault::notifier::v12
