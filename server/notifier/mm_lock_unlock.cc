// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/notifier/mm_lock_unlock.h"

#include "server/notifier/mm_lock.h"

namespace mmfault::notifier {
namespace {

using kernel::Lock;
using mm::mm_struct;
using sched::Task;

uint64_t Address(const Lock* lock) {
  return kernel::ThisWorld()->kaddr(lock->id);
}

// The lock of a class that a VMA leads to, or null.
Lock* LockOf(const vm_area_struct* vma, RmapClass rmap_class) {
  if (rmap_class == RmapClass::kIMmap) {
    mm::address_space* mapping = vma->vm_file;
    return mapping == nullptr ? nullptr : &mapping->i_mmap_lock;
  }
  const mm::anon_vma* av = vma->anon_vma;
  return av == nullptr ? nullptr : mm::AnonLock(av);
}

// One pass: the lock with the lowest address above `last`, or null.
Task<Lock*> NextLock(mm_struct* mm, RmapClass rmap_class, uint64_t last) {
  if (SkipsRmapClass(rmap_class)) {
    co_return nullptr;
  }
  Lock* best = nullptr;
  vm_area_struct* vma = co_await mm::FirstVma(mm, "mm_lock_unlock");
  while (vma != nullptr) {
    vm_area_struct* next = co_await mm::NextVma(vma, "mm_lock_unlock");
    // In the step that names the VMA: a fault may give it its anon_vma, if
    // mmap_sem is held for read only (P05).
    Lock* lock = LockOf(vma, rmap_class);
    if (lock != nullptr && Address(lock) > last &&
        (best == nullptr || Address(lock) < Address(best))) {
      best = lock;
    }
    vma = next;
  }
  co_return best;
}

// Rule: class I, then class A, each by ascending address, to lock and to
// unlock. Kernel: linux-kernel, 4 Apr 2008, mm/mmap.c:mm_lock_unlock() of
// "mm_lock: locks all vmas".
Task<> mm_lock_unlock(mm_struct* mm, RmapClass rmap_class, bool lock) {
  Lock* next = co_await NextLock(mm, rmap_class, 0);
  while (next != nullptr) {
    const uint64_t last = Address(next);
    if (lock) {
      co_await kernel::lock(next, "mm_lock");
      co_await RmapLockTaken(mm);
    } else {
      co_await kernel::unlock(next, "mm_unlock");
    }
    next = co_await NextLock(mm, rmap_class, last);
  }
}

}  // namespace

// Kernel: "mm_lock", linux-mm, 4 Apr 2008, split out of mmu notifiers #v11.
Task<> mm_lock(mm_struct* mm) {
  co_await DownMmapSem(mm, "mm_lock");
  co_await MmLockEntered(mm);
  co_await mm_lock_unlock(mm, RmapClass::kIMmap, true);
  co_await mm_lock_unlock(mm, RmapClass::kAnonVma, true);
  co_await MmLockHeld(mm);
}

// Kernel: "mm_lock", linux-mm, 4 Apr 2008, split out of mmu notifiers #v11.
Task<> mm_unlock(mm_struct* mm) {
  co_await mm_lock_unlock(mm, RmapClass::kIMmap, false);
  co_await mm_lock_unlock(mm, RmapClass::kAnonVma, false);
  co_await UpMmapSem(mm, "mm_unlock");
}

}  // namespace mmfault::notifier
