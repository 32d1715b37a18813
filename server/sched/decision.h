// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// decision.h: what is decided from outside at each step of a world.
//
// Who runs, and, where the step is a choice (kernel/choice.h), which of its
// alternatives. A world is a function of its options and of these, so a list of
// them is an execution.

#ifndef MMFAULT_SERVER_SCHED_DECISION_H_
#define MMFAULT_SERVER_SCHED_DECISION_H_

#include <cstdint>
#include <vector>

namespace mmfault::sched {

struct Decision {
  int8_t task = 0;     // slot
  uint8_t answer = 0;  // which alternative, from 0; 0 where there is one

  bool operator==(const Decision&) const = default;
};

// One execution from its first step.
using Schedule = std::vector<Decision>;

}  // namespace mmfault::sched

#endif  // MMFAULT_SERVER_SCHED_DECISION_H_
