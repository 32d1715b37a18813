// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/scenario/probes.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "faults/trigger/rule.h"
#include "faults/trigger/trigger.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/scenario/compile.h"
#include "server/scenario/verdict.h"
#include "server/trace/access_log.h"

namespace mmfault::scenario {
namespace {

using v1::Probe;

Probe::Moment MomentOf(const Probe& probe) {
  return probe.moment() == Probe::MOMENT_UNSPECIFIED && probe.point().empty()
             ? Probe::MOMENT_CONTINUOUS
             : probe.moment();
}

bool IsAsked(Probe::Moment wanted, Probe::Moment now) {
  const bool edge = now == Probe::MOMENT_BEFORE || now == Probe::MOMENT_AFTER;
  return wanted == now || (wanted == Probe::MOMENT_EDGE && edge);
}

absl::Status Malformed(const std::string& field, const std::string& message,
                       const Probe& probe, int column = 0) {
  return base::InvalidFieldError(field, "PROBE_MALFORMED", message,
                                 {{"field", field},
                                  {"that", probe.that()},
                                  {"column", std::to_string(column)}});
}

absl::Status CheckThat(const Probe& probe, const std::string& field) {
  const bool may_be_empty =
      (probe.property() == Probe::PROPERTY_REACHABLE ||
       probe.property() == Probe::PROPERTY_UNREACHABLE) &&
      (!probe.point().empty() || probe.moment() != Probe::MOMENT_UNSPECIFIED);
  if (probe.that().empty()) {
    return may_be_empty ? absl::OkStatus()
                        : base::InvalidFieldError(
                              field + ".that", "FIELD_MISSING",
                              "say what is asked, like \"faults >= 1\"");
  }
  const absl::Status parsed = Predicate::Parse(probe.that()).status();
  return parsed.ok() ? parsed
                     : Malformed(field + ".that", std::string(parsed.message()),
                                 probe, faults::ColumnOf(parsed));
}

absl::Status CheckPoint(const Probe& probe, const std::string& field) {
  if (probe.point().empty()) {
    return absl::OkStatus();
  }
  if (probe.moment() != Probe::MOMENT_UNSPECIFIED) {
    return Malformed(field + ".moment",
                     "a probe is asked at a point or at a moment", probe);
  }
  const absl::Status named = faults::PointNamed(probe.point()).status();
  return named.ok() ? named
                    : base::MissingResourceError(probe.point(),
                                                 "FAULT_POINT_NOT_FOUND",
                                                 std::string(named.message()));
}

// Whether what comes out depends on the order of steps that commute: each task
// does all that it can do in any order of them, and ends alike, but what is
// true in between is another thing.
bool LooksBetweenSteps(const Probe& probe) {
  const Probe::Moment moment = MomentOf(probe);
  const bool at_edge = moment == Probe::MOMENT_BEFORE ||
                       moment == Probe::MOMENT_AFTER ||
                       moment == Probe::MOMENT_EDGE;
  return !at_edge && !probe.that().empty();
}

absl::Status CheckProbe(const Probe& probe, const std::string& field) {
  if (!IsValidId(probe.id())) {
    return base::InvalidFieldError(field + ".id", "NAME_MALFORMED",
                                   "an id matches [a-z][a-z0-9_-]{0,62}, "
                                   "got \"" +
                                       probe.id() + "\"");
  }
  if (probe.property() == Probe::PROPERTY_UNSPECIFIED) {
    return base::InvalidFieldError(
        field + ".property", "FIELD_MISSING",
        "say ALWAYS, SOMETIMES, REACHABLE or UNREACHABLE");
  }
  RETURN_IF_ERROR(CheckPoint(probe, field));
  return CheckThat(probe, field);
}

std::string InExecutions(int64_t executions) {
  return absl::StrCat(" in ", executions,
                      executions == 1 ? " execution" : " executions");
}

}  // namespace

absl::Status CheckProbes(const v1::Scenario& scenario) {
  std::set<std::string> ids;
  for (int i = 0; i < scenario.probe_size(); ++i) {
    const std::string field = "probe[" + std::to_string(i) + "]";
    const Probe& probe = scenario.probe(i);
    RETURN_IF_ERROR(CheckProbe(probe, field));
    if (!ids.insert(probe.id()).second) {
      return Malformed(field + ".id", "two probes are \"" + probe.id() + "\"",
                       probe);
    }
  }
  return absl::OkStatus();
}

absl::Status Probes::SetUp(const v1::Scenario& scenario,
                           const notifier::Protocol& protocol,
                           Machine* machine) {
  machine_ = machine;
  for (const Probe& probe : scenario.probe()) {
    if (!probe.protocol().empty() && !Names(probe.protocol(), protocol)) {
      continue;
    }
    Asked asked;
    asked.probe = &probe;
    between_steps_ = between_steps_ || LooksBetweenSteps(probe);
    asks_steps_ = asks_steps_ || MomentOf(probe) == Probe::MOMENT_CONTINUOUS;
    if (!probe.point().empty()) {
      asked.point = *faults::FindPoint(probe.point());
      sched::World::Scope scope(&machine->world());
      machine->world().faults().Observe(asked.point, true);
    }
    if (!probe.that().empty()) {
      ASSIGN_OR_RETURN(asked.that, Predicate::Parse(probe.that()));
      RETURN_IF_ERROR(asked.that.Bind(machine));
    }
    probes_.push_back(std::move(asked));
  }
  return absl::OkStatus();
}

void Probes::Begin(Sighting execution, uint64_t start_step) {
  if (empty()) {
    return;
  }
  execution_ = std::move(execution);
  start_step_ = start_step;
  machine_->world().SetObserver(this);
  looks_on_ = true;
  if (execution_.path.empty()) {
    AskAll(Probe::MOMENT_BEFORE);
  }
}

void Probes::Pause() {
  if (!empty()) {
    machine_->world().SetObserver(nullptr);
    looks_on_ = false;
  }
}

void Probes::AtEnd() { AskAll(Probe::MOMENT_AFTER); }

void Probes::OnStep() {
  NoteDecision();
  if (asks_steps_) {
    AskAll(Probe::MOMENT_CONTINUOUS);
  }
}

void Probes::OnProgramStep() {
  if (looks_on_ && asks_steps_) {
    const trace::AccessPause pause;
    NoteDecision();
    AskAll(Probe::MOMENT_CONTINUOUS);
  }
}

void Probes::OnPass(faults::Point point, const faults::Action& action) {
  NoteDecision();
  for (size_t i = 0; i < probes_.size(); ++i) {
    if (probes_[i].point == point) {
      Ask(i);
    }
  }
  if (action.kind != faults::ActionKind::kNone) {
    AskAll(Probe::MOMENT_ON_FAULT);
  }
}

// The step that is being taken; those that were taken back are forgotten.
void Probes::NoteDecision() {
  const sched::World& world = machine_->world();
  const uint64_t number = world.state().step_count - start_step_;
  execution_.path.resize(number);
  execution_.path.back() = {static_cast<int8_t>(world.current_slot()),
                            world.answer()};
}

void Probes::AskAll(Probe::Moment moment) {
  for (size_t i = 0; i < probes_.size(); ++i) {
    if (probes_[i].point == faults::Point::kCount &&
        IsAsked(MomentOf(*probes_[i].probe), moment)) {
      Ask(i);
    }
  }
}

void Probes::Ask(size_t index) {
  const Asked& probe = probes_[index];
  const std::optional<bool> yes =
      probe.that.empty() ? true : probe.that.Holds(*machine_);
  if (!yes.has_value()) {
    return;
  }
  ProbeTally& tally = (*tallies_)[index];
  tally.asked += 1;
  tally.yes += *yes ? 1 : 0;
  const bool decides =
      *yes != (probe.probe->property() == Probe::PROPERTY_ALWAYS);
  if (!decides || tally.decided) {
    return;
  }
  tally.decided = true;
  const uint64_t step = machine_->world().state().step_count;
  tally.step = step > start_step_ ? step : 0;
  tally.values = probe.that.Values(*machine_);
  tally.sighting = execution_;
  tally.sighting.path.resize(step - start_step_);
}

void Probes::Fill(const Probe& probe, const ProbeTally& tally,
                  int64_t executions, v1::ProbeResult* out) {
  const Probe::Property property = probe.property();
  out->set_id(probe.id());
  out->set_property(property);
  out->set_asked_count(tally.asked);
  out->set_yes_count(tally.yes);
  out->set_step(static_cast<int64_t>(tally.step));
  const bool wants_yes = property == Probe::PROPERTY_SOMETIMES ||
                         property == Probe::PROPERTY_REACHABLE;
  const bool vacuous = property == Probe::PROPERTY_ALWAYS && tally.asked == 0;
  out->set_met(tally.decided == wants_yes && !vacuous);
  if (tally.decided) {
    out->set_finding(
        absl::StrCat(tally.step == 0 ? "before the first step"
                                     : absl::StrCat("at step ", tally.step),
                     tally.values.empty() ? "" : " ", tally.values));
  } else if (tally.asked == 0) {
    out->set_finding("never came" + InExecutions(executions));
  } else {
    out->set_finding(absl::StrCat(
        property == Probe::PROPERTY_ALWAYS ? "held" : "did not hold",
        " each of ", tally.asked, " times", InExecutions(executions)));
  }
}

}  // namespace mmfault::scenario
