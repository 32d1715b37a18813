// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/scenario/runner.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/explore/strategies.h"
#include "server/scenario/case.h"
#include "server/scenario/compile.h"
#include "server/scenario/decisions.h"
#include "server/scenario/to_proto.h"
#include "server/scenario/verdict.h"

namespace mmfault::scenario {
namespace {

constexpr int64_t kDefaultSchedules = 1000;
constexpr int64_t kDefaultMaxHit = 400;
constexpr int64_t kProgressEvery = 64;

bool HasRemote(const v1::Scenario& scenario, const CaseOptions& options) {
  return options.all_remote ||
         std::any_of(
             scenario.notifier().begin(), scenario.notifier().end(),
             [](const v1::NotifierSetup& setup) { return setup.has_remote(); });
}

// A signal at any moment is a task that does nothing else.
v1::Scenario WithSignals(const v1::Scenario& scenario) {
  v1::Scenario with = scenario;
  int number = 0;
  for (const v1::AnySignal& any : scenario.explore().signals()) {
    v1::TaskSetup& task = *with.add_task();
    task.set_id("signal-" + std::to_string(++number));
    v1::Step::Signal& signal = *task.add_step()->mutable_signal();
    signal.set_task(any.task());
    signal.set_number(any.signal());
  }
  return with;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Case>> Case::Make(
    const v1::Scenario& scenario, const notifier::Protocol& protocol,
    const CaseOptions& options) {
  RETURN_IF_ERROR(CheckScenario(scenario));
  ASSIGN_OR_RETURN(sched::WorldOptions world,
                   CompileSettings(scenario.world()));
  SetMutants(scenario, &world);
  world.max_failures = static_cast<uint32_t>(scenario.explore().max_failures());
  world.free_timers = scenario.explore().free_timers();
  if (world.seed == 0) {
    world.seed = 1;  // a schedule's seed must not change the machine
  }
  for (const v1::MmSetup& mm : scenario.mm()) {
    auto vmas = static_cast<uint64_t>(mm.vma_size());
    for (const v1::VmaPattern& pattern : mm.vma_pattern()) {
      vmas += static_cast<uint64_t>(std::max<int64_t>(0, pattern.count()));
    }
    world.max_map_count = std::max(world.max_map_count, vmas + 1);
  }
  if (scenario.explore().strategy() == "stateful" && !options.one_schedule &&
      HasRemote(scenario, options)) {
    return base::MakeError(
        absl::StatusCode::kFailedPrecondition, "REMOTE_NOT_UNDOABLE",
        "a search by states goes back by undo and compares them, which a "
        "remote notifier's cannot be: use auto, dpor, dfs or bounded",
        {{"strategy", scenario.explore().strategy()}});
  }
  std::unique_ptr<Case> made(new Case(scenario, protocol, options));
  world.may_crash = options.bounds.may_crash;
  made->machine_ = std::make_unique<Machine>(protocol, world);
  RETURN_IF_ERROR(CheckReserved(*made->machine_));
  RETURN_IF_ERROR(SetUp(made->machine_.get(), WithSignals(scenario),
                        options.bounds, options.all_remote));
  // Nothing else was armed.
  for (const auto& [id, rule] : made->machine_->world().faults().rules()) {
    made->rules_.push_back(id);
  }
  made->machine_->SetListener(made.get());
  made->machine_->SetStopAtCallbacks(true);
  made->machine_->SetScriptedDrivers(true);
  if (!options.one_schedule && IsApplicable(scenario, protocol)) {
    RETURN_IF_ERROR(
        made->probes_.SetUp(scenario, protocol, made->machine_.get()));
  }
  made->sum_.probes.resize(made->probes_.size());
  made->probes_.Into(&made->sum_.probes);
  if (options.points != nullptr) {
    made->machine_->world().WatchPoints();
  }
  made->start_ = made->machine_->world().Save();
  made->start_step_ = made->machine_->world().state().step_count;
  made->expectations_ = ExpectationsFor(scenario, protocol);
  made->has_outside_ = HasRemote(scenario, options);
  return made;
}

void Case::OnStepDone(const Program& /*program*/, const StepSpec& step,
                      const StepOutcome& outcome) {
  probes_.OnProgramStep();
  if (outcome.skipped) {
    return;
  }
  ++found_->rc_counts[{step.kind, outcome.rc}];
  found_->unchecked_vma_visit_max =
      std::max(found_->unchecked_vma_visit_max,
               static_cast<int64_t>(outcome.unchecked_vma_visit_max));
}

int64_t Case::Schedules() const {
  if (options_.schedule_count > 0) {
    return options_.schedule_count;
  }
  const int64_t wanted = scenario_.explore().schedule_count();
  return wanted > 0 ? wanted : kDefaultSchedules;
}

// What an execution came to, at its end.
absl::Status Case::Note(const Execution& execution, bool cut) {
  const uint64_t hash = machine_->world().event_hash();
  if (shared_ != nullptr) {
    found_->event_hashes.push_back(hash);
  } else {
    found_->event_hash = base::HashStep(found_->event_hash, hash);
  }
  if (!cut && machine_->world().runnable() == 0) {
    probes_.AtEnd();
  }
  found_->schedule_count += 1;
  found_->rules.Note(machine_->world(), rules_, options_.extra_faults);
  if (execution.schedule != nullptr || options_.terminal_states != nullptr) {
    found_->terminal_states.insert(TerminalState());
  }
  const std::vector<trace::Violation> violations = machine_->Violations();
  if (violations.empty() && !cut) {
    return absl::OkStatus();
  }
  found_->tally.Add(violations, cut);
  seen_.Add(violations, cut);
  if (found_->first_violation == 0 && !violations.empty()) {
    found_->first_violation = found_->schedule_count;
  }
  std::vector<trace::Violation> fresh = FreshViolations();
  if (fresh.empty()) {
    return absl::OkStatus();
  }
  if (has_outside_) {
    // What clients answered is at hand now and not later.
    return KeepViolations(execution, fresh);
  }
  FirstBreak found{execution, {}, std::move(fresh)};
  if (execution.schedule != nullptr) {
    found.schedule = *execution.schedule;
  }
  found_->breaks.push_back(std::move(found));
  return absl::OkStatus();
}

void Case::Progress(int64_t every, int64_t total) {
  since_progress_ += 1;
  if (!options_.progress || since_progress_ < every) {
    return;
  }
  const int64_t done = shared_ != nullptr ? shared_->Count(since_progress_)
                                          : found_->schedule_count;
  since_progress_ = 0;
  if (!options_.progress(done, total)) {
    cancelled_ = true;
    if (shared_ != nullptr) {
      shared_->Cancel();
    }
  }
}

bool Case::MayStop(const Execution& group) const {
  if (cancelled_ || (shared_ != nullptr && shared_->stopped())) {
    return true;
  }
  return !WantsAll() && group.swept == nullptr && Decided(expectations_, seen_);
}

bool Case::WantsAll() const {
  return options_.exhaust || scenario_.explore().exhaust() || !probes_.empty();
}

bool Case::Exhaustive() const {
  return !explore::IsRandomStrategy(scenario_.explore().strategy());
}

absl::Status Case::RunGroup(const Execution& group, int64_t count) {
  sum_.fired = false;
  RETURN_IF_ERROR(Exhaustive() ? RunExhaustive(group)
                               : RunSeeded(group, count));
  for (ProbeTally& probe : sum_.probes) {
    if (probe.sighting.swept != nullptr && probe.sighting.sweep == 0) {
      probe.sighting.sweep = sweep_;
    }
  }
  return TellBreaks();
}

absl::Status Case::RunSeeded(const Execution& group, int64_t count) {
  const bool alone = has_outside_ || options_.crew == nullptr;
  seen_ = sum_.tally;
  return alone ? RunSeeds(group.seed, count, group) : ShareSeeded(group, count);
}

absl::Status Case::RunSeeds(uint64_t first, int64_t count,
                            const Execution& group) {
  Execution execution = group;
  for (int64_t i = 0; i < count; ++i) {
    execution.seed = first + static_cast<uint64_t>(i);
    ASSIGN_OR_RETURN(const bool cut, RunOnce(execution, nullptr));
    found_->fired = found_->fired || swept_fired_;
    found_->step_count +=
        static_cast<int64_t>(machine_->world().state().step_count);
    RETURN_IF_ERROR(Note(execution, cut));
    Progress(kProgressEvery, count);
    if (MayStop(group)) {
      found_->search.outcome = explore::Outcome::kStopped;
      break;
    }
  }
  return absl::OkStatus();
}

absl::Status Case::RunSweeps() {
  Execution group;
  group.seed = options_.seed;
  for (const v1::Sweep& sweep : scenario_.sweep()) {
    ++sweep_;
    const int64_t last = sweep.max_hit() > 0 ? sweep.max_hit() : kDefaultMaxHit;
    int64_t count = sweep.schedule_count() > 0 ? sweep.schedule_count() : 1;
    if (options_.schedule_count > 0) {
      count = options_.schedule_count;
    }
    group.swept = &sweep.fault();
    bool fired = true;
    int64_t fired_hits = 0;
    for (group.hit = 1; fired && !cancelled_; ++group.hit) {
      if (group.hit > last) {
        result_.set_inconclusive_cause("a sweep was cut at hit " +
                                       std::to_string(last));
        break;
      }
      RETURN_IF_ERROR(RunGroup(group, count));
      fired = sum_.fired;
      if (fired) {
        result_.set_sweep_hit_count(result_.sweep_hit_count() + 1);
        ++fired_hits;
      }
    }
    sweep_hits_.push_back(fired_hits);
  }
  return absl::OkStatus();
}

namespace {

// What a result says of its case, whatever comes out.
void SetHead(const v1::Scenario& scenario, const notifier::Protocol& protocol,
             const CaseOptions& options, v1::CaseResult* result) {
  result->set_scenario(scenario.id());
  result->set_protocol(std::string(protocol.id));
  result->set_seed(static_cast<int64_t>(options.seed));
  result->set_remote(options.all_remote);
  result->set_drive_mode("LOCKSTEP");
  *result->mutable_mutants() = scenario.mutants();
  *result->mutable_catalogue() = scenario.catalogue();
  result->set_preemptions(scenario.preemptions());
}

// A case without a machine: the protocol has not what it would be made of.
v1::CaseResult NotApplicable(const v1::Scenario& scenario,
                             const notifier::Protocol& protocol,
                             const CaseOptions& options) {
  v1::CaseResult result;
  SetHead(scenario, protocol, options, &result);
  Judge(scenario, protocol, false, Tally(protocol), &result);
  result.set_event_hash(HashText(0));
  return result;
}

}  // namespace

absl::StatusOr<v1::CaseResult> Case::Run() {
  SetHead(scenario_, protocol_, options_, &result_);
  for (const auto& [id, ref] : machine_->mms()) {
    if (ref->mm != nullptr) {
      result_.set_vma_count(std::max<int64_t>(
          result_.vma_count(), static_cast<int64_t>(ref->mm->map_count)));
    }
  }
  const bool applicable = IsApplicable(scenario_, protocol_);
  if (applicable) {
    Execution group;
    group.seed = options_.seed;
    RETURN_IF_ERROR(scenario_.sweep().empty() ? RunGroup(group, Schedules())
                                              : RunSweeps());
  }
  Judge(scenario_, protocol_, applicable, sum_.tally, &result_);
  if (applicable) {
    FillRules(scenario_, machine_->world(), rules_, sum_.rules, sweep_hits_,
              &result_);
    if (options_.require_fired) {
      RequireFired(&result_);
    }
  }
  FillResult();
  ReportProbes();
  if (options_.points != nullptr) {
    *options_.points |= machine_->world().faults().passed();
  }
  return std::move(result_);
}

// What was counted.
void Case::FillResult() {
  result_.set_schedule_count(sum_.schedule_count);
  if (result_.has_explore()) {
    result_.set_step_count(result_.explore().step_count());
    NoteCoverage();
  } else {
    result_.set_step_count(sum_.step_count);
  }
  result_.set_unchecked_vma_visit_max(sum_.unchecked_vma_visit_max);
  std::map<std::pair<std::string, int32_t>, int64_t> counts;
  for (const auto& [key, count] : sum_.rc_counts) {
    counts[{StepKindName(key.first), key.second}] += count;
  }
  for (const auto& [key, count] : counts) {
    v1::RcCount* out = result_.add_rc_counts();
    out->set_operation(key.first);
    out->set_rc(key.second);
    out->set_count(count);
  }
  if (options_.fired != nullptr) {
    *options_.fired = sum_.rules.newest;
  }
  result_.set_event_hash(HashText(sum_.event_hash));
  if (options_.terminal_states != nullptr) {
    options_.terminal_states->insert(sum_.terminal_states.begin(),
                                     sum_.terminal_states.end());
  }
}

absl::StatusOr<v1::CaseResult> RunCase(const v1::Scenario& scenario,
                                       const notifier::Protocol& protocol,
                                       const CaseOptions& options) {
  if (!HasKinds(scenario, protocol)) {
    return NotApplicable(scenario, protocol, options);
  }
  ASSIGN_OR_RETURN(std::unique_ptr<Case> made,
                   Case::Make(scenario, protocol, options));
  return made->Run();
}

absl::Status CheckCase(const v1::Scenario& scenario,
                       const notifier::Protocol& protocol, bool all_remote,
                       const Bounds& bounds) {
  if (!HasKinds(scenario, protocol)) {
    return absl::OkStatus();
  }
  CaseOptions options;
  options.all_remote = all_remote;
  options.bounds = bounds;
  ASSIGN_OR_RETURN(const std::unique_ptr<Case> made,
                   Case::Make(scenario, protocol, options));
  for (int i = 0; i < scenario.sweep_size(); ++i) {
    RETURN_IF_ERROR(ArmRule(&made->machine(), scenario.sweep(i).fault(),
                            "sweep[" + std::to_string(i) + "].fault")
                        .status());
  }
  return absl::OkStatus();
}

}  // namespace mmfault::scenario
