// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// A case by exhaustive search: every execution, up to equivalence, by undo.

#include <algorithm>
#include <climits>

#include "faults/commute.h"
#include "faults/trigger/rule.h"
#include "server/base/error.h"
#include "server/base/prng.h"
#include "server/base/status_macros.h"
#include "server/device/remote.h"
#include "server/scenario/case.h"
#include "server/scenario/reduce.h"

namespace mmfault::scenario {
namespace {

using explore::SearchOptions;
using explore::SearchResult;

constexpr uint64_t kDefaultSearchSteps = 50000000;
constexpr uint64_t kAutoProbeSteps = 2000000;
constexpr int kDefaultBound = 2;
constexpr int64_t kProgressEvery = 1024;

v1::ExploreReport::Outcome ToProto(explore::Outcome outcome) {
  switch (outcome) {
    case explore::Outcome::kComplete:
      return v1::ExploreReport::OUTCOME_COMPLETE;
    case explore::Outcome::kExecutions:
      return v1::ExploreReport::OUTCOME_EXECUTION_BUDGET;
    case explore::Outcome::kSteps:
      return v1::ExploreReport::OUTCOME_STEP_BUDGET;
    case explore::Outcome::kStopped:
      return v1::ExploreReport::OUTCOME_DECIDED;
    case explore::Outcome::kUnsupported:
    case explore::Outcome::kOutside:
      return v1::ExploreReport::OUTCOME_STOPPED;
    case explore::Outcome::kNondeterministic:
      return v1::ExploreReport::OUTCOME_NONDETERMINISTIC;
  }
  return v1::ExploreReport::OUTCOME_UNSPECIFIED;
}

// Rules are compiled already: what is wrong with one was said then.
bool LetsStepsCommute(const v1::FaultRule& rule) {
  const auto made = faults::MakeRule(rule.point(), rule.trigger());
  return made.ok() && faults::LetsStepsCommute(*made, !rule.task().empty());
}

}  // namespace

SearchOptions Case::SearchOptionsOf() {
  const v1::Explore& explore = scenario_.explore();
  SearchOptions options;
  options.conditional = !explore.unconditional();
  options.budget.steps_per_execution = static_cast<uint64_t>(StepBudget());
  options.budget.steps =
      explore.search_step_budget() > 0
          ? static_cast<uint64_t>(explore.search_step_budget())
          : kDefaultSearchSteps;
  // A scenario's schedule_count is of random schedules; a run's own is meant.
  if (options_.schedule_count > 0) {
    options.budget.executions = static_cast<uint64_t>(options_.schedule_count);
  }
  options.preemption_bound = -1;
  options.outside = has_outside_ ? &outside_ : nullptr;
  options.coverage = &sum_.coverage;
  options.find_loops = !has_outside_;
  return options;
}

// 0, 1, 2 ... preemptions: what is found first needs the fewest.
SearchResult Case::SearchBounds(const SearchOptions& options,
                                const explore::Visitor& visitor) {
  const int most = scenario_.explore().preemption_bound() > 0
                       ? scenario_.explore().preemption_bound()
                       : kDefaultBound;
  v1::ExploreReport* report = result_.mutable_explore();
  SearchResult sum;
  for (int bound = 0; bound <= most; ++bound) {
    SearchOptions bounded = options;
    bounded.preemption_bound = bound;
    AddSearch(
        has_outside_
            ? explore::FullSearch(&machine_->world(), bounded, visitor)
            : explore::BoundedSearch(&machine_->world(), bounded, visitor),
        &sum);
    if (sum_.first_violation != 0 && report->reason().empty()) {
      report->set_reason("the first violation needs " + std::to_string(bound) +
                         " preemptions");
    }
    if (sum.outcome != explore::Outcome::kComplete) {
      break;
    }
  }
  if (report->reason().empty() && sum.outcome == explore::Outcome::kComplete) {
    report->set_reason("complete for at most " + std::to_string(most) +
                       " preemptions");
  }
  return sum;
}

// In parts, so that workers can share it.
SearchResult Case::SearchDpor(const SearchOptions& options,
                              const Execution& group) {
  sum_.search = {};
  Part whole;
  outside_status_ = ShareGroup(group, options, {whole});
  SearchResult found = sum_.search;
  if (found.outcome == explore::Outcome::kSteps ||
      found.outcome == explore::Outcome::kExecutions) {
    found.estimate = explore::EstimateTree(found);
  }
  return found;
}

// DPOR first; where its tree is too large, states are what is left to count.
SearchResult Case::SearchAuto(SearchOptions options, const Execution& group) {
  SearchOptions probe = options;
  probe.budget.steps = std::min(options.budget.steps, kAutoProbeSteps);
  SearchResult found = SearchDpor(probe, group);
  v1::ExploreReport* report = result_.mutable_explore();
  report->set_strategy("dpor");
  if (found.outcome != explore::Outcome::kSteps ||
      probe.budget.steps == options.budget.steps) {
    report->set_reason("the tree was small enough");
    return found;
  }
  report->set_strategy("stateful");
  report->set_reason("dpor was not through after " +
                     std::to_string(found.steps) +
                     " steps; its tree has about " +
                     std::to_string(found.estimate) + " executions");
  options.budget.steps -= found.steps;
  AddSearch(SearchAlone(group,
                        [&] {
                          return explore::StatefulSearch(
                              &machine_->world(), options, VisitorOf(group));
                        }),
            &found);
  return found;
}

// Why no two steps commute; null where some do.
const char* Case::WhyAllOrders(const Execution& group) const {
  // Who holds a spinlock keeps others off its CPU.
  if (machine_->world().options().cpu_count != 0) {
    return "tasks share a CPU, so no two steps commute";
  }
  if (probes_.between_steps()) {
    return "a probe looks on between steps, so no two of them commute";
  }
  const auto& rules = scenario_.fault();
  if (!std::all_of(rules.begin(), rules.end(), LetsStepsCommute) ||
      (group.swept != nullptr &&
       !LetsStepsCommute(SweptRule(*group.swept, group.hit)))) {
    return "a rule counts or touches several tasks, so no two steps commute";
  }
  return nullptr;
}

// States alone are merged, nothing is pruned by order.
SearchResult Case::SearchAllOrders(SearchOptions options, const char* why,
                                   const explore::Visitor& visitor) {
  options.preemption_bound = INT_MAX;
  v1::ExploreReport* report = result_.mutable_explore();
  report->set_strategy("stateful");
  report->set_reason(why);
  return explore::BoundedSearch(&machine_->world(), options, visitor);
}

// Those that need no undo and merge no states.
SearchResult Case::SearchOutside(std::string_view engine,
                                 const SearchOptions& options, bool all_orders,
                                 const explore::Visitor& visitor) {
  sched::World* world = &machine_->world();
  v1::ExploreReport* report = result_.mutable_explore();
  if (engine == "auto") {
    report->set_strategy("dpor");
    report->set_reason("a notifier outside answers: executions are repeated");
  }
  if (engine == "bounded") {
    return SearchBounds(options, visitor);
  }
  if (all_orders) {
    return explore::FullSearch(world, options, visitor);
  }
  return engine == "dfs" ? explore::SleepSetSearch(world, options, visitor)
                         : explore::DporSearch(world, options, visitor);
}

// How those outside begin anew and answer; what they could not do is kept.
explore::Outside Case::OutsideOf(const Execution& execution) {
  explore::Outside outside;
  outside.rewind = [this, &execution] {
    DisarmSwept(swept_rule_);
    machine_->world().Restore(start_);
    const absl::StatusOr<uint32_t> armed = ArmSwept(execution);
    outside_status_ = armed.status();
    if (outside_status_.ok() && options_.on_reset) {
      outside_status_ = options_.on_reset(machine_.get(), execution.seed);
    }
    swept_rule_ = armed.ok() ? *armed : 0;
    return outside_status_.ok();
  };
  outside.answer = [this] {
    while (outside_status_.ok() &&
           device::FirstPending(&machine_->world()) != nullptr) {
      outside_status_ = ResolveHeld(sched::RunStop::kOutside);
    }
    return outside_status_.ok();
  };
  return outside;
}

absl::Status Case::BeginSearch(const Execution& group) {
  machine_->world().Restore(start_);
  ASSIGN_OR_RETURN(swept_rule_, ArmSwept(group));
  machine_->world().WatchPoints();
  outside_ = OutsideOf(group);
  outside_status_ = absl::OkStatus();
  return absl::OkStatus();
}

void Case::EndSearch() {
  probes_.Pause();
  DisarmSwept(swept_rule_);
  swept_rule_ = 0;
  found_->points |= machine_->world().faults().passed();
}

// On this thread, in one go.
SearchResult Case::SearchAlone(const Execution& group,
                               const std::function<SearchResult()>& run) {
  seen_ = sum_.tally;
  outside_status_ = BeginSearch(group);
  if (!outside_status_.ok()) {
    return {};
  }
  BeginProbes(group, {});
  const SearchResult found = run();
  EndSearch();
  return found;
}

SearchResult Case::Search(std::string_view engine, const Execution& group) {
  const SearchOptions options = SearchOptionsOf();
  const char* all_orders = WhyAllOrders(group);
  result_.mutable_explore()->set_strategy(std::string(engine));
  if (!has_outside_ && all_orders == nullptr && engine == "auto") {
    return SearchAuto(options, group);
  }
  if (!has_outside_ && all_orders == nullptr && engine == "dpor") {
    return SearchDpor(options, group);
  }
  return SearchAlone(group, [&] {
    const explore::Visitor visitor = VisitorOf(group);
    return has_outside_
               ? SearchOutside(engine, options, all_orders != nullptr, visitor)
               : SearchByUndo(engine, options, all_orders, visitor);
  });
}

SearchResult Case::SearchByUndo(std::string_view engine,
                                const SearchOptions& options,
                                const char* all_orders,
                                const explore::Visitor& visitor) {
  sched::World* world = &machine_->world();
  if (engine == "bounded") {
    return SearchBounds(options, visitor);
  }
  if (all_orders != nullptr) {
    return SearchAllOrders(options, all_orders, visitor);
  }
  return engine == "stateful"
             ? explore::StatefulSearch(world, options, visitor)
             : explore::SleepSetSearch(world, options, visitor);
}

// What an observer can tell of the end of an execution, whatever the order in
// which things were made: return codes, mms, notifiers, what was broken.
uint64_t Case::TerminalState() const {
  const sched::WorldState& state = machine_->world().state();
  if (state.dead_tasks != 0) {
    // A BUG ends the schedule wherever the others happen to be.
    return base::HashStep(1, state.violated);
  }
  uint64_t hash = 0;
  for (const auto& [id, program] : machine_->tasks()) {
    hash = base::HashStep(hash, static_cast<uint64_t>(program->done.get()));
    hash = base::HashStep(
        hash, static_cast<uint64_t>(static_cast<int64_t>(program->last_rc)));
  }
  for (const auto& [id, ref] : machine_->mms()) {
    const mm::mm_struct* mm = MmOf(ref);
    if (mm == nullptr || mm->object.freed()) {
      hash = base::HashStep(hash, 1);
      continue;
    }
    hash = base::HashStep(hash, static_cast<uint64_t>(mm->mm_users.counter));
    hash = base::HashStep(hash, static_cast<uint64_t>(mm->mm_count.counter));
    hash = base::HashStep(hash, mm->map_count);
  }
  for (const auto& [id, dev] : machine_->devices()) {
    hash = base::HashStep(
        hash, static_cast<uint64_t>(dev->mn.registration.get()) << 32 |
                  dev->mn.release_count);
    hash = base::HashStep(hash, dev->spte_count);
  }
  return base::HashStep(hash, state.violated);
}

explore::Visitor Case::VisitorOf(const Execution& group) {
  return [this, &group](sched::World* world, explore::End end,
                        const explore::Schedule& schedule) {
    if (swept_rule_ != 0) {
      found_->fired =
          found_->fired || world->decisions().Fires(
                               world->faults().Find(swept_rule_)->counter) != 0;
    }
    return OnEnd(end, schedule, group);
  };
}

// False: the search has seen enough.
bool Case::OnEnd(explore::End end, const explore::Schedule& schedule,
                 const Execution& group) {
  if (end == explore::End::kFinished) {
    machine_->CheckFinished();
  }
  Execution execution = group;
  execution.schedule = &schedule;
  const absl::Status noted = Note(execution, end == explore::End::kCut);
  if (!noted.ok()) {
    outside_status_ = noted;
  }
  Progress(kProgressEvery, 0);
  return !MayStop(group) && outside_status_.ok();
}

void Case::NoteSearch(const SearchResult& found) {
  v1::ExploreReport* report = result_.mutable_explore();
  report->set_outcome(cancelled_ ? v1::ExploreReport::OUTCOME_STOPPED
                                 : ToProto(found.outcome));
  report->set_execution_count(report->execution_count() +
                              static_cast<int64_t>(found.executions));
  report->set_pruned_count(report->pruned_count() +
                           static_cast<int64_t>(found.pruned));
  report->set_step_count(report->step_count() +
                         static_cast<int64_t>(found.steps));
  report->set_state_count(
      std::max(report->state_count(), static_cast<int64_t>(found.states)));
  report->set_max_depth(
      std::max(report->max_depth(), static_cast<int64_t>(found.max_depth)));
  report->set_terminal_state_count(
      static_cast<int64_t>(sum_.terminal_states.size()));
  report->set_first_violation_execution(sum_.first_violation);
  report->set_estimated_execution_count(static_cast<int64_t>(found.estimate));
  if (found.outcome == explore::Outcome::kNondeterministic) {
    report->set_reason(
        "the steps up to " + std::to_string(found.diverged) +
        " were repeated and came out differently: a notifier that is not in "
        "this process answers from more than it was told since the reset");
  }
  if (found.outcome == explore::Outcome::kExecutions ||
      found.outcome == explore::Outcome::kNondeterministic ||
      found.outcome == explore::Outcome::kSteps ||
      found.outcome == explore::Outcome::kUnsupported) {
    sum_.tally.NoteCut();
    result_.set_inconclusive_cause(
        "the search was " + std::string(explore::OutcomeName(found.outcome)));
  }
}

// What all searches of the case have come by.
void Case::NoteCoverage() {
  v1::ExploreReport* report = result_.mutable_explore();
  for (const faults::PointInfo& info : faults::AllPoints()) {
    if (sum_.points[static_cast<size_t>(info.point)]) {
      report->add_fault_points(std::string(info.name));
    }
  }
  report->set_conflict_pair_count(
      static_cast<int64_t>(sum_.coverage.pair_count()));
  report->set_reversed_pair_count(
      static_cast<int64_t>(sum_.coverage.both_count()));
}

absl::Status Case::RunExhaustive(const Execution& group) {
  const SearchResult found = Search(scenario_.explore().strategy(), group);
  RETURN_IF_ERROR(outside_status_);
  NoteSearch(found);
  return absl::OkStatus();
}

}  // namespace mmfault::scenario
