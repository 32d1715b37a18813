// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// reduce.h: a scenario with one thing less.

#ifndef MMFAULT_SERVER_SCENARIO_REDUCE_H_
#define MMFAULT_SERVER_SCENARIO_REDUCE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "mmfault/v1/scenario.pb.h"

namespace mmfault::scenario {

// Something a scenario may do without.
struct Removal {
  enum class Kind : uint8_t {
    kTask,
    kStep,
    kNotifier,
    kFault,
    kSignal,
    kFailures,
    kVma,
  };
  Kind kind;
  int index = 0;     // of the task, notifier, mm ...
  int second = 0;    // of the step, the VMA
  std::string text;  // `step 3 of task "a"`, from 1
};

// All of them, the largest first. Whether what is left makes sense is for
// Case::Make() to say.
std::vector<Removal> RemovalsOf(const v1::Scenario& scenario);
v1::Scenario Without(const v1::Scenario& scenario, const Removal& removal);

// A sweep's rule at one of its hits.
v1::FaultRule SweptRule(const v1::FaultRule& rule, int64_t hit);

}  // namespace mmfault::scenario

#endif  // MMFAULT_SERVER_SCENARIO_REDUCE_H_
