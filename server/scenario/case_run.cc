// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// One execution of a case, from its first step to its end.

#include <algorithm>
#include <memory>
#include <utility>

#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/explore/loop.h"
#include "server/explore/strategies.h"
#include "server/kernel/point.h"
#include "server/scenario/case.h"
#include "server/scenario/compile.h"
#include "server/scenario/decisions.h"
#include "server/scenario/reduce.h"

namespace mmfault::scenario {
namespace {

constexpr int64_t kDefaultSteps = 100000;
constexpr int kDefaultDepth = 3;

}  // namespace

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

absl::StatusOr<uint32_t> Case::ArmSwept(const Execution& execution) {
  if (execution.swept == nullptr) {
    return 0;
  }
  return ArmRule(machine_.get(), SweptRule(*execution.swept, execution.hit),
                 "sweep.fault");
}

void Case::DisarmSwept(uint32_t rule) {
  sched::World& world = machine_->world();
  if (rule != 0) {
    const faults::Rule* armed = world.faults().Find(rule);
    swept_fired_ = world.decisions().Fires(armed->counter) != 0;
    world.faults().Disarm(rule);
  }
}

absl::StatusOr<sched::RunStop> Case::RunUntilOver(sched::Strategy* strategy) {
  sched::World& world = machine_->world();
  const auto budget = static_cast<uint64_t>(StepBudget());
  for (;;) {
    const uint64_t used = world.state().step_count;
    const sched::RunStop stop =
        machine_->Run(strategy, budget - std::min(budget, used));
    const bool goes_on =
        (stop == sched::RunStop::kAtPoint || stop == sched::RunStop::kHeld ||
         stop == sched::RunStop::kOutside) &&
        world.state().dead_tasks == 0;
    if (!goes_on) {
      return stop;
    }
    RETURN_IF_ERROR(ResolveHeld(stop));
  }
}

// How long an execution is: one of a seed that no run's seed changes, so that a
// schedule follows from its own seed alone.
absl::Status Case::MeasureLength() {
  if (length_ != 0 || scenario_.explore().strategy() != "pct") {
    return absl::OkStatus();
  }
  machine_->world().Restore(start_);
  const uint64_t begin = machine_->world().state().step_count;
  if (options_.on_reset) {
    RETURN_IF_ERROR(options_.on_reset(machine_.get(), 1));
  }
  sched::UniformStrategy strategy(1);
  Findings aside(protocol_);
  Findings* const found = std::exchange(found_, &aside);
  const absl::Status status = RunUntilOver(&strategy).status();
  found_ = found;
  RETURN_IF_ERROR(status);
  length_ = std::max<uint64_t>(1, machine_->world().state().step_count - begin);
  return absl::OkStatus();
}

// Follows a schedule that may end in a loop to its end; whether it does. If
// not, the execution is where following it has led.
bool Case::EndsInLoop(const explore::Schedule& schedule,
                      sched::Strategy* strategy) {
  const explore::RepeatedTail tail = explore::FindRepeatedTail(schedule);
  sched::World& world = machine_->world();
  if (has_outside_ || tail.length == 0) {
    return false;
  }
  if (tail.begin != 0 &&
      world.Run(strategy, tail.begin) != sched::RunStop::kStepBudget) {
    return false;
  }
  const sched::World::Scope scope(&world);
  const auto begin = schedule.begin() + static_cast<ptrdiff_t>(tail.begin);
  explore::Schedule taken;
  return explore::FollowIntoLoop(&world, {begin, schedule.end()}, &taken);
}

absl::StatusOr<bool> Case::RunOnce(const Execution& execution,
                                   trace::EventSink* sink) {
  sched::World& world = machine_->world();
  RETURN_IF_ERROR(MeasureLength());
  world.Restore(start_);
  ASSIGN_OR_RETURN(const uint32_t rule, ArmSwept(execution));
  if (options_.on_reset) {
    RETURN_IF_ERROR(options_.on_reset(machine_.get(), execution.seed));
  }
  base::ThreadReplayContext() = {scenario_.id().c_str(), protocol_id_.c_str(),
                                 execution.seed, 0};
  std::unique_ptr<sched::Strategy> strategy;
  if (execution.schedule != nullptr) {
    strategy =
        std::make_unique<FollowStrategy>(*execution.schedule, start_step_);
  } else {
    const v1::Explore& search = scenario_.explore();
    strategy = explore::MakeStrategy(
        search.strategy(), execution.seed,
        search.depth() > 0 ? search.depth() : kDefaultDepth, length_);
  }
  world.SetSink(sink);
  if (sink == nullptr) {  // a story has been asked already
    BeginProbes(execution, {});
  }
  absl::StatusOr<sched::RunStop> stop = sched::RunStop::kFinished;
  if (execution.schedule == nullptr ||
      !EndsInLoop(*execution.schedule, strategy.get())) {
    stop = RunUntilOver(strategy.get());
  }
  probes_.Pause();
  world.SetSink(nullptr);
  DisarmSwept(rule);
  RETURN_IF_ERROR(stop.status());
  return *stop == sched::RunStop::kStepBudget;
}

}  // namespace mmfault::scenario
