// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/scenario/minimize.h"

#include <algorithm>
#include <utility>

#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/scenario/decisions.h"
#include "server/scenario/failure.h"
#include "server/scenario/reduce.h"

namespace mmfault::scenario {
namespace {

struct Stretch {
  int8_t task;
  size_t begin;
  size_t end;
};

std::vector<Stretch> RunsOf(const explore::Schedule& schedule) {
  std::vector<Stretch> runs;
  for (size_t i = 0; i < schedule.size(); ++i) {
    if (runs.empty() || runs.back().task != schedule[i].task) {
      runs.push_back({schedule[i].task, i, i});
    }
    runs.back().end = i + 1;
  }
  return runs;
}

// Run i + 1 of the schedule after run i + 2, so that those around it become
// one.
explore::Schedule Joined(const explore::Schedule& schedule,
                         const std::vector<Stretch>& runs, size_t i) {
  explore::Schedule out(schedule.begin(),
                        schedule.begin() + static_cast<ptrdiff_t>(runs[i].end));
  for (const size_t part : {i + 2, i + 1}) {
    out.insert(out.end(),
               schedule.begin() + static_cast<ptrdiff_t>(runs[part].begin),
               schedule.begin() + static_cast<ptrdiff_t>(runs[part].end));
  }
  out.insert(out.end(),
             schedule.begin() + static_cast<ptrdiff_t>(runs[i + 2].end),
             schedule.end());
  return out;
}

class Minimizer {
 public:
  Minimizer(const notifier::Protocol& protocol, const MinimizeOptions& options)
      : protocol_(protocol), options_(options) {}

  absl::StatusOr<Minimized> Run(const v1::Scenario& scenario);

 private:
  absl::Status Begin(const v1::Scenario& scenario);
  void JoinRuns();
  bool JoinOnce();
  void TakeAway();
  bool TryWithout(const Removal& removal);
  void FindFewest();
  absl::Status Finish();
  bool GoesOn() {
    stopped_ = stopped_ || (options_.progress && !options_.progress());
    return !stopped_;
  }

