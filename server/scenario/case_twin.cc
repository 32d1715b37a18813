// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Where an execution leaves its fault-free twin: what the faults have changed.

#include <algorithm>
#include <cstring>

#include "faults/points.h"
#include "server/base/status_macros.h"
#include "server/scenario/case.h"
#include "server/scenario/decisions.h"
#include "server/scenario/to_proto.h"

namespace mmfault::scenario {
namespace {

using Events = std::vector<trace::Event>;

// A stop at a fault point, which the twin has not and need not have.
bool IsOwnStep(const trace::Event& event) {
  return (event.op.kind == trace::OpKind::kYield ||
          event.op.kind == trace::OpKind::kHold ||
          event.op.kind == trace::OpKind::kSleep) &&
         faults::FindPoint(event.op.where).has_value();
}

Events WithoutOwnSteps(const Events& events) {
  Events kept;
  std::copy_if(events.begin(), events.end(), std::back_inserter(kept),
               [](const trace::Event& event) { return !IsOwnStep(event); });
  return kept;
}

// Where memory lies is nobody's concern.
uint64_t PortableKey(trace::ObjKey key) {
  return key.type() == trace::ObjType::kMemory ? 0 : key.bits;
}

bool IsSame(const trace::Event& a, const trace::Event& b) {
  return a.task == b.task && a.op.kind == b.op.kind &&
         PortableKey(a.op.obj) == PortableKey(b.op.obj) &&
         std::strcmp(a.op.where, b.op.where) == 0 && a.value == b.value &&
         a.start == b.start && a.end == b.end;
}

}  // namespace

absl::StatusOr<Case*> Case::Twin() {
  if (twin_ == nullptr) {
    twin_ = std::make_unique<FaultFree>();
    twin_->scenario = scenario_;
    twin_->scenario.clear_fault();
    twin_->scenario.clear_sweep();
    twin_->options.seed = options_.seed;
    twin_->options.step_budget = options_.step_budget;
    twin_->options.bounds = options_.bounds;
    twin_->options.one_schedule = true;
    ASSIGN_OR_RETURN(twin_->made,
                     Make(twin_->scenario, protocol_, twin_->options));
  }
  return twin_->made.get();
}

absl::Status Case::AddDivergence(const std::vector<trace::Event>& events,
                                 v1::Violation* violation) {
  if (has_outside_ || violation->faults_fired().empty()) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(Case* const twin, Twin());
  const Events mine = WithoutOwnSteps(events);
  const explore::Schedule schedule = ScheduleOf(mine, start_step_);
  Execution execution;
  execution.schedule = &schedule;
  StorySink sink;
  RETURN_IF_ERROR(twin->RunOnce(execution, &sink).status());
  const auto [here, there] = std::mismatch(
      mine.begin(), mine.end(), sink.events.begin(), sink.events.end(), IsSame);

  v1::Divergence& out = *violation->mutable_divergence();
  const std::vector<trace::Violation> broken = twin->machine().Violations();
  out.set_twin_violates(std::any_of(
      broken.begin(), broken.end(), [violation](const trace::Violation& v) {
        return trace::CheckerName(v.checker) == violation->checker();
      }));
  const bool later = here != mine.end() &&
                     static_cast<int64_t>(here->step) > violation->step();
  const bool same = here == mine.end() && there == sink.events.end();
  if (same || (later && out.twin_violates())) {
    return absl::OkStatus();
  }
  out.set_differs(true);
  if (here != mine.end()) {
    *out.mutable_event() = ToProto(*machine_, *here);
  }
  if (there != sink.events.end()) {
    *out.mutable_twin_event() = ToProto(twin->machine(), *there);
  }
  return absl::OkStatus();
}

}  // namespace mmfault::scenario
