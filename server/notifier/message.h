// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// message.h: a callback as a message to its driver, and what can become of it
// and of the answer on the way.
//
// Kernel code calls a method and goes on when it has returned. A driver that
// leaves the work to a worker, forgets it, does it twice or answers wrongly
// breaks that, and so do the fault rules at the points
// notifier/callback/deliver and notifier/callback/ack, for modelled and remote
// drivers alike:
//
//   deliver  drop       The driver is not called; the walker is told 0.
//            duplicate  It is called twice; the first answer counts.
//            reorder(n) The walker is told 0 and goes on. A task of its own
//                       calls the driver once n later callbacks of this
//                       notifier have got to it, or when none has come for a
//                       millisecond of virtual time.
//   ack      drop       The answer is missed (kAnswerLost) and counts as 0.
//            duplicate  It counts for this callback and the notifier's next,
//                       which the walker therefore does not wait for.
//            reorder(n) It gets to the walker after n later answers, or after
//                       that millisecond.
//            corrupt(n) It says n, for methods that answer.
//
// Starts and ends are paired, and releases counted, as the driver sees them.
// free_notifier() and alloc_notifier() are no messages: the kernel's own
// bookkeeping hangs on them.

#ifndef MMFAULT_SERVER_NOTIFIER_MESSAGE_H_
#define MMFAULT_SERVER_NOTIFIER_MESSAGE_H_

#include <cstdint>

#include "server/notifier/call.h"

namespace mmfault::notifier {

// What is still on its way to or from a notifier. Outlives the notifier.
struct disturbance {
  sched::Object object;
  Cell<uint64_t> delivered;  // callbacks that got to the driver
  Cell<uint64_t> answered;   // answers that got to a walker
  Cell<uint32_t> stray_answers;
  Cell<int32_t> stray_rc;
  sched::WaitSet waiters;
};

// Whether the functions below may do more than call the driver.
inline bool MayBeDisturbed(const mmu_notifier* mn) {
  const faults::Registry& rules = kernel::ThisWorld()->faults();
  return rules.armed(faults::Point::kCallbackDeliver) ||
         rules.armed(faults::Point::kCallbackAck) || mn->disturbed != nullptr;
}

// Call the driver, unless a rule says otherwise, and return what the walker is
// told: 0 or the method's result; -EAGAIN for an interval's `false`.
// Require: the driver has the method.
Task<int> SendRange(mmu_notifier* mn, Method method,
                    const mmu_notifier_range& range);
Task<int> SendPages(mmu_notifier* mn, Method method, mm_struct* mm,
                    uint64_t start, uint64_t end, mm::page* target = nullptr);
// Two passes with `finish`, one without.
Task<int> SendInterval(mmu_interval_notifier* sub,
                       const mmu_notifier_range& range, uint64_t cur_seq,
                       mmu_interval_notifier_finish** finish = nullptr);
Task<int> SendFinish(mmu_interval_notifier_finish* finish, mm_struct* mm);

// The driver's view of a start, an end and a release.
void CountStart(mmu_notifier* mn, int walker);
void CountEnd(mmu_notifier* mn, int walker);
void CountRelease(mmu_notifier* mn);

}  // namespace mmfault::notifier

#endif  // MMFAULT_SERVER_NOTIFIER_MESSAGE_H_
