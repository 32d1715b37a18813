// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// call.h: calling a notifier's methods, with the checks that every protocol
// owes: is the notifier still there, may it still be called, does each end have
// its start. A protocol's walk calls these where the original calls
// `mn->ops->method(...)`; a method that the driver does not have costs nothing.

#ifndef MMFAULT_SERVER_NOTIFIER_CALL_H_
#define MMFAULT_SERVER_NOTIFIER_CALL_H_

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
};
const char* MethodName(Method method);

Task<int> CallInvalidateRangeStart(mmu_notifier* mn,
                                   const mmu_notifier_range* range);
Task<> CallInvalidateRangeEnd(mmu_notifier* mn,
                              const mmu_notifier_range* range);
Task<> CallInvalidatePage(mmu_notifier* mn, mm_struct* mm, uint64_t address);
Task<int> CallClearFlushYoung(mmu_notifier* mn, mm_struct* mm, uint64_t start,
                              uint64_t end);
Task<> CallRelease(mmu_notifier* mn, mm_struct* mm);

}  // namespace mmfault::notifier

#endif  // MMFAULT_SERVER_NOTIFIER_CALL_H_
