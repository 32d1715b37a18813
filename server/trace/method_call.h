// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// method_call.h: a call of a notifier's method, for whoever compares calls.
//
// Events say what was stepped; they carry neither how a callback was called nor
// what it answered. A world whose caller wants that has a MethodObserver, told
// at the entry and at the return of each method that the driver has. Plain
// numbers and addresses: the layers that know the types are above and below.

#ifndef MMFAULT_SERVER_TRACE_METHOD_CALL_H_
#define MMFAULT_SERVER_TRACE_METHOD_CALL_H_

#include <cstdint>

namespace mmfault::trace {

// Valid during the call of the observer only. Everything but `returned`, `rc`
// and `cur_seq` is the same at the entry and at the return.
struct MethodCall {
  bool returned = false;         // false: at the entry
  int task = -1;                 // slot in the world
  const char* method = nullptr;  // the kernel's name
  uint32_t object_id = 0;        // the notifier or interval subscription
  const void* mm = nullptr;      // mm::mm_struct; null: it belongs to none
  uint64_t start = 0;            // [0, UINT64_MAX) for release
  uint64_t end = 0;
  int event = -1;          // mm::Event; -1 where there is none
  bool blockable = false;  // of a range
  bool atomic = false;     // preemption was off
  bool vma = false;        // range->vma was set
  bool has_rc = false;     // the method returns something
  int64_t rc = 0;          // at the return
  uint64_t cur_seq = 0;    // invalidate() of an interval
};

// Called on the world's thread, inside a step; must not touch the world.
class MethodObserver {
 public:
  virtual ~MethodObserver() = default;
  virtual void OnMethod(const MethodCall& /*call*/) {}
};

}  // namespace mmfault::trace

#endif  // MMFAULT_SERVER_TRACE_METHOD_CALL_H_
