// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// event.h: one line of a run's story, and who listens.
//
// Hot runs have no sink: they keep a rolling hash and nothing else. A story is
// made by running again, with the same decisions, with a sink attached.

#ifndef MMFAULT_SERVER_TRACE_EVENT_H_
#define MMFAULT_SERVER_TRACE_EVENT_H_

#include <cstdint>

#include "server/trace/op.h"
#include "server/trace/violation.h"

namespace mmfault::trace {

// A step that was executed, or the result of a scripted call (kCallEnd).
struct Event {
  uint64_t step = 0;     // the world's count when it happened, from 1
  uint64_t time_ns = 0;  // virtual clock
  int task = -1;         // slot in the world
  Op op;
  int64_t value = 0;   // rc of a kCallEnd or kCallbackReturn; else 0
  uint64_t start = 0;  // range of a kCallback or kCallBegin; else 0
  uint64_t end = 0;
  uint64_t detail = 0;  // kCallback: the event's number
};

// A signal that was sent to a task, ignored ones included.
struct SignalSent {
  int task = -1;  // the receiver's slot
  int number = 0;
  bool interrupts = false;  // neither blocked nor ignored
};

// Receives the story. Called on the world's thread, between steps' effects;
// must not touch the world.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void OnEvent(const Event& event) = 0;
  virtual void OnViolation(const Violation& violation) = 0;
  // Sent by a step or a fault rule, or from outside: whoever did that knows.
  virtual void OnSignal(const SignalSent& /*sent*/) {}
};

}  // namespace mmfault::trace

#endif  // MMFAULT_SERVER_TRACE_EVENT_H_
