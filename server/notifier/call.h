// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// call.h: calling a notifier's methods, with the checks that every protocol
// owes: is the notifier still there, may it still be called, does each end have
// its start. A protocol's walk calls these where the original calls
// `mn->ops->method(...)`; a method that the driver does not have costs nothing.

#ifndef MMFAULT_SERVER_NOTIFIER_CALL_H_
#define MMFAULT_SERVER_NOTIFIER_CALL_H_

#include "server/notifier/interval.h"
#include "server/notifier/subscription.h"

namespace mmfault::notifier {

// What a callback is, in events and towards clients. The value travels in
// trace::Event::detail. Numbers are the API's: append only.
enum class Method : uint8_t {
  kInvalidateRangeStart = 1,
  kInvalidateRangeEnd = 2,
  kInvalidatePage = 3,
  kRelease = 4,
  kClearFlushYoung = 5,
  kInvalidateRange = 6,
  kChangePte = 7,
  kClearYoung = 8,
  kTestYoung = 9,
  kIntervalInvalidate = 10,  // both forms of the first pass
  kFreeNotifier = 11,
  kAllocNotifier = 12,
  kIntervalFinish = 13,
  kEmmStop = 14,
  kEmmStart = 15,
};
inline constexpr int kMethodCount = 16;
const char* MethodName(Method method);

// Whether every caller of a method holds mmap_sem, an i_mmap lock or an
// anon_vma lock of the mm: "the mmu_notifier_* methods" of the seed mail. All
// that 2008 has but release, and that is where the argument for a plain list
// ends; invalidate_range, since 3.19, is called by TLB flushes as well.
constexpr bool NeedsMmLock(Method method) {
  return method == Method::kInvalidateRangeStart ||
         method == Method::kInvalidateRangeEnd ||
         method == Method::kInvalidatePage ||
         method == Method::kClearFlushYoung;
}

Task<int> CallInvalidateRangeStart(mmu_notifier* mn,
                                   const mmu_notifier_range* range);
Task<> CallInvalidateRangeEnd(mmu_notifier* mn,
                              const mmu_notifier_range* range);
Task<> CallInvalidatePage(mmu_notifier* mn, mm_struct* mm, uint64_t address);
Task<int> CallClearFlushYoung(mmu_notifier* mn, mm_struct* mm, uint64_t start,
                              uint64_t end);
Task<> CallRelease(mmu_notifier* mn, mm_struct* mm);

// EMM's stop and start (call_emm.cc).
Task<> CallEmmStop(mmu_notifier* mn, mm_struct* mm);
Task<> CallEmmStart(mmu_notifier* mn, mm_struct* mm);

// Later methods (call_later.cc). One that the driver does not have costs no
// step.
Task<> CallInvalidateRange(mmu_notifier* mn, mm_struct* mm, uint64_t start,
                           uint64_t end);
Task<> CallChangePte(mmu_notifier* mn, mm_struct* mm, uint64_t address,
                     mm::page* target);
Task<int> CallClearYoung(mmu_notifier* mn, mm_struct* mm, uint64_t start,
                         uint64_t end);
Task<int> CallTestYoung(mmu_notifier* mn, mm_struct* mm, uint64_t address);
Task<int> CallAllocNotifier(const mmu_notifier_ops* ops, mm_struct* mm,
                            mmu_notifier** result);
// Whoever calls it afterwards is reported: the notifier's life is over.
Task<> CallFreeNotifier(mmu_notifier* mn, mm_struct* mm);

// Interval subscriptions (call_interval.cc). The second form takes
// invalidate_start() where the driver has it.
Task<bool> CallIntervalInvalidate(mmu_interval_notifier* sub,
                                  const mmu_notifier_range* range,
                                  uint64_t cur_seq);
Task<bool> CallIntervalInvalidateStart(mmu_interval_notifier* sub,
                                       const mmu_notifier_range* range,
                                       uint64_t cur_seq,
                                       mmu_interval_notifier_finish** finish);
Task<> CallIntervalFinish(mmu_interval_notifier_finish* finish, mm_struct* mm);

}  // namespace mmfault::notifier

#endif  // MMFAULT_SERVER_NOTIFIER_CALL_H_
