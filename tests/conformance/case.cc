// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/conformance/case.h"

#include <algorithm>
#include <optional>
#include <set>

#include "server/base/status_macros.h"
#include "server/notifier/protocols.h"
#include "server/scenario/compile.h"
#include "server/scenario/runner.h"
#include "server/scenario/verdict.h"
#include "tests/conformance/compare.h"
#include "tests/conformance/recorder.h"

namespace mmfault::conformance {
namespace {

constexpr uint64_t kStepBudget = 1000000;

void GiveFullTable(bool has_invalidate_range, v1::ModelledDevice* device) {
  device->add_implemented(v1::CALLBACK_EVENT_CLEAR_YOUNG);
  device->add_implemented(v1::CALLBACK_EVENT_TEST_YOUNG);
  if (has_invalidate_range) {
    device->add_implemented(v1::CALLBACK_EVENT_INVALIDATE_RANGE);
    device->add_implemented(v1::CALLBACK_EVENT_CHANGE_PTE);
  }
}

// See RunCase().
void GiveFullTables(const Kernel& kernel, v1::Scenario* scenario) {
  const bool has_invalidate_range = kernel.protocol == "6.1";
  std::set<std::string> intervals;
  for (v1::NotifierSetup& notifier : *scenario->mutable_notifier()) {
    if (notifier.kind() == v1::Notifier::KIND_INTERVAL) {
      intervals.insert(notifier.id());
    } else {
      GiveFullTable(has_invalidate_range, notifier.mutable_modelled());
    }
  }
  for (v1::TaskSetup& task : *scenario->mutable_task()) {
    for (v1::Step& step : *task.mutable_step()) {
      if (step.has_configure() &&
          !intervals.contains(step.configure().notifier())) {
        GiveFullTable(has_invalidate_range,
                      step.mutable_configure()->mutable_modelled());
      }
    }
  }
}

// The scenario under the kernel's protocol, ready to be run.
class Case {
 public:
  Case(const v1::Scenario& scenario, std::vector<Row> recorded)
      : scenario_(scenario),
        recorded_(std::move(recorded)),
        rules_(RulesFor(scenario.id())) {}

  absl::Status SetUp(const notifier::Protocol& protocol);
  std::string RunSeed(uint64_t seed);
  const std::vector<Row>& rows() const { return recorder_->rows(); }

 private:
  std::string CompareViolations() const;

  const v1::Scenario& scenario_;
  std::vector<Row> recorded_;
  Rules rules_;
  std::set<std::string> expected_;  // checkers
  std::unique_ptr<scenario::Machine> machine_;
  std::unique_ptr<Recorder> recorder_;
  sched::World::Snapshot start_;
};

absl::Status Case::SetUp(const notifier::Protocol& protocol) {
  RETURN_IF_ERROR(scenario::CheckScenario(scenario_));
  ASSIGN_OR_RETURN(sched::WorldOptions options,
                   scenario::CompileSettings(scenario_.world()));
  options.seed = 1;
  machine_ = std::make_unique<scenario::Machine>(protocol, options);
  RETURN_IF_ERROR(
      scenario::SetUp(machine_.get(), scenario_, scenario::Bounds(), false));
  recorder_ = std::make_unique<Recorder>(machine_.get());
  machine_->SetListener(recorder_.get());
  machine_->ObserveMethods(true);
  machine_->SetScriptedDrivers(true);
  start_ = machine_->world().Save();
  for (const v1::Expect* expect :
       scenario::ExpectationsFor(scenario_, protocol)) {
    if (expect->verdict() == v1::VIOLATED) {
      expected_.insert(expect->checker());
    }
  }
  return absl::OkStatus();
}

std::string Case::CompareViolations() const {
  std::set<std::string> found;
  for (const trace::Violation& violation : machine_->Violations()) {
    found.insert(trace::CheckerName(violation.checker));
  }
  std::string text;
  for (const std::string& checker : found) {
    text += expected_.contains(checker) ? "" : " " + checker + " is violated;";
  }
  for (const std::string& checker : expected_) {
    text += found.contains(checker) ? "" : " " + checker + " holds;";
  }
  return text;
}

std::string Case::RunSeed(uint64_t seed) {
  sched::World& world = machine_->world();
  world.Restore(start_);
  recorder_->Reset();
  sched::UniformStrategy strategy(seed);
  sched::RunStop stop = sched::RunStop::kAtPoint;
  while (stop == sched::RunStop::kAtPoint && world.state().dead_tasks == 0 &&
         world.state().step_count < kStepBudget) {
    stop = machine_->Run(&strategy, kStepBudget);
  }
  const std::string where = " (seed " + std::to_string(seed) + ")";
  const std::optional<Divergence> found =
      Compare(recorded_, recorder_->rows(), rules_);
  if (found.has_value()) {
    return "row " + std::to_string(found->row) + where + ": " + found->what +
           "\n" + found->context;
  }
  if (stop == sched::RunStop::kStepBudget) {
    return "no end" + where + "\n";
  }
  const std::string violations = CompareViolations();
  return violations.empty() ? "" : "verdict" + where + ":" + violations + "\n";
}

}  // namespace

std::string RunCase(const Kernel& kernel, v1::Scenario scenario,
                    const std::vector<Row>& recorded) {
  const notifier::Protocol* protocol = notifier::FindProtocol(kernel.protocol);
  if (protocol == nullptr) {
    return "there is no protocol " + std::string(kernel.protocol) + "\n";
  }
  GiveFullTables(kernel, &scenario);
  Case made(scenario, recorded);
  const absl::Status status = made.SetUp(*protocol);
  if (!status.ok()) {
    return "cannot be set up: " + std::string(status.message()) + "\n";
  }
  const auto first = static_cast<uint64_t>(scenario.explore().seed());
  const auto count = static_cast<uint64_t>(scenario.explore().schedule_count());
  std::string difference;
  for (uint64_t i = 0; i < count && difference.empty(); ++i) {
    difference = made.RunSeed(first + i);
  }
  return difference;
}

absl::StatusOr<std::vector<Row>> RowsOf(const Kernel& kernel,
                                        v1::Scenario scenario, uint64_t seed) {
  const notifier::Protocol* protocol = notifier::FindProtocol(kernel.protocol);
  if (protocol == nullptr) {
    return absl::NotFoundError("there is no such protocol");
  }
  GiveFullTables(kernel, &scenario);
  Case made(scenario, {});
  RETURN_IF_ERROR(made.SetUp(*protocol));
  made.RunSeed(seed);
  return made.rows();
}

}  // namespace mmfault::conformance
