// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// seed_bitmaps: as seed_flags, with the bits outside the VMAs.

#include <algorithm>

#include "server/kernel/errno.h"
#include "server/kernel/mutant.h"
#include "server/notifier/v12/designs.h"

namespace mmfault::notifier::v12 {
namespace {

using kernel::allocation;
using kernel::Mutant;

constexpr uint64_t kBitsPerByte = 8;

// The byte that holds a VMA's bit, or null beyond the bitmap.
Cell<uint8_t>* ByteOf(allocation* bitmap, uint64_t ordinal) {
  auto* bytes = static_cast<Cell<uint8_t>*>(bitmap->data());
  const uint64_t index = ordinal / kBitsPerByte;
  return index < bitmap->size ? bytes + index : nullptr;
}

uint8_t MaskOf(uint64_t ordinal) {
  return static_cast<uint8_t>(1U << ordinal % kBitsPerByte);
}

// Rule: the bitmaps have a bit for each VMA there is now; mmap_sem keeps it so.
// A VMA beyond them means that somebody changed the mm all the same.
kernel::BugOn CheckInside(allocation* bitmap, uint64_t ordinal) {
  return {ByteOf(bitmap, ordinal) == nullptr, trace::Checker::kNoUseAfterFree,
          trace::Cause::kArrayOverflow, bitmap->object.key()};
}

void FreeBitmaps(CookieBitmaps::Cookie* cookie) {
  kernel::vfree(cookie->i_mmap);
  kernel::vfree(cookie->anon_vma);
}

// Differs: an mm without VMAs gets a byte each; vmalloc(0) would fail.
Task<int> AllocateBitmaps(mm_struct* mm, CookieBitmaps::Cookie* cookie) {
  const uint64_t vmas = std::max<uint64_t>(mm->map_count, 1);
  const uint64_t bytes = (vmas + kBitsPerByte - 1) / kBitsPerByte;
  cookie->i_mmap = co_await kernel::vmalloc(bytes, "mm_lock");
  if (cookie->i_mmap == nullptr) {
    co_return -ENOMEM;
  }
  cookie->anon_vma = co_await kernel::vmalloc(bytes, "mm_lock");
  if (cookie->anon_vma == nullptr) {
    if (!kernel::Mutated(Mutant::kErrorLeaksCookie)) {
      kernel::vfree(cookie->i_mmap);
    }
    co_return -ENOMEM;
  }
  co_return 0;
}

Task<int> LockClassMapped(mm_struct* mm, RmapClass rmap_class,
                          allocation* bitmap) {
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
    co_await CheckInside(bitmap, found.ordinal);
    *ByteOf(bitmap, found.ordinal) |= MaskOf(found.ordinal);
    co_await RmapLockTaken(mm);
    last = AddressOf(found.lock);
  }
}

Task<> UnlockMapped(vm_area_struct* vma, uint64_t ordinal, RmapClass rmap_class,
                    allocation* bitmap) {
  co_await CheckInside(bitmap, ordinal);
  kernel::Lock* lock = RmapLockOf(vma, rmap_class);
  const bool taken = (*ByteOf(bitmap, ordinal) & MaskOf(ordinal)) != 0;
  const bool any = kernel::Mutated(Mutant::kRollbackUnlocksAll);
  if (taken || (any && lock != nullptr)) {
    co_await kernel::unlock(lock, "mm_unlock");
  }
}

// What was taken goes back, in one pass.
Task<> RollBack(mm_struct* mm, CookieBitmaps::Cookie* cookie) {
  if (kernel::Mutated(Mutant::kRollbackForgetsLocks)) {
    co_await kernel::up_write(&mm->mmap_sem, "mm_lock");
    FreeBitmaps(cookie);
    co_return;
  }
  co_await CookieBitmaps::mm_unlock(mm, cookie);
}

}  // namespace

// Rule: as seed_flags; the memory is asked for inside mmap_sem, because only
// there the number of VMAs stands still, and before the first rmap lock,
// because vmalloc() sleeps.
// Kernel: mail "Re: [patch 02/10] emm: notifier logic", ofa-general, 7 Apr
// 2008: "a vmalloc of two bitflag arrays inside the mmap_sem critical section
// returned by mm_lock as a cookie"; never posted.
Task<int> CookieBitmaps::mm_lock(mm_struct* mm, Cookie* cookie) {
  co_await kernel::down_write(&mm->mmap_sem, "mm_lock");
  co_await MmLockEntered(mm);
  int rc = co_await AllocateBitmaps(mm, cookie);
  if (rc != 0) {
    co_await kernel::up_write(&mm->mmap_sem, "mm_lock");
    co_return rc;
  }
  rc = co_await LockClassMapped(mm, RmapClass::kIMmap, cookie->i_mmap);
  if (rc == 0) {
    rc = co_await LockClassMapped(mm, RmapClass::kAnonVma, cookie->anon_vma);
  }
  if (rc != 0) {
    co_await RollBack(mm, cookie);
    co_return rc;
  }
  co_await MmLockHeld(mm);
  co_return 0;
}

// Rule: one pass, as seed_flags; the bitmaps go after mmap_sem.
Task<> CookieBitmaps::mm_unlock(mm_struct* mm, Cookie* cookie) {
  uint64_t ordinal = 0;
  vm_area_struct* vma = co_await mm::FirstVma(mm, "mm_unlock");
  while (vma != nullptr) {
    co_await UnlockMapped(vma, ordinal, RmapClass::kIMmap, cookie->i_mmap);
    co_await UnlockMapped(vma, ordinal, RmapClass::kAnonVma, cookie->anon_vma);
    ++ordinal;
    vma = co_await mm::NextVma(vma, "mm_unlock");
  }
  co_await kernel::up_write(&mm->mmap_sem, "mm_unlock");
  FreeBitmaps(cookie);
}

}  // namespace mmfault::notifier::v12
