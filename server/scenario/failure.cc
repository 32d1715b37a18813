// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/scenario/failure.h"

#include <algorithm>
#include <tuple>

#include "server/base/status_macros.h"
#include "server/scenario/decisions.h"

namespace mmfault::scenario {

int64_t Failure::switches() const { return SwitchesOf(schedule); }

bool IsSmaller(const Failure& a, const Failure& b) {
  return std::make_tuple(a.preemptions, a.switches(), a.schedule.size()) <
         std::make_tuple(b.preemptions, b.switches(), b.schedule.size());
}

absl::StatusOr<std::unique_ptr<FailureFinder>> FailureFinder::Make(
    const v1::Scenario& scenario, const notifier::Protocol& protocol) {
  std::unique_ptr<FailureFinder> finder(new FailureFinder(scenario));
  ASSIGN_OR_RETURN(finder->case_,
                   Case::Make(finder->scenario_, protocol, finder->options_));
  return finder;
}

// Who waits for ever waits still when the execution is over.
Symptom FailureFinder::SymptomOf(const trace::Violation& violation) const {
  Symptom symptom{violation.checker, violation.cause, violation.obj.type(), ""};
  const bool waits = violation.cause == trace::Cause::kBlockedForEver ||
                     violation.cause == trace::Cause::kWaitCycle;
  if (waits && violation.task >= 0) {
    symptom.where = case_->machine().world().task(violation.task).op_where;
  }
  return symptom;
}

const trace::Violation* FailureFinder::Find(const Symptom* symptom) {
  violations_ = case_->machine().Violations();
  for (const trace::Violation& violation : violations_) {
    if (symptom == nullptr || SymptomOf(violation) == *symptom) {
      return &violation;
    }
  }
  return nullptr;
}

std::optional<Failure> FailureFinder::Follow(const explore::Schedule& schedule,
                                             const Symptom* symptom,
                                             Symptom* seen) {
  StorySink story;
  Execution execution;
  execution.schedule = &schedule;
  if (!case_->RunOnce(execution, &story).ok()) {
    return std::nullopt;
  }
  const trace::Violation* violation = Find(symptom);
  if (violation == nullptr) {
    return std::nullopt;
  }
  if (seen != nullptr) {
    *seen = SymptomOf(*violation);
  }
  Failure failure;
  failure.schedule = ScheduleOf(story.events, case_->start_step());
  const uint64_t length = violation->step - case_->start_step();
  if (length < failure.schedule.size()) {
    failure.schedule.resize(length);
  }
  Execution again;
  again.schedule = &failure.schedule;
  failure.preemptions = case_->PreemptionsOf(again);
  return failure;
}

std::vector<Symptom> FailureFinder::SymptomsOf(
    const explore::Schedule& schedule) {
  std::vector<Symptom> symptoms;
  Execution execution;
  execution.schedule = &schedule;
  if (case_->RunOnce(execution, nullptr).ok()) {
    for (const trace::Violation& violation : case_->machine().Violations()) {
      symptoms.push_back(SymptomOf(violation));
    }
  }
  return symptoms;
}

FailureSearch FailureFinder::Search(const Symptom& symptom, int bound,
                                    uint64_t steps, bool thorough) {
  FailureSearch search;
  explore::SearchOptions options;
  case_->Rewind();
  for (int most = 0; most <= bound; ++most) {
    options.preemption_bound = most;
    options.budget.steps = steps;
    options.find_loops = symptom.checker == trace::Checker::kNoLivelock;
    const explore::SearchResult result = explore::BoundedSearch(
        &case_->machine().world(), options,
        [&](sched::World* /*world*/, explore::End end,
            const explore::Schedule& schedule) {
          if (end == explore::End::kFinished) {
            case_->machine().CheckFinished();
          }
          const trace::Violation* violation = Find(&symptom);
          if (violation == nullptr) {
            return true;
          }
          Failure failure{schedule, most};
          const uint64_t length = violation->step - case_->start_step();
          failure.schedule.resize(
              std::min<size_t>(length, failure.schedule.size()));
          if (!search.found || IsSmaller(failure, *search.found)) {
            search.found = std::move(failure);
          }
          return thorough;
        });
    search.executions += result.executions;
    if (search.found) {
      return search;  // `exhausted` is what the bounds before left it at
    }
    search.exhausted = result.outcome == explore::Outcome::kComplete;
    if (!search.exhausted) {
      return search;
    }
  }
  return search;
}

}  // namespace mmfault::scenario
