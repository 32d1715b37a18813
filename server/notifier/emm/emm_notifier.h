// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// emm_notifier.h: the functions of EMM's mm/rmap.c. Private to this folder.
//
// Locks: none of its own. rcu_assign_pointer() orders publication; nobody calls
// rcu_read_lock(), so it protects nothing else.

#ifndef MMFAULT_SERVER_NOTIFIER_EMM_EMM_NOTIFIER_H_
#define MMFAULT_SERVER_NOTIFIER_EMM_EMM_NOTIFIER_H_

#include "server/notifier/subscription.h"

namespace mmfault::notifier::emm {

// What a walk does about a notifier that answers non-zero.
enum class OnAnswer : uint8_t {
  kStop,      // as posted: return it at once
  kContinue,  // after the fix-up: the first negative one, or the sum
};

// Links without a lock; returns 0: void in the original.
Task<int> emm_notifier_register_v2(mmu_notifier* e, mm_struct* mm);
// Links under mm_lock(), which takes mmap_sem itself; sleeps. Returns 0.
Task<int> emm_notifier_register_v3(mmu_notifier* e, mm_struct* mm);

// exit_mmap(), before anything else. No lock is held.
Task<> emm_notifier_release(mm_struct* mm);
void emm_notifier_mm_init(mm_struct* mm);
Task<> emm_notifier_mm_destroy(mm_struct* mm);

bool mm_has_notifiers(const mm_struct* mm);
template <OnAnswer on_answer>
Task<int> emm_invalidate_start(mmu_notifier_range* range);
Task<> emm_invalidate_end(mmu_notifier_range* range);
template <OnAnswer on_answer>
Task<int> emm_referenced(mm_struct* mm, uint64_t start, uint64_t end);

}  // namespace mmfault::notifier::emm

#endif  // MMFAULT_SERVER_NOTIFIER_EMM_EMM_NOTIFIER_H_
