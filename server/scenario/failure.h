// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// failure.h: executions of a scenario that break one particular thing.
//
// Threads: as a Case.

#ifndef MMFAULT_SERVER_SCENARIO_FAILURE_H_
#define MMFAULT_SERVER_SCENARIO_FAILURE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/scenario/case.h"

namespace mmfault::scenario {

// What must break: a checker, for a reason, with the same sort of thing; when
// somebody waits for ever, in the same function.
struct Symptom {
  trace::Checker checker = trace::Checker::kNoUseAfterFree;
  trace::Cause cause = trace::Cause::kUnspecified;
  trace::ObjType type{};
  std::string where;  // kBlockedForEver, kWaitCycle

  bool operator==(const Symptom&) const = default;
};

// An execution that breaks it: nothing after the step at which it does.
struct Failure {
  explore::Schedule schedule;
  int preemptions = 0;

  int64_t switches() const;
};
// Fewer preemptions, then fewer switches, then fewer steps.
bool IsSmaller(const Failure& a, const Failure& b);

// A search for the failure with the fewest preemptions.
struct FailureSearch {
  std::optional<Failure> found;
  // All executions with fewer preemptions than `found` (or than the bound + 1,
  // when nothing was found) were tried and break nothing.
  bool exhausted = false;
  uint64_t executions = 0;
};

// One scenario under one protocol, searched for a symptom.
class FailureFinder {
 public:
  static absl::StatusOr<std::unique_ptr<FailureFinder>> Make(
      const v1::Scenario& scenario, const notifier::Protocol& protocol);

  // Runs a schedule, as far as it can be followed; the failure it led to, if it
  // is the symptom's. Without one any violation will do; `seen` says which.
  std::optional<Failure> Follow(const explore::Schedule& schedule,
                                const Symptom* symptom, Symptom* seen);

  // All that a schedule breaks, in order.
  std::vector<Symptom> SymptomsOf(const explore::Schedule& schedule);

  // Executions with 0, 1, ... `bound` preemptions, each group to its end or
  // until `steps` are spent. `thorough`: the group with a failure too, for the
  // smallest one in it.
  FailureSearch Search(const Symptom& symptom, int bound, uint64_t steps,
                       bool thorough);

 private:
  explicit FailureFinder(v1::Scenario scenario)
      : scenario_(std::move(scenario)) {}
  Symptom SymptomOf(const trace::Violation& violation) const;
  // The violation of the present execution that is the symptom's; null: none.
  const trace::Violation* Find(const Symptom* symptom);

  v1::Scenario scenario_;
  CaseOptions options_;
  std::unique_ptr<Case> case_;
  std::vector<trace::Violation> violations_;
};

}  // namespace mmfault::scenario

#endif  // MMFAULT_SERVER_SCENARIO_FAILURE_H_
