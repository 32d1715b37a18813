// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// rule_tally.h: whether each fault rule of a scenario acted, over all
// executions of a case.
//
// A rule that never acted tested nothing, whatever the verdicts say.

#ifndef MMFAULT_SERVER_SCENARIO_RULE_TALLY_H_
#define MMFAULT_SERVER_SCENARIO_RULE_TALLY_H_

#include <cstdint>
#include <vector>

#include "mmfault/v1/run_service.pb.h"
#include "mmfault/v1/scenario.pb.h"
#include "server/sched/world.h"

namespace mmfault::scenario {

// Executions in which the newest of the scenario's rules acted.
struct FiredCounts {
  int64_t all = 0;  // each of them
  int64_t any = 0;  // at least one
};

// What was counted in some executions. Sums do not depend on the order.
struct RuleTally {
  struct Entry {
    int64_t hit_max = 0;   // in one execution
    int64_t fired_in = 0;  // executions
    int64_t draws = 0;
    int64_t expected_ppm = 0;  // millionths of a fire
  };

  // An execution has ended. `ids`: of the scenario's rules in the world's
  // registry; FiredCounts is about the last `newest` of them.
  void Note(sched::World& world, const std::vector<uint32_t>& ids, int newest);
  // Other executions.
  void Add(const RuleTally& other);

  std::vector<Entry> entries;  // by rule; empty before the first Note()
  FiredCounts newest;
};

// A report a rule, then one a sweep; `sweep_hits`: at how many each acted.
void FillRules(const v1::Scenario& scenario, const sched::World& world,
               const std::vector<uint32_t>& ids, const RuleTally& tally,
               const std::vector<int64_t>& sweep_hits, v1::CaseResult* result);

// Makes each of them one that has to act; a result with one that has not is not
// met.
void RequireFired(v1::CaseResult* result);

}  // namespace mmfault::scenario

#endif  // MMFAULT_SERVER_SCENARIO_RULE_TALLY_H_
