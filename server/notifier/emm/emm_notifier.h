// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// emm_notifier.h: the functions of EMM's mm/rmap.c. Private to this folder.
//
// Locks: none of its own, except where Guard says so. What orders publication
// protects nothing else: nobody calls rcu_read_lock().

#ifndef MMFAULT_SERVER_NOTIFIER_EMM_EMM_NOTIFIER_H_
#define MMFAULT_SERVER_NOTIFIER_EMM_EMM_NOTIFIER_H_

#include "server/notifier/subscription.h"

namespace mmfault::notifier::emm {

// What a walk does about a notifier that answers non-zero.
enum class OnAnswer : uint8_t {
  kStop,      // as posted: return it at once
  kContinue,  // after the fix-up: the first negative one, or the sum
};

// How e->next and the head of the list are stored.
enum class Publication : uint8_t {
  kPlain,     // two stores
  kBarriers,  // smp_wmb() between them, smp_rmb() in the walk
  kAssign,    // rcu_assign_pointer(), rcu_dereference()
};

// What registration does against sections under way.
enum class Guard : uint8_t {
  kNone,
  kSingleTask,  // BUG_ON(mm_users != 1)
  kStopStart,   // whoever is registered already is stopped meanwhile
  kMmLock,
};

// Where the members of the family differ.
struct Rules {
  Publication publication;
  Guard guard;
  OnAnswer on_answer;
};

// Sleeps under Guard::kMmLock, which takes mmap_sem. Returns 0: void in the
// original.
Task<int> emm_notifier_register(mmu_notifier* e, mm_struct* mm,
                                const Rules& rules);
// Only with a guard of kSingleTask or kStopStart. Calls the notifier's release.
// Returns 0: void in the original.
Task<int> emm_notifier_unregister(mmu_notifier* e, mm_struct* mm,
                                  const Rules& rules);

// exit_mmap(), before anything else. No lock is held.
Task<> emm_notifier_release(mm_struct* mm);
void emm_notifier_mm_init(mm_struct* mm);
Task<> emm_notifier_mm_destroy(mm_struct* mm);

bool mm_has_notifiers(const mm_struct* mm);
Task<int> emm_invalidate_start(mmu_notifier_range* range, const Rules& rules);
Task<> emm_invalidate_end(mmu_notifier_range* range, const Rules& rules);
Task<int> emm_referenced(mm_struct* mm, uint64_t start, uint64_t end,
                         const Rules& rules);

}  // namespace mmfault::notifier::emm

#endif  // MMFAULT_SERVER_NOTIFIER_EMM_EMM_NOTIFIER_H_