  const notifier::Protocol& protocol_;
  const MinimizeOptions& options_;
  Symptom symptom_ = {};
  Failure failure_;
  std::unique_ptr<FailureFinder> finder_;
  Minimized out_;
  bool stopped_ = false;
};

// Makes one schedule of it, whatever it was: a seed, a hit of a sweep.
absl::Status Minimizer::Begin(const v1::Scenario& scenario) {
  ASSIGN_OR_RETURN(const Story story,
                   TellStory(scenario, protocol_, options_.story));
  out_.scenario = scenario;
  if (options_.story.sweep > 0 &&
      options_.story.sweep <= scenario.sweep_size()) {
    *out_.scenario.add_fault() =
        SweptRule(scenario.sweep(options_.story.sweep - 1).fault(),
                  options_.story.sweep_hit);
  }
  out_.scenario.clear_sweep();
  out_.scenario.clear_probe();  // of other executions
  ASSIGN_OR_RETURN(finder_, FailureFinder::Make(out_.scenario, protocol_));
  std::optional<Symptom> wanted;
  if (!options_.checker.empty()) {
    const auto checker = trace::CheckerByName(options_.checker);
    for (const Symptom& seen : finder_->SymptomsOf(story.schedule)) {
      if (checker.has_value() && seen.checker == *checker && !wanted) {
        wanted = seen;
      }
    }
  }
  const bool any = options_.checker.empty();
  std::optional<Failure> failure;
  if (any || wanted) {
    failure =
        finder_->Follow(story.schedule, any ? nullptr : &*wanted, &symptom_);
  }
  if (!failure) {
    return base::MakeError(
        absl::StatusCode::kFailedPrecondition, "NOTHING_TO_MINIMIZE",
        "this execution breaks " +
            (any ? std::string("nothing") : "no " + options_.checker) +
            "; `mmfault replay` shows what it does");
  }
  failure_ = *std::move(failure);
  v1::MinimizeReport& report = out_.report;
  report.set_step_count_before(static_cast<int64_t>(failure_.schedule.size()));
  report.set_switch_count_before(failure_.switches());
  report.set_preemption_count_before(failure_.preemptions);
  return absl::OkStatus();
}

bool Minimizer::JoinOnce() {
  const std::vector<Stretch> runs = RunsOf(failure_.schedule);
  for (size_t i = 0; i + 2 < runs.size() && GoesOn(); ++i) {
    if (runs[i].task != runs[i + 2].task) {
      continue;
    }
    const explore::Schedule candidate = Joined(failure_.schedule, runs, i);
    out_.report.set_execution_count(out_.report.execution_count() + 1);
    const std::optional<Failure> found =
        finder_->Follow(candidate, &symptom_, nullptr);
    if (found && IsSmaller(*found, failure_)) {
      failure_ = *found;
      return true;
    }
  }
  return false;
}

// A loop that goes round has its own order; only what leads to it is searched.
void Minimizer::JoinRuns() {
  if (symptom_.checker == trace::Checker::kNoLivelock) {
    return;
  }
  while (GoesOn() && JoinOnce()) {
  }
}

// Whether some execution of the smaller scenario breaks the same thing: those
// with no more preemptions than the present one are tried, as many as a part of
// the step budget allows.
bool Minimizer::TryWithout(const Removal& removal) {
  v1::Scenario smaller = Without(out_.scenario, removal);
  absl::StatusOr<std::unique_ptr<FailureFinder>> finder =
      FailureFinder::Make(smaller, protocol_);
  if (!finder.ok()) {
    return false;
  }
  const int bound = std::min(failure_.preemptions, options_.preemption_bound);
  const FailureSearch search =
      (*finder)->Search(symptom_, bound, options_.search_steps / 10, false);
  out_.report.set_execution_count(out_.report.execution_count() +
                                  static_cast<int64_t>(search.executions));
  if (!search.found) {
    return false;
  }
  failure_ = *search.found;
  out_.scenario = std::move(smaller);
  finder_ = *std::move(finder);
  out_.report.add_removed(removal.text);
  return true;
}

void Minimizer::TakeAway() {
  bool smaller = true;
  while (smaller && GoesOn()) {
    smaller = false;
    for (const Removal& removal : RemovalsOf(out_.scenario)) {
      if (!GoesOn()) {
        return;
      }
      if (TryWithout(removal)) {
        smaller = true;
        break;  // the list is of the scenario as it was
      }
    }
  }
}

void Minimizer::FindFewest() {
  v1::MinimizeReport& report = out_.report;
  const int bound = std::min(failure_.preemptions, options_.preemption_bound);
  const FailureSearch search =
      finder_->Search(symptom_, bound, options_.search_steps, true);
  report.set_execution_count(report.execution_count() +
                             static_cast<int64_t>(search.executions));
  if (search.found && IsSmaller(*search.found, failure_)) {
    failure_ = *search.found;
  }
  const int fewest = failure_.preemptions;
  if (fewest == 0) {
    report.set_fewest(true);
    report.set_certificate("it needs no preemption");
  } else if (search.exhausted && search.found) {
    report.set_fewest(true);
    report.set_certificate("every execution with fewer than " +
                           std::to_string(fewest) +
                           (fewest == 1 ? " preemption" : " preemptions") +
                           " was tried; none breaks it");
  } else if (search.exhausted) {
    report.set_certificate("every execution with at most " +
                           std::to_string(bound) +
                           " preemptions was tried; none breaks it; between "
                           "them and this one nothing is known");
  } else {
    report.set_certificate("the search for fewer was cut after " +
                           std::to_string(options_.search_steps) + " steps");
  }
}

absl::Status Minimizer::Finish() {
  v1::MinimizeReport& report = out_.report;
  report.set_step_count(static_cast<int64_t>(failure_.schedule.size()));
  report.set_switch_count(failure_.switches());
  report.set_preemption_count(failure_.preemptions);
  out_.schedule = failure_.schedule;
  StoryOptions options;
  options.schedule = &out_.schedule;
  ASSIGN_OR_RETURN(const Story story,
                   TellStory(out_.scenario, protocol_, options));
  const std::string checker(trace::CheckerName(symptom_.checker));
  for (const v1::Violation& violation : story.violations) {
    if (violation.checker() == checker) {
      out_.violation = violation;
      break;
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Minimized> Minimizer::Run(const v1::Scenario& scenario) {
  RETURN_IF_ERROR(Begin(scenario));
  JoinRuns();
  TakeAway();
  FindFewest();
  RETURN_IF_ERROR(Finish());
  return std::move(out_);
}

}  // namespace

absl::StatusOr<Minimized> Minimize(const v1::Scenario& scenario,
                                   const notifier::Protocol& protocol,
                                   const MinimizeOptions& options) {
  return Minimizer(protocol, options).Run(scenario);
}

}  // namespace mmfault::scenario
