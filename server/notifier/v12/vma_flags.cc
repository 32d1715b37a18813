// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// seed_flags: the locks that are held are the ones whose VMA carries a bit. And
// seed_flags_naive, which takes the bit for a mark of the lock.

#include "server/kernel/errno.h"
#include "server/kernel/signal.h"
#include "server/notifier/v12/designs.h"

namespace mmfault::notifier::v12 {
namespace {

using kernel::Mutant;

uint64_t BitOf(RmapClass rmap_class) {
  return rmap_class == RmapClass::kIMmap ? mm::VM_MM_LOCK_I : mm::VM_MM_LOCK_A;
}

// Marks the VMA through which a lock was taken.
Task<> MarkTaken(vm_area_struct* vma, RmapClass rmap_class) {
  co_await kernel::CheckLive(vma->object, trace::Cause::kFreedVmaUsed);
  MarkVma(vma, BitOf(rmap_class));
  co_await RmapLockTaken(vma->vm_mm);
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
    co_await MarkTaken(found.vma, rmap_class);
    last = AddressOf(found.lock);
  }
}

// Rule: "if the bit is not set, take the lock". The bit is the VMA's, and the
// lock is not: two VMAs of one file take it twice (P34). Nor are addresses
// looked at (P35).
// Kernel: linux-kernel, 7 May 2008, Linus Torvalds: the flag belongs in the
// anon_vma or the mapping; and the answer that one of a VMA "can't prevent
// taking the same lock twice on two different vmas".
Task<int> LockClassNaively(mm_struct* mm, RmapClass rmap_class) {
  if (SkipsRmapClass(rmap_class)) {
    co_return 0;
  }
  vm_area_struct* vma = co_await mm::FirstVma(mm, "mm_lock");
  while (vma != nullptr) {
    const bool signal = co_await kernel::signal_pending_current("mm_lock");
    if (signal) {
      co_return -EINTR;
    }
    kernel::Lock* lock = RmapLockOf(vma, rmap_class);
    if (lock != nullptr && (vma->vm_flags & BitOf(rmap_class)) == 0) {
      const int rc = co_await LockRmap(lock);
      if (rc != 0) {
        co_return rc;
      }
      co_await MarkTaken(vma, rmap_class);
    }
    vma = co_await mm::NextVma(vma, "mm_lock");
  }
  co_return 0;
}

// The bit goes before the lock: afterwards the VMA's flags are not ours.
Task<> UnlockFlagged(vm_area_struct* vma, RmapClass rmap_class) {
  kernel::Lock* lock = RmapLockOf(vma, rmap_class);
  if ((vma->vm_flags & BitOf(rmap_class)) != 0) {
    if (!kernel::Mutated(Mutant::kUnlockForgetsBit)) {
      UnmarkVma(vma, BitOf(rmap_class));
    }
  } else if (!kernel::Mutated(Mutant::kRollbackUnlocksAll)) {
    co_return;
  }
  if (lock == nullptr) {
    co_return;  // a bit that was forgotten, and that a split VMA has inherited
  }
  co_await kernel::unlock(lock, "mm_unlock");
}

// Rule: one pass; serves the rollback of a part as well as the unlock of all.
Task<> UnlockAllFlagged(mm_struct* mm) {
  vm_area_struct* vma = co_await mm::FirstVma(mm, "mm_unlock");
  while (vma != nullptr) {
    co_await UnlockFlagged(vma, RmapClass::kIMmap);
    co_await UnlockFlagged(vma, RmapClass::kAnonVma);
    vma = co_await mm::NextVma(vma, "mm_unlock");
  }
  co_await kernel::up_write(&mm->mmap_sem, "mm_unlock");
}

Task<int> LockClass(mm_struct* mm, RmapClass rmap_class, bool naive) {
  return naive ? LockClassNaively(mm, rmap_class)
               : LockClassFlagged(mm, rmap_class);
}

Task<int> LockAllFlagged(mm_struct* mm, bool naive) {
  co_await kernel::down_write(&mm->mmap_sem, "mm_lock");
  co_await MmLockEntered(mm);
  int rc = co_await LockClass(mm, RmapClass::kIMmap, naive);
  if (rc == 0) {
    rc = co_await LockClass(mm, RmapClass::kAnonVma, naive);
  }
  if (rc == 0) {
    co_await MmLockHeld(mm);
  } else if (kernel::Mutated(Mutant::kRollbackForgetsLocks)) {
    co_await kernel::up_write(&mm->mmap_sem, "mm_lock");
  } else {
    co_await UnlockAllFlagged(mm);
  }
  co_return rc;
}

}  // namespace

// Rule: the bit records through which VMA a lock was taken, so that what is
// held can be given back in one pass; the scan by ascending address is what
// keeps a lock from being taken twice, since VMAs are many and locks shared.
// Kernel: mail "Re: [patch 02/10] emm: notifier logic", ofa-general, 7 Apr
// 2008: "a VM_MM_LOCK_I/VM_MM_LOCK_A bitflag"; never posted.
// Differs: the mail speaks of SIGKILL; any pending signal ends it here, as in
// #v12, which its author posted a day later.
template <bool naive>
Task<int> VmaFlags<naive>::mm_lock(mm_struct* mm, Cookie* /*cookie*/) {
  return LockAllFlagged(mm, naive);
}

template <bool naive>
Task<> VmaFlags<naive>::mm_unlock(mm_struct* mm, Cookie* /*cookie*/) {
  return UnlockAllFlagged(mm);
}

template struct VmaFlags<false>;
template struct VmaFlags<true>;

}  // namespace mmfault::notifier::v12
