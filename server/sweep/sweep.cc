// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/sweep/sweep.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "faults/trigger/swept.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/explore/strategies.h"
#include "server/scenario/runner.h"
#include "server/scenario/verdict.h"
#include "server/sweep/groups.h"
#include "server/sweep/in_order.h"

namespace mmfault::sweep {
namespace {

using v1::SweepCell;

constexpr int64_t kDefaultSchedules = 10;
constexpr int64_t kDefaultMaxHit = 400;
constexpr int64_t kMost = 1'000'000;
// Of one execution: no more can be in a cell.
constexpr int64_t kMaxFindings = 64;

absl::Status CheckCount(int64_t value, const char* field) {
  if (value >= 0 && value <= kMost) {
    return absl::OkStatus();
  }
  return base::InvalidFieldError(
      std::string("sweep.") + field, "FIELD_OUT_OF_RANGE",
      std::string(field) + " has to be in [0, 1,000,000]");
}

// What a rule says that acts at one pass of its point, or as a swarm has it.
std::string TriggerOf(const v1::SweptFault& fault) {
  if (fault.hit() == 0) {
    return fault.action();
  }
  return "when=" + std::to_string(fault.hit()) + " " + fault.action();
}

void AddFinding(const v1::CaseResult& result, const v1::CheckerResult& checker,
                SweepCell* cell) {
  v1::SweepFinding* finding = cell->add_findings();
  finding->set_checker(checker.checker());
  finding->set_verdict(checker.verdict());
  const auto violation =
      std::find_if(result.violations().begin(), result.violations().end(),
                   [&checker](const v1::Violation& v) {
                     return v.checker() == checker.checker();
                   });
  if (violation != result.violations().end()) {
    *finding->mutable_violation() = *violation;
  }
}

// Everything about one case that its cells share.
class Sweeper {
 public:
  Sweeper(const CaseInput& input, const v1::SweepOptions& options,
          const Shard& shard, const SweepCell* after, const Listener& listener)
      : input_(input),
        options_(options),
        shard_(shard),
        after_(after),
        listener_(listener),
        points_(PointsOf(options)) {
    bare_ = *input.scenario;
    bare_.clear_sweep();
    // What is expected is said of all cells together, and probes of none.
    bare_.clear_probe();
    bare_.clear_expect();
  }

  absl::Status Run();

 private:
  using OnCell = std::function<void(SweepCell)>;

  absl::StatusOr<v1::CaseResult> Execute(
      const std::vector<v1::SweptFault>& faults, uint64_t seed,
      scenario::FiredCounts* fired) const;
  absl::Status Count();
  void Tell();
  absl::Status RunShared(std::vector<int64_t> groups) const;
  absl::Status RunGroup(int64_t number, const OnCell& on_cell) const;
  absl::Status RunChain(int64_t number, const OnCell& on_cell) const;
  absl::StatusOr<SweepCell::Outcome> RunCell(int64_t number, int64_t hit,
                                             const OnCell& on_cell) const;
  SweepCell CellOf(int64_t number, int64_t hit) const;
  void Fill(const v1::CaseResult& result, SweepCell* cell) const;
  bool IsMine(int64_t number) const {
    return (input_.index + number) % shard_.count == shard_.index;
  }

