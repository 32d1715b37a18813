// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/host/sweep_plan.h"

#include <string>
#include <utility>

#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/host/names.h"
#include "server/host/thread_crew.h"

namespace mmfault::host {
namespace {

absl::Status CheckRequest(const v1::SweepRequest& request) {
  const v1::RunOptions& options = request.options();
  if (options.remote()) {
    return base::InvalidFieldError(
        "options.remote", "UNSUPPORTED_SETTING",
        "clients cannot be asked again for each cell of a sweep",
        {{"field", "options.remote"}});
  }
  if (options.require_fired() || !options.faults().empty()) {
    return base::InvalidFieldError(
        "options", "UNSUPPORTED_SETTING",
        "a sweep arms its own rules, one at a time: faults and require_fired "
        "are for runs",
        {{"field", "options"}});
  }
  return sweep::CheckOptions(request.sweep());
}

absl::Status CheckAfter(const SweepPlan& plan) {
  if (!plan.after.has_value()) {
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(CheckRange(plan.after->case_index(), 0,
                             static_cast<int64_t>(plan.cases.size()) - 1,
                             "after.case_index"));
  return CheckRange(plan.after->group(), 0, INT64_MAX, "after.group");
}

}  // namespace

absl::StatusOr<SweepPlan> PlanSweep(const v1::SweepRequest& request,
                                    const scenario::Bounds& bounds) {
  RETURN_IF_ERROR(CheckRequest(request));
  v1::CreateRunRequest run;
  *run.mutable_scenarios() = request.scenarios();
  *run.mutable_options() = request.options();
  // Shards are of cells here, and each knows all cases.
  run.mutable_options()->set_shard_index(0);
  run.mutable_options()->set_shard_count(1);
  run.mutable_options()->mutable_explore()->set_schedule_count(0);
  ASSIGN_OR_RETURN(RunPlan planned, PlanRun(run, bounds));
  SweepPlan plan;
  plan.cases = std::move(planned.cases);
  plan.workers = planned.options.workers();
  plan.options = request.sweep();
  plan.bounds = bounds;
  if (request.options().shard_count() != 0) {
    plan.shard = {.index = request.options().shard_index(),
                  .count = request.options().shard_count()};
    RETURN_IF_ERROR(
        CheckRange(plan.shard.count, 1, INT32_MAX, "options.shard_count"));
    RETURN_IF_ERROR(CheckRange(plan.shard.index, 0, plan.shard.count - 1,
                               "options.shard_index"));
  }
  if (request.has_after()) {
    plan.after = request.after();
  }
  for (PlannedCase& one : plan.cases) {
    if (one.remote) {
      return base::InvalidFieldError(
          "scenarios", "UNSUPPORTED_SETTING",
          one.scenario->id() +
              ": clients cannot be asked again for each cell of a sweep",
          {{"field", "scenarios"}});
    }
    if (request.options().seed() == 0 && one.scenario->explore().seed() == 0) {
      one.seed = 1;  // a sweep that nobody seeds is still the same one
    }
  }
  RETURN_IF_ERROR(CheckAfter(plan));
  return plan;
}

absl::Status ExecuteSweep(const SweepPlan& plan,
                          const sweep::Listener& listener) {
  std::optional<ThreadCrew> crew;
  if (plan.workers > 1) {
    crew.emplace(plan.workers);
  }
  const int64_t first = plan.after.has_value() ? plan.after->case_index() : 0;
  for (auto i = first; i < static_cast<int64_t>(plan.cases.size()); ++i) {
    const PlannedCase& planned = plan.cases[static_cast<size_t>(i)];
    sweep::CaseInput input;
    input.scenario = planned.scenario.get();
    input.protocol = planned.protocol;
    input.file = planned.file;
    input.index = i;
    input.seed = planned.seed;
    input.step_budget = planned.step_budget;
    input.bounds = plan.bounds;
    input.crew = crew.has_value() ? &*crew : nullptr;
    const bool known = plan.after.has_value() && i == first;
    RETURN_IF_ERROR(sweep::RunSweep(input, plan.options, plan.shard,
                                    known ? &*plan.after : nullptr, listener));
  }
  return absl::OkStatus();
}

}  // namespace mmfault::host
