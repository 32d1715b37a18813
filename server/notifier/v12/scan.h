// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// scan.h: finding the rmap locks of an mm by rescanning its VMAs.
//
// #v11 and #v12 have no place to remember locks in order, so each pass over the
// VMAs finds one lock: the lowest address above the last. A class with D
// distinct locks costs D + 1 passes over N VMAs. Two VMAs of one file or of one
// anon_vma lead to the same lock, which the strict order visits once.
//
// Locking: mmap_sem for write, which keeps VMAs from coming and going and
// anon_vmas from being attached.

#ifndef MMFAULT_SERVER_NOTIFIER_V12_SCAN_H_
#define MMFAULT_SERVER_NOTIFIER_V12_SCAN_H_

#include <cstdint>

#include "server/kernel/mutant.h"
#include "server/notifier/mm_lock.h"

namespace mmfault::notifier::v12 {

using mm::mm_struct;
using sched::Task;
using trace::Cell;

// What a scan does at each VMA before it looks at it.
enum class ScanTest : uint8_t {
  kNone,
  kSignal,            // rmap locks may be held: only look
  kReschedAndSignal,  // no rmap lock is held: cond_resched(), then look
};

// One pass. `lock` is null when no address above the last is left.
struct ScanResult {
  int rc;  // 0, or -EINTR where the test found a signal
  kernel::Lock* lock;
  vm_area_struct* vma;  // the lowest VMA that leads to it
  uint64_t ordinal;     // which one that is, in address order, from 0
};

// The lock of a class that a VMA leads to, or null.
kernel::Lock* RmapLockOf(const vm_area_struct* vma, RmapClass rmap_class);

// Whether a VMA is a place to look for signals: not where a mutant says so.
inline bool LooksForSignals() {
  return !kernel::Mutated(kernel::Mutant::kMmLockIgnoresSignals);
}

// The simulated address of a lock, never 0.
uint64_t AddressOf(const kernel::Lock* lock);

// Finds the lowest lock of a class above the address `last`; 0 is below all.
Task<ScanResult> FindNextLock(mm_struct* mm, RmapClass rmap_class,
                              uint64_t last, ScanTest test, const char* where);

// Takes a rmap lock; -EINTR when a signal ended the wait, which only a lock of
// kind mutex allows. Only for designs that can still give up at this point.
kernel::LockPoint LockRmap(kernel::Lock* lock);

}  // namespace mmfault::notifier::v12

#endif  // MMFAULT_SERVER_NOTIFIER_V12_SCAN_H_
