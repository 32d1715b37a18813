// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// observe.h: telling the world's method observer that a method of a driver is
// entered and has returned. One comparison with null when there is none.
//
// Called right around `ops->method(...)`, so a method that the driver does not
// have is not told. A walk that calls methods itself calls these too.

#ifndef MMFAULT_SERVER_NOTIFIER_OBSERVE_H_
#define MMFAULT_SERVER_NOTIFIER_OBSERVE_H_

#include <cstdint>
#include <optional>

#include "server/mm/era.h"
#include "server/trace/method_call.h"

namespace mmfault::notifier {

// What a method is called with; `mm` null when it belongs to none any more.
inline trace::MethodCall OfMm(const char* method, const sched::Object& object,
                              const mm::mm_struct* mm, uint64_t start,
                              uint64_t end) {
  trace::MethodCall call;
  call.method = method;
  call.object_id = object.id;
  call.mm = mm;
  call.start = start;
  call.end = end;
  return call;
}

inline trace::MethodCall OfRange(const char* method,
                                 const sched::Object& object,
                                 const mm::mmu_notifier_range& range) {
  trace::MethodCall call =
      OfMm(method, object, range.mm, range.start, range.end);
  call.event = static_cast<int>(range.event);
  call.blockable = range.blockable;
  call.vma = range.vma;
  return call;
}

inline bool MethodsObserved() {
  return kernel::ThisWorld()->method_observer() != nullptr;
}

// Fill in the running task and its context, and tell. `rc` unset: the method
// returns nothing. Require: MethodsObserved().
void TellEntry(trace::MethodCall call);
void TellReturn(trace::MethodCall call, std::optional<int64_t> rc);

}  // namespace mmfault::notifier

#endif  // MMFAULT_SERVER_NOTIFIER_OBSERVE_H_
