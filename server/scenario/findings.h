// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// findings.h: what executions came to: all of a case, or a part of them.
//
// A case's executions may be done in parts, by several workers. Each part has
// findings of its own; added to those of the parts before, in canonical order,
// they are what one worker alone would have found.

#ifndef MMFAULT_SERVER_SCENARIO_FINDINGS_H_
#define MMFAULT_SERVER_SCENARIO_FINDINGS_H_

#include <array>
#include <bitset>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "faults/points.h"
#include "server/explore/coverage.h"
#include "server/explore/search.h"
#include "server/scenario/probe_tally.h"
#include "server/scenario/program.h"
#include "server/scenario/rule_tally.h"
#include "server/scenario/verdict.h"
#include "server/trace/violation.h"

namespace mmfault::scenario {

// Which execution: that of a seed, or that of a schedule.
struct Execution {
  uint64_t seed = 1;
  const explore::Schedule* schedule = nullptr;
  const v1::FaultRule* swept = nullptr;  // with the hit it is armed for
  int64_t hit = 0;
};

// The first execution to break some promises; its story is told later.
struct FirstBreak {
  Execution execution;
  explore::Schedule schedule;  // of an exhaustive search
  std::vector<trace::Violation> violations;
};

struct Findings {
  explicit Findings(const notifier::Protocol& protocol) : tally(protocol) {}

  // What came next. `most`: violations kept of a whole case.
  void Add(Findings part, int64_t most);

  Tally tally;
  int64_t schedule_count = 0;
  int64_t step_count = 0;  // seeded executions
  std::map<std::pair<StepKind, int32_t>, int64_t> rc_counts;
  int64_t unchecked_vma_visit_max = 0;
  uint64_t event_hash = 0;             // of all executions, in order
  std::vector<uint64_t> event_hashes;  // a part's, one each, instead
  int64_t first_violation = 0;         // execution, from 1; 0: none
  std::array<bool, trace::kCheckerCount> kept = {};  // have a first break
  int64_t kept_count = 0;
  std::vector<FirstBreak> breaks;
  // tidy: allow(determinism: counted, or sorted when listed)
  absl::flat_hash_set<uint64_t> terminal_states;
  bool fired = false;              // the swept rule acted
  std::vector<ProbeTally> probes;  // in the case's order
  explore::SearchResult search;
  explore::Coverage coverage;
  std::bitset<faults::kPointCount> points;
  RuleTally rules;
  absl::Status status;  // why an execution could not be
};

// Puts what `part` counted to what `sum` has; outcomes are the part's.
void AddSearch(const explore::SearchResult& part, explore::SearchResult* sum);

}  // namespace mmfault::scenario

#endif  // MMFAULT_SERVER_SCENARIO_FINDINGS_H_
