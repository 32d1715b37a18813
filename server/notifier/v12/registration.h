// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// registration.h: register and unregister around a design's mm_lock().
//
// Models mm/mmu_notifier.c of #v12. The list is plain: a walker holds at least
// one lock of the mm, the writer holds them all, so neither sees the other half
// done. Two things are outside of that: ->release() at exit, which takes no
// lock, and an unregister at mm_users == 0, whose mm_lock() would walk VMAs
// that exit_mmap() frees.

#ifndef MMFAULT_SERVER_NOTIFIER_V12_REGISTRATION_H_
#define MMFAULT_SERVER_NOTIFIER_V12_REGISTRATION_H_

#include "server/notifier/subscription.h"

namespace mmfault::notifier::v12 {

// BUG_ON(!atomic_read(&mm->mm_users)): a scheduling point and a check, as in
// the original not enough by itself: the last mmput() may come right after it.
Task<> BugOnNoUsers(mm_struct* mm);

// The list edits. Require every lock of the mm.
Task<> LinkNotifier(mmu_notifier* mn, mm_struct* mm);
Task<> UnlinkNotifier(mmu_notifier* mn, mm_struct* mm);

// Rule: returns with the notifier linked, or with an error of mm_lock() and
// nothing changed. Does not test mm_users: the caller's pin is a contract.
// Kernel: linux-kernel, 8 Apr 2008, "[PATCH 0 of 9] mmu notifier #v12", patch
// 2: mmu_notifier_register().
template <typename Design>
Task<int> mmu_notifier_register(mmu_notifier* mn, mm_struct* mm) {
  typename Design::Cookie cookie{};
  const int rc = co_await Design::mm_lock(mm, &cookie);
  if (rc != 0) {
    co_return rc;
  }
  co_await LinkNotifier(mn, mm);
  co_await Design::mm_unlock(mm, &cookie);
  co_return 0;
}

// Rule: as register, the other way round; after an error the notifier is still
// registered and keeps firing, so its owner may not free it. ->release() is not
// called: mappings of the device are the owner's to drop.
// Kernel: the same mail: mmu_notifier_unregister().
template <typename Design>
Task<int> mmu_notifier_unregister(mmu_notifier* mn, mm_struct* mm) {
  typename Design::Cookie cookie{};
  co_await BugOnNoUsers(mm);
  const int rc = co_await Design::mm_lock(mm, &cookie);
  if (rc != 0) {
    co_return rc;
  }
  co_await UnlinkNotifier(mn, mm);
  co_await Design::mm_unlock(mm, &cookie);
  co_return 0;
}

}  // namespace mmfault::notifier::v12

#endif  // MMFAULT_SERVER_NOTIFIER_V12_REGISTRATION_H_
