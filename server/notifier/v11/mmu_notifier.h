// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// mmu_notifier.h: the functions of #v11's mm/mmu_notifier.c. Private to this
// folder.
//
// Locks: a walker holds mmap_sem or a rmap lock of the mm, the writer of the
// list holds them all; so the list is plain. Release at exit is outside of
// that: it unlinks without a lock, while a truncate may be walking.

#ifndef MMFAULT_SERVER_NOTIFIER_V11_MMU_NOTIFIER_H_
#define MMFAULT_SERVER_NOTIFIER_V11_MMU_NOTIFIER_H_

#include "server/notifier/subscription.h"

namespace mmfault::notifier::v11 {

// Takes every lock of the mm; sleeps. Returns 0: void in the original. The
// caller has a pin on mm_users, which is not tested.
Task<int> mmu_notifier_register(mmu_notifier* mn, mm_struct* mm);

// exit_mmap(), before anything else. No lock is held.
Task<> mmu_notifier_release(mm_struct* mm);
// mm_alloc() and __mmdrop().
void mmu_notifier_mm_init(mm_struct* mm);
Task<> mmu_notifier_mm_destroy(mm_struct* mm);

bool mm_has_notifiers(const mm_struct* mm);
// Always 0: methods are void, and what a driver answers goes nowhere.
Task<int> mmu_notifier_invalidate_range_start(mmu_notifier_range* range);
Task<> mmu_notifier_invalidate_range_end(mmu_notifier_range* range);
Task<> mmu_notifier_invalidate_page(mm_struct* mm, uint64_t address);
Task<int> mmu_notifier_clear_flush_young(mm_struct* mm, uint64_t start,
                                         uint64_t end);

}  // namespace mmfault::notifier::v11

#endif  // MMFAULT_SERVER_NOTIFIER_V11_MMU_NOTIFIER_H_