  const CaseInput& input_;
  const v1::SweepOptions& options_;
  const Shard& shard_;
  const SweepCell* after_;
  const Listener& listener_;
  v1::Scenario bare_;
  std::vector<PassedPoint> points_;
  Groups groups_;
  v1::CaseResult fault_free_;
};

// `fired`: null when the rules only count.
absl::StatusOr<v1::CaseResult> Sweeper::Execute(
    const std::vector<v1::SweptFault>& faults, uint64_t seed,
    scenario::FiredCounts* fired) const {
  v1::Scenario scenario = bare_;
  for (const v1::SweptFault& fault : faults) {
    v1::FaultRule* rule = scenario.add_fault();
    rule->set_point(fault.point());
    rule->set_trigger(TriggerOf(fault));
    rule->set_task(fault.task());
    rule->set_operation(fault.operation());
  }
  scenario::CaseOptions options;
  options.file = input_.file;
  options.seed = seed;
  options.step_budget = input_.step_budget;
  options.exhaust = true;
  options.bounds = input_.bounds;
  options.max_violations = kMaxFindings;
  options.is_cell = true;
  // Rules that only count are no part of what is shown again.
  options.extra_faults = fired == nullptr ? 0 : static_cast<int>(faults.size());
  options.fired = fired;
  if (explore::IsRandomStrategy(bare_.explore().strategy())) {
    options.schedule_count = options_.schedule_count() != 0
                                 ? options_.schedule_count()
                                 : kDefaultSchedules;
  }
  options.progress = [this](int64_t, int64_t) { return listener_.goes_on(); };
  ASSIGN_OR_RETURN(v1::CaseResult result,
                   scenario::RunCase(scenario, *input_.protocol, options));
  if (!listener_.goes_on()) {
    return absl::CancelledError("the sweep was ended");
  }
  return result;
}

// A rule that only counts at every point: the fault-free executions.
absl::Status Sweeper::Count() {
  std::vector<v1::SweptFault> counting;
  for (const PassedPoint& passed : points_) {
    v1::SweptFault fault;
    fault.set_point(std::string(faults::InfoOf(passed.point).name));
    fault.set_task(passed.task);
    fault.set_operation(passed.operation);
    fault.set_action("off");
    counting.push_back(fault);
  }
  ASSIGN_OR_RETURN(fault_free_, Execute(counting, input_.seed, nullptr));
  const int first = bare_.fault_size();
  for (size_t i = 0; i < points_.size(); ++i) {
    points_[i].hits =
        fault_free_.rules(first + static_cast<int>(i)).hit_count_max();
  }
  groups_ = Groups(points_, options_, input_.seed);
  return absl::OkStatus();
}

void Sweeper::Tell() {
  const v1::Scenario& scenario = *input_.scenario;
  v1::SweepCase out;
  out.set_index(input_.index);
  out.set_scenario(scenario.id());
  out.set_protocol(std::string(input_.protocol->id));
  out.set_seed(static_cast<int64_t>(input_.seed));
  *out.mutable_mutants() = scenario.mutants();
  out.set_applicable(groups_.count() != 0);
  out.set_group_count(groups_.count());
  for (const PassedPoint& passed : points_) {
    v1::SweepPoint* point = out.add_points();
    point->set_point(std::string(faults::InfoOf(passed.point).name));
    point->set_hit_count(passed.hits);
    point->set_task(passed.task);
    point->set_operation(passed.operation);
    for (const std::string& action : passed.actions) {
      point->add_actions(action);
    }
  }
  // What is about a part that the protocol has not is NOT_APPLICABLE here too.
  v1::CaseResult judged;
  scenario::Judge(scenario, *input_.protocol, groups_.count() != 0,
                  scenario::Tally(*input_.protocol), &judged);
  for (const v1::CheckerResult& checker : judged.checkers()) {
    if (checker.verdict() != v1::NOT_APPLICABLE) {
      v1::SweepExpectation* expectation = out.add_expectations();
      expectation->set_checker(checker.checker());
      expectation->set_verdict(checker.expected());
    }
  }
  listener_.on_case(out);
}

SweepCell Sweeper::CellOf(int64_t number, int64_t hit) const {
  const Group group = groups_.At(number);
  SweepCell cell;
  cell.set_case_index(input_.index);
  cell.set_group(number);
  cell.set_kind(group.kind);
  cell.set_seed(static_cast<int64_t>(group.seed));
  for (const v1::SweptFault& fault : group.faults) {
    *cell.add_faults() = fault;
  }
  if (group.kind == SweepCell::KIND_SINGLE) {
    cell.mutable_faults(0)->set_hit(hit);
  }
  for (const std::string& family : group.families) {
    cell.add_families(family);
  }
  return cell;
}

// What came of executions whose faults acted.
void Sweeper::Fill(const v1::CaseResult& result, SweepCell* cell) const {
  for (const v1::Verdict verdict : {v1::VIOLATED, v1::TOLERATED}) {
    for (const v1::CheckerResult& checker : result.checkers()) {
      if (checker.verdict() == verdict) {
        AddFinding(result, checker, cell);
      }
    }
  }
  if (cell->findings_size() != 0) {
    cell->set_outcome(cell->findings(0).verdict() == v1::VIOLATED
                          ? SweepCell::OUTCOME_VIOLATED
                          : SweepCell::OUTCOME_TOLERATED);
    return;
  }
  std::string cause = result.inconclusive_cause();
  if (cause.empty() && result.cut_schedule_count() != 0) {
    cause = "an execution was cut by the step budget";
  }
  cell->set_inconclusive_cause(cause);
  cell->set_outcome(cause.empty() ? SweepCell::OUTCOME_HOLDS
                                  : SweepCell::OUTCOME_INCONCLUSIVE);
}

absl::StatusOr<SweepCell::Outcome> Sweeper::RunCell(
    int64_t number, int64_t hit, const OnCell& on_cell) const {
  SweepCell cell = CellOf(number, hit);
  const std::vector<v1::SweptFault> faults(cell.faults().begin(),
                                           cell.faults().end());
  scenario::FiredCounts fired;
  const bool is_fault_free = cell.kind() == SweepCell::KIND_FAULT_FREE;
  absl::StatusOr<v1::CaseResult> executed;
  if (!is_fault_free) {
    executed = Execute(faults, static_cast<uint64_t>(cell.seed()), &fired);
    RETURN_IF_ERROR(executed.status());
  }
  const v1::CaseResult& result = is_fault_free ? fault_free_ : *executed;
  cell.set_schedule_count(result.schedule_count());
  cell.set_fired_schedule_count(
      cell.kind() == SweepCell::KIND_SWARM ? fired.any : fired.all);
  cell.set_event_hash(result.event_hash());
  if (cell.fired_schedule_count() == 0 && !is_fault_free) {
    cell.set_outcome(SweepCell::OUTCOME_NOT_FIRED);
  } else {
    Fill(result, &cell);
  }
  const SweepCell::Outcome outcome = cell.outcome();
  on_cell(std::move(cell));
  return outcome;
}

// One hit after the other, until there is none.
absl::Status Sweeper::RunChain(int64_t number, const OnCell& on_cell) const {
  const int64_t last =
      options_.max_hit() != 0 ? options_.max_hit() : kDefaultMaxHit;
  int64_t hit = 1;
  if (after_ != nullptr && after_->group() == number) {
    if (after_->faults().empty()) {
      return base::InvalidFieldError("after", "FIELD_OUT_OF_RANGE",
                                     "after is no cell of this sweep");
    }
    const bool over = after_->outcome() == SweepCell::OUTCOME_NOT_FIRED ||
                      after_->faults(0).hit() > last;
    hit = over ? 0 : after_->faults(0).hit() + 1;
  }
  for (; hit != 0; ++hit) {
    if (hit > last) {
      SweepCell cell = CellOf(number, hit);
      cell.set_outcome(SweepCell::OUTCOME_INCONCLUSIVE);
      cell.set_inconclusive_cause("the sweep was cut at hit " +
                                  std::to_string(last));
      on_cell(std::move(cell));
      break;
    }
    ASSIGN_OR_RETURN(const SweepCell::Outcome outcome,
                     RunCell(number, hit, on_cell));
    if (outcome == SweepCell::OUTCOME_NOT_FIRED) {
      break;
    }
  }
  return absl::OkStatus();
}

absl::Status Sweeper::RunGroup(int64_t number, const OnCell& on_cell) const {
  const bool chain = groups_.At(number).kind == SweepCell::KIND_SINGLE;
  if (chain) {
    return RunChain(number, on_cell);
  }
  const bool known = after_ != nullptr && after_->group() == number;
  return known ? absl::OkStatus() : RunCell(number, 0, on_cell).status();
}

absl::Status Sweeper::RunShared(std::vector<int64_t> groups) const {
  InOrder in_order(std::move(groups), listener_.on_cell);
  input_.crew->Run([this, &in_order](int) {
    while (const std::optional<size_t> place = in_order.Take()) {
      in_order.Done(*place, RunGroup(in_order.GroupAt(*place),
                                     [&in_order, place](SweepCell cell) {
                                       in_order.Add(*place, std::move(cell));
                                     }));
    }
  });
  return in_order.status();
}

absl::Status Sweeper::Run() {
  if (scenario::IsApplicable(*input_.scenario, *input_.protocol)) {
    RETURN_IF_ERROR(Count());
  }
  Tell();
  const int64_t count = groups_.count();
  std::vector<int64_t> mine;
  for (int64_t n = after_ == nullptr ? 0 : after_->group(); n < count; ++n) {
    if (IsMine(n)) {
      mine.push_back(n);
    }
  }
  if (input_.crew != nullptr) {
    return RunShared(std::move(mine));
  }
  for (const int64_t number : mine) {
    RETURN_IF_ERROR(RunGroup(number, listener_.on_cell));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckOptions(const v1::SweepOptions& options) {
  for (const std::string& operation : options.operations()) {
    RETURN_IF_ERROR(scenario::CheckOperation(operation, "sweep.operations"));
  }
  for (const std::string& prefix : options.points()) {
    v1::SweepOptions one;
    one.add_points(prefix);
    if (PointsOf(one).empty()) {
      return base::InvalidFieldError(
          "sweep.points", "FIELD_OUT_OF_RANGE",
          "no fault point begins with \"" + prefix + "\"; the nearest is \"" +
              std::string(faults::NearestPointName(prefix)) + "\"");
    }
  }
  for (const std::string& action : options.actions()) {
    const absl::Status status = faults::CheckWantedAction(action);
    if (!status.ok()) {
      return base::InvalidFieldError(
          "sweep.actions", "FIELD_OUT_OF_RANGE",
          "action \"" + action + "\": " + std::string(status.message()));
    }
  }
  if (PointsOf(options).empty()) {
    return base::InvalidFieldError("sweep.actions", "FIELD_OUT_OF_RANGE",
                                   "none of the points has any of the actions");
  }
  RETURN_IF_ERROR(CheckCount(options.schedule_count(), "schedule_count"));
  RETURN_IF_ERROR(CheckCount(options.max_hit(), "max_hit"));
  RETURN_IF_ERROR(CheckCount(options.pair_count(), "pair_count"));
  return CheckCount(options.swarm_count(), "swarm_count");
}

absl::Status RunSweep(const CaseInput& input, const v1::SweepOptions& options,
                      const Shard& shard, const SweepCell* after,
                      const Listener& listener) {
  return Sweeper(input, options, shard, after, listener).Run();
}

}  // namespace mmfault::sweep
