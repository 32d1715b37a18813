// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/scenario/runner.h"

#include <algorithm>
#include <map>
#include <optional>

#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/kernel/point.h"
#include "server/scenario/compile.h"
#include "server/scenario/to_proto.h"
#include "server/scenario/verdict.h"

namespace mmfault::scenario {
namespace {

constexpr int64_t kDefaultSchedules = 1000;
constexpr int64_t kDefaultSteps = 100000;
constexpr int64_t kDefaultMaxHit = 400;
constexpr int64_t kProgressEvery = 64;

// Keeps every event of one schedule.
class StorySink : public trace::EventSink {
 public:
  void OnEvent(const trace::Event& event) override { events.push_back(event); }
  void OnViolation(const trace::Violation& /*violation*/) override {}

  std::vector<trace::Event> events;
};

// One scenario under one protocol, ready to be run again and again.
class Case : public MachineListener {
 public:
  static absl::StatusOr<std::unique_ptr<Case>> Make(
      const v1::Scenario& scenario, const notifier::Protocol& protocol,
      const CaseOptions& options);

  absl::StatusOr<v1::CaseResult> Run();

  // One schedule from the start; returns whether it was cut by the budget.
  absl::StatusOr<bool> RunOnce(uint64_t seed, trace::EventSink* sink,
                               const v1::FaultRule* swept, int64_t hit);

  Machine& machine() { return *machine_; }
  bool swept_fired() const { return swept_fired_; }

 private:
  Case(const v1::Scenario& scenario, const notifier::Protocol& protocol,
       const CaseOptions& options)
      : scenario_(scenario),
        protocol_(protocol),
        options_(options),
        tally_(protocol) {}

  void OnStepDone(const Program& program, const StepSpec& step,
                  const StepOutcome& outcome) override;

  absl::Status ResolveHeld(sched::RunStop stop);
  absl::Status RunGroup(const v1::FaultRule* swept, int64_t hit, int64_t count,
                        bool* fired);
  absl::Status RunSweeps();
  absl::Status Record(uint64_t seed, bool cut, const v1::FaultRule* swept,
                      int64_t hit);
  absl::Status KeepViolations(uint64_t seed, const v1::FaultRule* swept,
                              int64_t hit);
  std::string ReplayLine(uint64_t seed) const;
  int64_t Schedules() const;
  int64_t StepBudget() const;
  bool MayStop() const;

