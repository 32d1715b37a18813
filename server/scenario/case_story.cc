// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// What was found, told: the execution of a violation run again, with its
// events.

#include <utility>

#include "server/base/status_macros.h"
#include "server/explore/loop.h"
#include "server/scenario/case.h"
#include "server/scenario/decisions.h"
#include "server/scenario/to_proto.h"

namespace mmfault::scenario {

namespace {

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

// As `--fault` takes them.
std::string FiltersOf(const v1::FaultRule& rule) {
  std::string text;
  for (const auto& [name, value] :
       {std::pair("task", &rule.task()), std::pair("mm", &rule.mm()),
        std::pair("notifier", &rule.notifier()),
        std::pair("operation", &rule.operation())}) {
    if (!value->empty()) {
      text += std::string(" ") + name + "=" + *value;
    }
  }
  return text;
}

}  // namespace

int Case::PreemptionsOf(const Execution& execution) {
  sched::World& world = machine_->world();
  world.Restore(start_);
  FollowStrategy strategy(*execution.schedule, start_step_);
  const explore::RepeatedTail tail =
      explore::FindRepeatedTail(*execution.schedule);
  // One task that goes on and on is no loop and preempts nobody.
  machine_->Run(&strategy,
                tail.length < 2 ? execution.schedule->size() : tail.begin);
  return strategy.preemptions();
}

// What makes the scenario's file this case's scenario.
std::string Case::ExtraOptions(bool with_mutants) const {
  std::string text;
  if (with_mutants) {
    for (const std::string& mutant : scenario_.mutants()) {
      text += " --mutant " + mutant;
    }
  }
  const int count = scenario_.fault_size();
  for (int i = count - options_.extra_faults; i < count; ++i) {
    const v1::FaultRule& rule = scenario_.fault(i);
    text += " --fault '" + rule.point() + FiltersOf(rule) + ": " +
            rule.trigger() + "'";
  }
  return text;
}

std::string Case::ReplayLine(const Execution& execution) const {
  const std::string file =
      options_.file.empty() ? scenario_.id() : options_.file;
  const std::string& strategy = scenario_.explore().strategy();
  const std::string of =
      " " + file + " --protocol " + std::string(protocol_.id);
  if (execution.schedule != nullptr && has_outside_) {
    // What they answered is in the capsule; a line can only search again.
    return "mmfault explore" + of + " --strategy " + strategy +
           ExtraOptions(false) + (options_.all_remote ? " --remote" : "");
  }
  if (execution.schedule != nullptr) {
    std::string line = "mmfault replay" + of + ExtraOptions(true);
    if (execution.swept != nullptr) {
      line += " --sweep " + std::to_string(sweep_) + "/" +
              std::to_string(execution.hit);
    }
    return line + " --decisions " + DecisionsText(*execution.schedule);
  }
  const bool random = strategy.empty() || strategy == "random";
  const std::string seed = " --seed " + std::to_string(execution.seed);
  if (options_.is_cell && random) {
    return "mmfault replay" + of + seed + ExtraOptions(true);
  }
  std::string line = "mmfault run" + of + seed + " --schedules 1";
  if (!random) {
    line += " --strategy " + strategy;
  }
  // Mutants of a run are in its command; a cell's are nowhere else.
  return line + ExtraOptions(options_.is_cell || options_.extra_faults != 0) +
         (options_.all_remote ? " --remote" : "");
}

void Case::BeginProbes(const Execution& execution, explore::Schedule prefix) {
  Sighting sighting;
  sighting.seed = execution.seed;
  sighting.swept = execution.swept;
  sighting.hit = execution.hit;
  sighting.path = std::move(prefix);
  probes_.Begin(std::move(sighting), start_step_);
}

void Case::ReportProbes() {
  const auto replay = [this](const Sighting& sighting) {
    Execution execution;
    execution.seed = sighting.seed;
    execution.schedule = Exhaustive() ? &sighting.path : nullptr;
    execution.swept = sighting.swept;
    execution.hit = sighting.hit;
    sweep_ = sighting.sweep;
    return ReplayLine(execution);
  };
  probes_.Report(sum_.probes, sum_.schedule_count, replay, &result_);
}

// The first of each checker, as long as there is room.
std::vector<trace::Violation> Case::FreshViolations() {
  std::vector<trace::Violation> fresh;
  for (const trace::Violation& violation : machine_->Violations()) {
    bool& kept = found_->kept[static_cast<size_t>(violation.checker)];
    if (!kept && found_->kept_count < options_.max_violations) {
      kept = true;
      found_->kept_count += 1;
      fresh.push_back(violation);
    }
  }
  return fresh;
}

// Of the group that has just ended.
absl::Status Case::TellBreaks() {
  for (FirstBreak& found : sum_.breaks) {
    if (found.execution.schedule != nullptr) {
      found.execution.schedule = &found.schedule;
    }
    RETURN_IF_ERROR(KeepViolations(found.execution, found.violations));
  }
  sum_.breaks.clear();
  return absl::OkStatus();
}

absl::Status Case::KeepViolations(const Execution& execution,
                                  const std::vector<trace::Violation>& fresh) {
  // The story is told by running again; with remote notifiers that would need
  // their clients a second time, so there the numbers have to do.
  StorySink story;
  if (!options_.answer) {
    Findings again(protocol_);  // they are counted already
    found_ = &again;
    const absl::Status status = RunOnce(execution, &story).status();
    found_ = &sum_;
    RETURN_IF_ERROR(status);
  }
  for (const trace::Violation& violation : fresh) {
    v1::Violation* out = result_.add_violations();
    *out = ToProto(*machine_, violation);
    out->set_replay_line(ReplayLine(execution));
    AddEvents(*machine_, story, violation, out);
    RETURN_IF_ERROR(AddDivergence(story.events, out));
    out->set_index(result_.violations_size() - 1);
    out->set_schedule_seed(static_cast<int64_t>(execution.seed));
    if (execution.schedule != nullptr) {
      out->set_decisions(DecisionsText(*execution.schedule));
    }
    if (execution.swept != nullptr) {
      out->set_sweep(sweep_);
      out->set_sweep_hit(execution.hit);
    }
    if (options_.on_violation) {
      options_.on_violation(*out);
    }
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
  options.on_reset = story_options.on_reset;
  options.one_schedule = true;
  ASSIGN_OR_RETURN(std::unique_ptr<Case> made,
                   Case::Make(scenario, protocol, options));
  Execution execution;
  execution.seed = story_options.seed;
  execution.hit = story_options.sweep_hit;
  execution.schedule = story_options.schedule;
  if (story_options.sweep > 0 && story_options.sweep <= scenario.sweep_size()) {
    execution.swept = &scenario.sweep(story_options.sweep - 1).fault();
  }
  StorySink sink;
  RETURN_IF_ERROR(made->RunOnce(execution, &sink).status());
  Story story;
  for (const trace::Event& event : sink.events) {
    story.events.push_back(ToProto(made->machine(), event));
  }
  for (const trace::Violation& violation : made->machine().Violations()) {
    story.violations.push_back(ToProto(made->machine(), violation));
    v1::Violation& told = story.violations.back();
    AddEvents(made->machine(), sink, violation, &told);
    if (story_options.with_twin) {
      RETURN_IF_ERROR(made->AddDivergence(sink.events, &told));
    }
  }
  story.event_hash = HashText(made->machine().world().event_hash());
  story.schedule = ScheduleOf(sink.events, made->start_step());
  story.fingerprint = FingerprintOf(sink.events, made->start_step());
  story.start_step = static_cast<int64_t>(made->start_step());
  for (const auto& [id, program] : made->machine().tasks()) {
    if (program->task != nullptr) {  // it came to be
      story.tasks[program->task->slot] = id;
    }
  }
  return story;
}

}  // namespace mmfault::scenario
