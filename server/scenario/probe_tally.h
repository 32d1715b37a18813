// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// probe_tally.h: the answers that one probe was given.

#ifndef MMFAULT_SERVER_SCENARIO_PROBE_TALLY_H_
#define MMFAULT_SERVER_SCENARIO_PROBE_TALLY_H_

#include <cstdint>
#include <string>
#include <utility>

#include "mmfault/v1/fault.pb.h"
#include "server/sched/decision.h"

namespace mmfault::scenario {

// The execution in which an answer was given, and its decisions up to there.
struct Sighting {
  uint64_t seed = 0;
  const v1::FaultRule* swept = nullptr;  // as in Execution
  int64_t hit = 0;
  int32_t sweep = 0;  // from 1; 0: none, or not said yet
  sched::Schedule path;
};

struct ProbeTally {
  int64_t asked = 0;
  int64_t yes = 0;
  bool decided = false;  // by the first no of an ALWAYS, the first yes else
  uint64_t step = 0;     // then: where; 0: before the first
  std::string values;
  Sighting sighting;

  // Answers of later executions.
  void Add(ProbeTally later) {
    const int64_t all = asked + later.asked;
    const int64_t all_yes = yes + later.yes;
    if (!decided) {
      *this = std::move(later);
    }
    asked = all;
    yes = all_yes;
  }
};

}  // namespace mmfault::scenario

#endif  // MMFAULT_SERVER_SCENARIO_PROBE_TALLY_H_
