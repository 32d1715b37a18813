// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// A run of one execution: repeated from its capsule, made smaller, told.

#include <algorithm>

#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/host/names.h"
#include "server/host/run.h"
#include "server/scenario/decisions.h"
#include "server/scenario/minimize.h"

namespace mmfault::host {
namespace {

v1::CaseResult ResultOf(const PlannedCase& planned,
                        const v1::Capsule& capsule) {
  v1::CaseResult result;
  result.set_scenario(planned.scenario->id());
  result.set_protocol(std::string(planned.protocol->id));
  result.set_seed(capsule.seed());
  result.set_remote(!capsule.answers().empty());
  result.set_drive_mode("LOCKSTEP");
  *result.mutable_mutants() = planned.scenario->mutants();
  *result.mutable_catalogue() = planned.scenario->catalogue();
  result.set_preemptions(planned.scenario->preemptions());
  return result;
}

void AddChecker(const std::string& name, bool again, v1::CaseResult* result) {
  v1::CheckerResult& checker = *result->add_checkers();
  checker.set_checker(name);
  checker.set_expected(v1::VIOLATED);
  checker.set_verdict(again ? v1::VIOLATED : v1::HOLDS);
  checker.set_met(again);
  checker.set_violating_schedule_count(again ? 1 : 0);
}

// One that is decided by hand has no step that it must come at.
bool IsAgain(const v1::Violation& violation, const v1::Capsule& capsule) {
  return violation.checker() == capsule.checker() &&
         (capsule.step() == 0 || violation.step() == capsule.step());
}

}  // namespace

absl::StatusOr<v1::CaseResult> Run::RepeatCapsule(const PlannedCase& planned) {
  const v1::Capsule& capsule = *plan_.capsule;
  const int64_t budget = plan_.until_step > 0
                             ? std::min(plan_.until_step, planned.step_budget)
                             : planned.step_budget;
  ASSIGN_OR_RETURN(const scenario::Story story,
                   TellCapsule(planned, capsule, budget));
  v1::CaseResult result = ResultOf(planned, capsule);
  result.set_schedule_count(1);
  result.set_violating_schedule_count(story.violations.empty() ? 0 : 1);
  result.set_event_hash(story.event_hash);
  if (!story.events.empty()) {
    result.set_step_count(story.events.back().step());
  }
  bool again = capsule.checker().empty();
  for (const v1::Violation& violation : story.violations) {
    again = again || IsAgain(violation, capsule);
    *result.add_violations() = violation;
  }
  result.set_met(again);
  if (!capsule.checker().empty()) {
    AddChecker(capsule.checker(), again, &result);
  }
  return result;
}

absl::StatusOr<v1::CaseResult> Run::MinimizeCapsule(
    const PlannedCase& planned) {
  const v1::Capsule& capsule = *plan_.capsule;
  // What is made smaller is the capsule's execution, or there is none.
  ASSIGN_OR_RETURN(const scenario::Story story,
                   TellCapsule(planned, capsule, planned.step_budget));
  scenario::MinimizeOptions options;
  options.story.schedule = &story.schedule;
  options.story.sweep = capsule.sweep();
  options.story.sweep_hit = capsule.sweep_hit();
  options.story.step_budget = planned.step_budget;
  options.checker = capsule.checker();
  int64_t tries = 0;
  options.progress = [this, &tries] { return Progress(++tries, 0); };
  ASSIGN_OR_RETURN(
      scenario::Minimized smaller,
      scenario::Minimize(*planned.scenario, *planned.protocol, options));

  v1::CaseResult result = ResultOf(planned, capsule);
  result.set_schedule_count(smaller.report.execution_count());
  result.set_violating_schedule_count(1);
  result.set_met(true);
  AddChecker(smaller.violation.checker(), true, &result);
  smaller.violation.set_decisions(scenario::DecisionsText(smaller.schedule));
  *result.add_violations() = smaller.violation;
  *result.mutable_minimize() = smaller.report;

  StoryRequest request;
  request.planned = planned;
  request.planned.scenario =
      std::make_shared<const v1::Scenario>(std::move(smaller.scenario));
  request.violation = smaller.violation;
  request.capsule = CapsuleOf(request.planned, request.violation, false);
  const std::lock_guard<std::mutex> lock(mutex_);
  minimized_ = std::move(request);
  return result;
}

absl::StatusOr<StoryRequest> Run::StoryOf(int64_t case_index,
                                          int64_t violation_index) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (case_index < 0 || case_index >= static_cast<int64_t>(results_.size())) {
    return NotFound("case in " + name_, "CASE_NOT_FOUND",
                    std::to_string(case_index));
  }
  if (minimized_) {
    return *minimized_;
  }
  StoryRequest request;
  request.planned = plan_.cases[static_cast<size_t>(case_index)];
  const v1::CaseResult& result = results_[static_cast<size_t>(case_index)];
  const bool has_violation =
      violation_index >= 0 && violation_index < result.violations_size();
  if (has_violation) {
    request.violation = result.violations(static_cast<int>(violation_index));
  }
  if (plan_.capsule && (has_violation || violation_index == 0)) {
    request.capsule = *plan_.capsule;
    return request;
  }
  if (!has_violation) {
    return NotFound(
        "violation in case " + std::to_string(case_index) + " of " + name_,
        "VIOLATION_NOT_FOUND", std::to_string(violation_index));
  }
  request.capsule =
      CapsuleOf(request.planned, request.violation, plan_.options.remote());
  const auto answers = answers_.find({case_index, violation_index});
  if (answers != answers_.end()) {
    for (const v1::Capsule::RecordedAnswer& answer : answers->second) {
      *request.capsule.add_answers() = answer;
    }
  }
  return request;
}

}  // namespace mmfault::host
