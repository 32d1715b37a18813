// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// choice.h: what may or may not happen, and is nobody's to schedule.
//
// A failing allocation, an answer that a contract leaves open: a step with
// several ways to go. Which one is a decision of the execution, in the same
// stream as the schedule: a search tries all, a random walk draws, a replay
// repeats.

#ifndef MMFAULT_SERVER_KERNEL_CHOICE_H_
#define MMFAULT_SERVER_KERNEL_CHOICE_H_

#include "server/kernel/point.h"

namespace mmfault::kernel {

struct [[nodiscard]] ChoicePoint : Point {
  uint8_t count;

  void await_suspend(std::coroutine_handle<> /*leaf*/) const {
    Current()->op_arg = count;
    ThisWorld()->Publish(op);
  }
  int await_resume() const { return ThisWorld()->answer(); }
};

// One of `count` alternatives, in [2, 255]; 0 is the usual one. Nobody else can
// see the step.
inline ChoicePoint Choose(uint8_t count, const char* where) {
  return {{{trace::OpKind::kChoice, trace::Access::kRead,
            Current()->object.key(5), where}},
          count};
}

// Whether a storm goes on: as `usual` says, which searches and random walks
// take; or, where a decision says so, on in any case. Which is how a loop that
// a search has come upon can be gone round as often as it likes.
struct [[nodiscard]] AgainPoint : Point {
  bool usual;

  void await_suspend(std::coroutine_handle<> /*leaf*/) const {
    Current()->op_arg = 1 | 1 << 8;  // one alternative, and one more
    ThisWorld()->Publish(op);
  }
  bool await_resume() const { return usual || ThisWorld()->answer() == 1; }
};

inline AgainPoint Again(bool usual, const char* where) {
  return {{{trace::OpKind::kChoice, trace::Access::kRead,
            Current()->object.key(5), where}},
          usual};
}

}  // namespace mmfault::kernel

#endif  // MMFAULT_SERVER_KERNEL_CHOICE_H_
