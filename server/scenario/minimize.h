// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// minimize.h: from a failing execution to the few switches that matter.
//
// In order: cut after the failure; move steps of one task together while the
// same thing still breaks; take tasks, steps, notifiers, rules, signals and
// failing allocations away while some execution still breaks it; then look for
// the fewest preemptions: all executions with none, with one, and so on. What
// the last search went through without a failure is the certificate that fewer
// do not suffice.
//
// "The same thing" is a Symptom (failure.h). A scenario that is smaller is
// another scenario: that it breaks too is shown by its own execution, which the
// result has.
//
// Threads: as a Case.

#ifndef MMFAULT_SERVER_SCENARIO_MINIMIZE_H_
#define MMFAULT_SERVER_SCENARIO_MINIMIZE_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "mmfault/v1/run_service.pb.h"
#include "mmfault/v1/scenario.pb.h"
#include "server/scenario/runner.h"

namespace mmfault::scenario {

struct MinimizeOptions {
  StoryOptions story;   // the failing execution; no remote notifier
  std::string checker;  // whose violation; empty: the first one
  // Most preemptions to look for, and steps that each search may take.
  int preemption_bound = 3;
  uint64_t search_steps = 2'000'000;
  // Called now and then; false ends it, with what was reached.
  std::function<bool()> progress;
};

struct Minimized {
  v1::Scenario scenario;       // without sweeps; explore has decisions' limits
  explore::Schedule schedule;  // up to the violation's step
  v1::Violation violation;
  v1::MinimizeReport report;
};

// Errors: FAILED_PRECONDITION (NOTHING_TO_MINIMIZE) when the execution breaks
// nothing; those of Case::Make().
absl::StatusOr<Minimized> Minimize(const v1::Scenario& scenario,
                                   const notifier::Protocol& protocol,
                                   const MinimizeOptions& options);

}  // namespace mmfault::scenario

#endif  // MMFAULT_SERVER_SCENARIO_MINIMIZE_H_