  const v1::Scenario& scenario_;
  const notifier::Protocol& protocol_;
  const CaseOptions& options_;
  std::unique_ptr<Machine> machine_;
  sched::World::Snapshot start_;
  Tally tally_;
  v1::CaseResult result_;
  std::map<std::pair<std::string, int32_t>, int64_t> rc_counts_;
  std::array<bool, trace::kCheckerCount> kept_ = {};
  std::vector<const v1::Expect*> expectations_;
  uint64_t event_hash_ = 0;
  int32_t sweep_ = 0;  // the one under way, from 1
  bool swept_fired_ = false;
  bool cancelled_ = false;
};

absl::StatusOr<std::unique_ptr<Case>> Case::Make(
    const v1::Scenario& scenario, const notifier::Protocol& protocol,
    const CaseOptions& options) {
  RETURN_IF_ERROR(CheckScenario(scenario));
  ASSIGN_OR_RETURN(sched::WorldOptions world,
                   CompileSettings(scenario.world()));
  SetMutants(scenario, &world);
  if (world.seed == 0) {
    world.seed = 1;  // a schedule's seed must not change the machine
  }
  for (const v1::MmSetup& mm : scenario.mm()) {
    uint64_t vmas = static_cast<uint64_t>(mm.vma_size());
    for (const v1::VmaPattern& pattern : mm.vma_pattern()) {
      vmas += static_cast<uint64_t>(std::max<int64_t>(0, pattern.count()));
    }
    world.max_map_count = std::max(world.max_map_count, vmas + 1);
  }
  std::unique_ptr<Case> made(new Case(scenario, protocol, options));
  made->machine_ = std::make_unique<Machine>(protocol, world);
  RETURN_IF_ERROR(SetUp(made->machine_.get(), scenario, options.bounds,
                        options.all_remote));
  made->machine_->SetListener(made.get());
  made->machine_->SetStopAtCallbacks(true);
  made->machine_->SetScriptedDrivers(true);
  made->start_ = made->machine_->world().Save();
  made->expectations_ = ExpectationsFor(scenario, protocol);
  return made;
}

void Case::OnStepDone(const Program& /*program*/, const StepSpec& step,
                      const StepOutcome& outcome) {
  if (outcome.skipped) {
    return;
  }
  ++rc_counts_[{StepKindName(step.kind), outcome.rc}];
  const auto untested = static_cast<int64_t>(outcome.unchecked_vma_visit_max);
  if (untested > result_.unchecked_vma_visit_max()) {
    result_.set_unchecked_vma_visit_max(untested);
  }
}

int64_t Case::Schedules() const {
  if (options_.schedule_count > 0) {
    return options_.schedule_count;
  }
  const int64_t wanted = scenario_.explore().schedule_count();
  return wanted > 0 ? wanted : kDefaultSchedules;
}

int64_t Case::StepBudget() const {
  if (options_.step_budget > 0) {
    return options_.step_budget;
  }
  const int64_t wanted = scenario_.explore().step_budget();
  return wanted > 0 ? wanted : kDefaultSteps;
}

// Outside a run nobody resumes a task that a rule holds: here it is held for as
// long as anything else can move.
absl::Status Case::ResolveHeld(sched::RunStop stop) {
  sched::World& world = machine_->world();
  if (device::FirstPending(&world) != nullptr) {
    if (!options_.answer) {
      return base::MakeError(absl::StatusCode::kFailedPrecondition,
                             "RUN_WRONG_STATE",
                             "a remote notifier has nobody to answer it");
    }
    return options_.answer(machine_.get());
  }
  if (stop == sched::RunStop::kHeld) {
    sched::World::Scope scope(&world);
    for (const faults::PointInfo& info : faults::AllPoints()) {
      kernel::ResumeHeld(&world, info.point, -1);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> Case::RunOnce(uint64_t seed, trace::EventSink* sink,
                                   const v1::FaultRule* swept, int64_t hit) {
  sched::World& world = machine_->world();
  world.Restore(start_);
  uint32_t rule = 0;
  if (swept != nullptr) {
    v1::FaultRule armed = *swept;
    armed.set_trigger("when=" + std::to_string(hit) + ".." +
                      std::to_string(hit) + " " + swept->trigger());
    ASSIGN_OR_RETURN(rule, ArmRule(machine_.get(), armed, "sweep.fault"));
  }
  if (options_.on_reset) {
    RETURN_IF_ERROR(options_.on_reset(machine_.get(), seed));
  }
  base::ThreadReplayContext() = {scenario_.id().c_str(), protocol_.id.data(),
                                 seed, 0};
  sched::UniformStrategy strategy(seed);
  world.SetSink(sink);
  const auto budget = static_cast<uint64_t>(StepBudget());
  sched::RunStop stop = sched::RunStop::kAtPoint;
  absl::Status status;
  while (status.ok()) {
    const uint64_t used = world.state().step_count;
    stop = machine_->Run(&strategy, budget - std::min(budget, used));
    const bool goes_on =
        (stop == sched::RunStop::kAtPoint || stop == sched::RunStop::kHeld ||
         stop == sched::RunStop::kOutside) &&
        world.state().dead_tasks == 0;
    if (!goes_on) {
      break;
    }
    status = ResolveHeld(stop);
  }
  world.SetSink(nullptr);
  if (rule != 0) {
    const faults::Rule* armed = world.faults().Find(rule);
    swept_fired_ = world.decisions().Fires(armed->counter) != 0;
    world.faults().Disarm(rule);
  }
  RETURN_IF_ERROR(status);
  return stop == sched::RunStop::kStepBudget;
}

std::string Case::ReplayLine(uint64_t seed) const {
  const std::string file =
      options_.file.empty() ? scenario_.id() : options_.file;
  return "mmfault run " + file + " --protocol " + std::string(protocol_.id) +
         " --seed " + std::to_string(seed) + " --schedules 1" +
         (options_.all_remote ? " --remote" : "");
}

// The events of a violation: its own step, the one that made it wrong, and the
// last callback before it.
void AddEvents(const Machine& machine, const StorySink& story,
               const trace::Violation& violation, v1::Violation* out) {
  const trace::Event* callback = nullptr;
  const trace::Event* other = nullptr;
  const trace::Event* own = nullptr;
  for (const trace::Event& event : story.events) {
    if (event.step > violation.step) {
      break;
    }
    if (event.op.kind == trace::OpKind::kCallback) {
      callback = &event;
    }
    if (violation.other_step != 0 && event.step == violation.other_step) {
      other = &event;
    }
    own = &event;
  }
  for (const trace::Event* event : {other, callback, own}) {
    if (event != nullptr) {
      *out->add_events() = ToProto(machine, *event);
    }
  }
  if (own != nullptr) {
    out->set_function(own->op.where);
  }
}

absl::Status Case::KeepViolations(uint64_t seed, const v1::FaultRule* swept,
                                  int64_t hit) {
  std::vector<trace::Violation> fresh;
  for (const trace::Violation& violation : machine_->Violations()) {
    const auto index = static_cast<size_t>(violation.checker);
    if (!kept_[index] &&
        result_.violations_size() + static_cast<int>(fresh.size()) <
            options_.max_violations) {
      kept_[index] = true;
      fresh.push_back(violation);
    }
  }
  if (fresh.empty()) {
    return absl::OkStatus();
  }
  // The story is told by running again; with remote notifiers that would need
  // their clients a second time, so there the numbers have to do.
  StorySink story;
  if (!options_.answer) {
    const auto counts = rc_counts_;
    const int64_t untested = result_.unchecked_vma_visit_max();
    RETURN_IF_ERROR(RunOnce(seed, &story, swept, hit).status());
    rc_counts_ = counts;
    result_.set_unchecked_vma_visit_max(untested);
  }
  for (const trace::Violation& violation : fresh) {
    v1::Violation* out = result_.add_violations();
    *out = ToProto(*machine_, violation);
    out->set_replay_line(ReplayLine(seed));
    AddEvents(*machine_, story, violation, out);
    out->set_index(result_.violations_size() - 1);
    out->set_schedule_seed(static_cast<int64_t>(seed));
    if (swept != nullptr) {
      out->set_sweep(sweep_);
      out->set_sweep_hit(hit);
    }
    if (options_.on_violation) {
      options_.on_violation(*out);
    }
  }
  return absl::OkStatus();
}

absl::Status Case::Record(uint64_t seed, bool cut, const v1::FaultRule* swept,
                          int64_t hit) {
  const sched::World& world = machine_->world();
  const std::vector<trace::Violation> violations = machine_->Violations();
  tally_.Add(violations, cut);
  event_hash_ = base::HashStep(event_hash_, world.event_hash());
  result_.set_schedule_count(result_.schedule_count() + 1);
  result_.set_step_count(result_.step_count() +
                         static_cast<int64_t>(world.state().step_count));
  return violations.empty() ? absl::OkStatus()
                            : KeepViolations(seed, swept, hit);
}

bool Case::MayStop() const {
  const bool exhaust = options_.exhaust || scenario_.explore().exhaust();
  return cancelled_ || (!exhaust && Decided(expectations_, tally_));
}

absl::Status Case::RunGroup(const v1::FaultRule* swept, int64_t hit,
                            int64_t count, bool* fired) {
  for (int64_t i = 0; i < count; ++i) {
    const uint64_t seed = options_.seed + static_cast<uint64_t>(i);
    ASSIGN_OR_RETURN(const bool cut, RunOnce(seed, nullptr, swept, hit));
    *fired = *fired || swept_fired_;
    RETURN_IF_ERROR(Record(seed, cut, swept, hit));
    if (options_.progress && i % kProgressEvery == 0) {
      cancelled_ = !options_.progress(result_.schedule_count(), count);
    }
    if (swept == nullptr && MayStop()) {
      break;
    }
  }
  return absl::OkStatus();
}

absl::Status Case::RunSweeps() {
  for (const v1::Sweep& sweep : scenario_.sweep()) {
    ++sweep_;
    const int64_t last = sweep.max_hit() > 0 ? sweep.max_hit() : kDefaultMaxHit;
    int64_t count = sweep.schedule_count() > 0 ? sweep.schedule_count() : 1;
    if (options_.schedule_count > 0) {
      count = options_.schedule_count;
    }
    bool fired = true;
    for (int64_t k = 1; fired && !cancelled_; ++k) {
      if (k > last) {
        result_.set_inconclusive_cause("a sweep was cut at hit " +
                                       std::to_string(last));
        break;
      }
      fired = false;
      RETURN_IF_ERROR(RunGroup(&sweep.fault(), k, count, &fired));
      if (fired) {
        result_.set_sweep_hit_count(result_.sweep_hit_count() + 1);
      }
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::CaseResult> Case::Run() {
  result_.set_scenario(scenario_.id());
  result_.set_protocol(std::string(protocol_.id));
  result_.set_seed(static_cast<int64_t>(options_.seed));
  result_.set_remote(options_.all_remote);
  result_.set_drive_mode("LOCKSTEP");
  for (const auto& [id, ref] : machine_->mms()) {
    if (ref->mm != nullptr) {
      result_.set_vma_count(std::max<int64_t>(
          result_.vma_count(), static_cast<int64_t>(ref->mm->map_count)));
    }
  }
  const bool applicable = IsApplicable(scenario_, protocol_);
  if (applicable) {
    bool fired = false;
    RETURN_IF_ERROR(scenario_.sweep().empty()
                        ? RunGroup(nullptr, 0, Schedules(), &fired)
                        : RunSweeps());
  }
  Judge(scenario_, protocol_, applicable, tally_, &result_);
  for (const auto& [key, count] : rc_counts_) {
    v1::RcCount* out = result_.add_rc_counts();
    out->set_operation(key.first);
    out->set_rc(key.second);
    out->set_count(count);
  }
  result_.set_event_hash(HashText(event_hash_));
  return result_;
}

}  // namespace

absl::StatusOr<v1::CaseResult> RunCase(const v1::Scenario& scenario,
                                       const notifier::Protocol& protocol,
                                       const CaseOptions& options) {
  ASSIGN_OR_RETURN(std::unique_ptr<Case> made,
                   Case::Make(scenario, protocol, options));
  return made->Run();
}

absl::Status CheckCase(const v1::Scenario& scenario,
                       const notifier::Protocol& protocol, bool all_remote,
                       const Bounds& bounds) {
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

absl::StatusOr<Story> TellStory(const v1::Scenario& scenario,
                                const notifier::Protocol& protocol,
                                const StoryOptions& story_options) {
  CaseOptions options;
  options.seed = story_options.seed;
  options.step_budget = story_options.step_budget;
  options.all_remote = story_options.all_remote;
  options.answer = story_options.answer;
  ASSIGN_OR_RETURN(std::unique_ptr<Case> made,
                   Case::Make(scenario, protocol, options));
  const v1::FaultRule* swept = nullptr;
  if (story_options.sweep > 0 && story_options.sweep <= scenario.sweep_size()) {
    swept = &scenario.sweep(story_options.sweep - 1).fault();
  }
  StorySink sink;
  RETURN_IF_ERROR(
      made->RunOnce(story_options.seed, &sink, swept, story_options.sweep_hit)
          .status());
  Story story;
  for (const trace::Event& event : sink.events) {
    story.events.push_back(ToProto(made->machine(), event));
  }
  for (const trace::Violation& violation : made->machine().Violations()) {
    story.violations.push_back(ToProto(made->machine(), violation));
    AddEvents(made->machine(), sink, violation, &story.violations.back());
  }
  story.event_hash = HashText(made->machine().world().event_hash());
  return story;
}

}  // namespace mmfault::scenario
