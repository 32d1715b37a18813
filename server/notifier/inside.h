// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// inside.h: which callback a task is inside of: from where a method of its
// driver is called to where it has returned. One that calls another, as a
// driver that puts the last reference of an mm, is inside the inner one.
//
// sched::TaskRecord::callback keeps it as one number: 0 for none.

#ifndef MMFAULT_SERVER_NOTIFIER_INSIDE_H_
#define MMFAULT_SERVER_NOTIFIER_INSIDE_H_

#include <cstdint>

#include "server/mm/era.h"
#include "server/notifier/call.h"

namespace mmfault::notifier {

struct Inside {
  uint32_t notifier = 0;  // its object's id
  Method method = {};
};

inline uint64_t PackInside(const Inside& inside) {
  return uint64_t{inside.notifier} << 8 | static_cast<uint64_t>(inside.method);
}

// Requires: not 0.
inline Inside UnpackInside(uint64_t packed) {
  return {static_cast<uint32_t>(packed >> 8), static_cast<Method>(packed)};
}

// The running task goes inside a callback, or back to where it was before;
// returns where it comes from.
inline uint64_t GoInside(uint64_t packed) {
  trace::Cell<uint64_t>& callback = kernel::Current()->callback;
  const uint64_t outer = callback;
  callback = packed;
  return outer;
}
inline uint64_t GoInside(const mmu_notifier* mn, Method method) {
  return GoInside(PackInside({mn->object.id, method}));
}

}  // namespace mmfault::notifier

#endif  // MMFAULT_SERVER_NOTIFIER_INSIDE_H_
