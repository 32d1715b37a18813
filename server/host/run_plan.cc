// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/host/run_plan.h"

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <utility>

#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/host/capsule.h"
#include "server/host/limits.h"
#include "server/host/names.h"
#include "server/host/wall_time.h"
#include "server/scenario/runner.h"
#include "server/scenario/verdict.h"

namespace mmfault::host {
namespace {

using std::chrono::milliseconds;

constexpr int64_t kDefaultStepBudget = 100'000;
constexpr int32_t kDefaultMaxViolations = 16;
constexpr milliseconds kDefaultClientWait{60'000};
constexpr milliseconds kLongestWait = std::chrono::hours(24 * 365);
constexpr milliseconds kLongestAckDeadline = std::chrono::hours(1);

// Seeds are shown as int64 and typed by people: positive and short.
int64_t DrawSeed() {
  std::random_device device;
  return 1 + static_cast<int64_t>(device() & 0x7fffffffU);
}

// Fills in `duration` when it is unset or 0.
absl::Status FillDuration(milliseconds default_value, std::string_view field,
                          google::protobuf::Duration* duration) {
  ASSIGN_OR_RETURN(const milliseconds asked,
                   WallTime(*duration, milliseconds(0), kLongestWait, field));
  if (asked.count() == 0) {
    *duration = ToProto(default_value);
  }
  return absl::OkStatus();
}

absl::Status FillOptions(v1::RunOptions* options) {
  if (options->shard_count() == 0) {
    options->set_shard_count(1);
  }
  RETURN_IF_ERROR(
      CheckRange(options->shard_count(), 1, INT32_MAX, "options.shard_count"));
  RETURN_IF_ERROR(CheckRange(options->shard_index(), 0,
                             options->shard_count() - 1,
                             "options.shard_index"));
  if (options->max_violations() == 0) {
    options->set_max_violations(kDefaultMaxViolations);
  }
  RETURN_IF_ERROR(
      CheckRange(options->max_violations(), 1, 1000, "options.max_violations"));
  if (options->workers() == 0) {
    options->set_workers(1);
  }
  RETURN_IF_ERROR(
      CheckRange(options->workers(), 1, kMostWorkers, "options.workers"));
  RETURN_IF_ERROR(FillDuration(kDefaultClientWait, "options.client_wait",
                               options->mutable_client_wait()));
  if (options->has_wall_budget()) {
    RETURN_IF_ERROR(WallTime(options->wall_budget(), milliseconds(0),
                             kLongestWait, "options.wall_budget")
                        .status());
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::Scenario> ReadSource(const v1::ScenarioSource& source,
                                        const std::string& field) {
  switch (source.source_case()) {
    case v1::ScenarioSource::kScenario:
      return source.scenario();
    case v1::ScenarioSource::kText:
      return scenario::ParseScenario(
          source.text(), source.file().empty() ? field : source.file());
    case v1::ScenarioSource::SOURCE_NOT_SET:
      break;
  }
  return base::InvalidFieldError(field + ".source", "FIELD_MISSING",
                                 field + " has neither `scenario` nor `text`");
}

// A name in a scenario that stands for nothing, or for two things, is a mistake
// of the scenario and not a missing resource of the server's.
absl::Status Contradiction(const absl::Status& status,
                           const v1::Scenario& scenario,
                           const std::string& file) {
  const bool of_scenario =
      absl::IsNotFound(status) || absl::IsAlreadyExists(status);
  if (!of_scenario || base::ReasonOf(status) == "FAULT_POINT_NOT_FOUND") {
    return status;
  }
  const std::string where = file.empty() ? scenario.id() : file;
  return base::InvalidFieldError("scenarios", "SCENARIO_MALFORMED",
                                 where + ": " + std::string(status.message()),
                                 {{"file", file}, {"scenario", scenario.id()}});
}

// Ids of the notifiers that clients answer, with the client that must.
std::map<std::string, std::string> RemoteNotifiers(const v1::Scenario& scenario,
                                                   bool all_remote) {
  std::map<std::string, std::string> remote;
  for (const v1::NotifierSetup& setup : scenario.notifier()) {
    if (all_remote || setup.has_remote()) {
      remote[setup.id()] = setup.remote().client();
    }
  }
  if (!all_remote) {
    return remote;
  }
  for (const v1::TaskSetup& task : scenario.task()) {
    for (const v1::Step& step : task.step()) {
      if (step.has_register_()) {
        remote.emplace(step.register_().notifier(), "");
      } else if (step.has_get()) {
        remote.emplace(step.get().notifier(), "");
      } else if (step.has_insert()) {
        remote.emplace(step.insert().notifier(), "");
      }
    }
  }
  return remote;
}

// Collects cases, and what they need.
class Planner {
 public:
  explicit Planner(RunPlan* plan) : plan_(plan) {}

  absl::Status Add(v1::Scenario scenario, const std::string& file);
  // Cuts the shard out and draws the seed where nobody gave one.
  void Finish();

 private:
  absl::Status ReadAckDeadline(const v1::Scenario& scenario);
  void ListNeeds();

  RunPlan* plan_;
  bool first_deadline_ = true;
};

// The longest of the scenarios' deadlines holds: an answer that one of them
// would wait for is never too late in another.
absl::Status Planner::ReadAckDeadline(const v1::Scenario& scenario) {
  if (!scenario.world().has_ack_deadline()) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const milliseconds deadline,
                   WallTime(scenario.world().ack_deadline(), milliseconds(0),
                            kLongestAckDeadline, "world.ack_deadline"));
  if (deadline.count() > 0) {
    plan_->ack_deadline =
        first_deadline_ ? deadline : std::max(plan_->ack_deadline, deadline);
    first_deadline_ = false;
  }
  return absl::OkStatus();
}

absl::Status Planner::Add(v1::Scenario scenario, const std::string& file) {
  scenario.mutable_explore()->MergeFrom(plan_->options.explore());
  scenario.mutable_mutants()->MergeFrom(plan_->options.mutants());
  scenario.mutable_fault()->MergeFrom(plan_->options.faults());
  RETURN_IF_ERROR(scenario::CheckScenario(scenario));
  RETURN_IF_ERROR(ReadAckDeadline(scenario));
  ASSIGN_OR_RETURN(
      const std::vector<const notifier::Protocol*> protocols,
      scenario::ProtocolsOf(scenario, {plan_->options.protocols().begin(),
                                       plan_->options.protocols().end()}));
  // One that has what the scenario asks for, if any has: without, there is
  // nothing to set up and so nothing to contradict.
  const auto applicable =
      std::find_if(protocols.begin(), protocols.end(),
                   [&scenario](const notifier::Protocol* protocol) {
                     return scenario::HasKinds(scenario, *protocol);
                   });
  RETURN_IF_ERROR(Contradiction(
      scenario::CheckCase(
          scenario,
          applicable == protocols.end() ? *protocols.front() : **applicable,
          plan_->options.remote(), plan_->bounds),
      scenario, file));
  PlannedCase planned;
  planned.file = file;
  planned.extra_faults = plan_->options.faults_size();
  planned.seed = static_cast<uint64_t>(plan_->options.seed() != 0
                                           ? plan_->options.seed()
                                           : scenario.explore().seed());
  planned.step_budget = scenario.explore().step_budget() != 0
                            ? scenario.explore().step_budget()
                            : kDefaultStepBudget;
  planned.remote = !RemoteNotifiers(scenario, plan_->options.remote()).empty();
  planned.scenario = std::make_shared<const v1::Scenario>(std::move(scenario));
  for (const notifier::Protocol* protocol : protocols) {
    planned.protocol = protocol;
    plan_->cases.push_back(planned);
  }
  return absl::OkStatus();
}

void Planner::Finish() {
  std::vector<PlannedCase> mine;
  const auto count = static_cast<size_t>(plan_->options.shard_count());
  const auto index = static_cast<size_t>(plan_->options.shard_index());
  for (size_t i = index; i < plan_->cases.size(); i += count) {
    mine.push_back(std::move(plan_->cases[i]));
  }
  plan_->cases = std::move(mine);
  for (PlannedCase& planned : plan_->cases) {
    if (planned.seed != 0) {
      continue;
    }
    if (plan_->options.seed() == 0) {
      plan_->options.set_seed(DrawSeed());
    }
    planned.seed = static_cast<uint64_t>(plan_->options.seed());
  }
  ListNeeds();
}

// Of the shard's own cases: a client need not bind what is run elsewhere.
void Planner::ListNeeds() {
  std::map<std::string, std::string> wanted;
  std::set<std::string> mms;
  for (const PlannedCase& planned : plan_->cases) {
    const std::map<std::string, std::string> remote =
        RemoteNotifiers(*planned.scenario, plan_->options.remote());
    wanted.insert(remote.begin(), remote.end());
    for (const v1::MmSetup& mm : planned.scenario->mm()) {
      mms.insert(mm.id());
    }
  }
  for (const auto& [id, client] : wanted) {
    plan_->wanted.push_back({id, client});
  }
  plan_->mms.assign(mms.begin(), mms.end());
}

absl::Status CheckReplay(const v1::CreateRunRequest& request) {
  if (!request.scenarios().empty()) {
    return base::InvalidFieldError(
        "scenarios", "FIELD_OUT_OF_RANGE",
        "a capsule is repeated alone: give `capsule` or `scenarios`");
  }
  if (request.minimize() && !request.capsule().answers().empty()) {
    return base::MakeError(
        absl::StatusCode::kFailedPrecondition, "REMOTE_NOT_UNDOABLE",
        "an execution with clients' answers cannot be made smaller: what they "
        "would answer in another one is not known");
  }
  RETURN_IF_ERROR(CheckCapsule(request.capsule()));
  return CheckRange(request.until_step(), 0, INT64_MAX, "until_step");
}

absl::StatusOr<RunPlan> PlanReplay(const v1::CreateRunRequest& request,
                                   const scenario::Bounds& bounds) {
  RETURN_IF_ERROR(CheckReplay(request));
  RunPlan plan;
  plan.bounds = bounds;
  plan.capsule = request.capsule();
  plan.minimize = request.minimize();
  plan.until_step = request.until_step();
  plan.options = request.options();
  RETURN_IF_ERROR(FillOptions(&plan.options));
  plan.options.set_seed(plan.capsule->seed());
  RETURN_IF_ERROR(scenario::CheckMutants(plan.capsule->scenario()));
  RETURN_IF_ERROR(scenario::CheckScenario(plan.capsule->scenario()));
  ASSIGN_OR_RETURN(const std::vector<const notifier::Protocol*> protocols,
                   scenario::ProtocolsOf(plan.capsule->scenario(),
                                         {plan.capsule->protocol()}));
  if (protocols.size() != 1) {
    return base::InvalidFieldError("capsule.protocol", "CAPSULE_UNREADABLE",
                                   "a capsule names one protocol");
  }
  PlannedCase planned;
  planned.scenario =
      std::make_shared<const v1::Scenario>(plan.capsule->scenario());
  planned.protocol = protocols.front();
  planned.seed = static_cast<uint64_t>(plan.capsule->seed());
  planned.step_budget = plan.capsule->step_budget();
  planned.file = plan.capsule->file();
  plan.cases.push_back(std::move(planned));
  return plan;
}

}  // namespace

absl::StatusOr<RunPlan> PlanRun(const v1::CreateRunRequest& request,
                                const scenario::Bounds& bounds) {
  if (request.has_capsule()) {
    return PlanReplay(request, bounds);
  }
  if (request.until_step() != 0 || request.minimize()) {
    return base::InvalidFieldError(
        request.minimize() ? "minimize" : "until_step", "FIELD_OUT_OF_RANGE",
        "until_step and minimize go with a capsule only");
  }
  if (request.scenarios().empty()) {
    return base::InvalidFieldError("scenarios", "FIELD_MISSING",
                                   "a run needs at least one scenario");
  }
  RunPlan plan;
  plan.bounds = bounds;
  plan.options = request.options();
  RETURN_IF_ERROR(FillOptions(&plan.options));
  Planner planner(&plan);
  for (int i = 0; i < request.scenarios_size(); ++i) {
    ASSIGN_OR_RETURN(v1::Scenario scenario,
                     ReadSource(request.scenarios(i),
                                "scenarios[" + std::to_string(i) + "]"));
    RETURN_IF_ERROR(
        planner.Add(std::move(scenario), request.scenarios(i).file()));
  }
  planner.Finish();
  return plan;
}

}  // namespace mmfault::host
