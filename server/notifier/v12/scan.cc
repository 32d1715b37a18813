// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/notifier/v12/scan.h"

#include "server/kernel/errno.h"
#include "server/kernel/signal.h"

namespace mmfault::notifier::v12 {

kernel::Lock* RmapLockOf(const vm_area_struct* vma, RmapClass rmap_class) {
  if (rmap_class == RmapClass::kIMmap) {
    mm::address_space* mapping = vma->vm_file;
    return mapping == nullptr ? nullptr : &mapping->i_mmap_lock;
  }
  mm::anon_vma* av = vma->anon_vma;
  return av == nullptr ? nullptr : mm::AnonLock(av);
}

uint64_t AddressOf(const kernel::Lock* lock) {
  return kernel::ThisWorld()->kaddr(lock->id);
}

Task<ScanResult> FindNextLock(mm_struct* mm, RmapClass rmap_class,
                              uint64_t last, ScanTest test, const char* where) {
  ScanResult found{};
  if (SkipsRmapClass(rmap_class)) {
    co_return found;
  }
  const bool looks = test != ScanTest::kNone && LooksForSignals();
  uint64_t best = UINT64_MAX;
  uint64_t ordinal = 0;
  vm_area_struct* vma = co_await mm::FirstVma(mm, where);
  while (vma != nullptr) {
    if (test == ScanTest::kReschedAndSignal) {
      co_await kernel::Yield("cond_resched");
    }
    if (looks) {
      const bool signal = co_await kernel::signal_pending_current(where);
      if (signal) {
        found.rc = -EINTR;
        found.lock = nullptr;
        co_return found;
      }
    }
    vm_area_struct* next = co_await mm::NextVma(vma, where);
    // In the step that names the VMA: a fault may give it its anon_vma, if
    // mmap_sem is held for read only (P05).
    kernel::Lock* lock = RmapLockOf(vma, rmap_class);
    if (lock != nullptr) {
      const uint64_t address = AddressOf(lock);
      if (address > last && address < best) {
        best = address;
        found = {.rc = 0, .lock = lock, .vma = vma, .ordinal = ordinal};
      }
    }
    ++ordinal;
    vma = next;
  }
  co_return found;
}

kernel::LockPoint LockRmap(kernel::Lock* lock) {
  const bool sleeps = lock->kind == sched::LockKind::kMutex;
  return kernel::lock(
      lock, "mm_lock", kernel::Nest::kNo,
      sleeps ? kernel::Wait::kInterruptible : kernel::Wait::kUninterruptible);
}

}  // namespace mmfault::notifier::v12
