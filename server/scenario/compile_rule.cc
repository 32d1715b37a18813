// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// A fault rule of the API as one of the registry: names become numbers, and a
// filter that could never admit a pass is refused.

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "faults/trigger/rule.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/scenario/compile.h"

namespace mmfault::scenario {
namespace {

using base::InvalidFieldError;

// A filter that no pass of the point can satisfy.
absl::Status NoSuchThingHere(const v1::FaultRule& rule, std::string_view field,
                             const char* filter, const char* about) {
  const std::string place = Join(field, filter);
  return InvalidFieldError(
      place, "UNSUPPORTED_SETTING",
      rule.point() + " is about no " + about + ", so the rule could never act",
      {{"field", place}, {"point", rule.point()}});
}

absl::Status CompileMm(const Machine& machine, const v1::FaultRule& rule,
                       faults::Rule* made) {
  const MmRef* ref = machine.FindMm(rule.mm());
  if (ref == nullptr || ref->mm == nullptr) {
    return base::MissingResourceError(
        rule.mm(), "MM_NOT_FOUND", "no mm \"" + rule.mm() + "\" in this world");
  }
  made->mm = ref->mm->object.id;
  return absl::OkStatus();
}

absl::Status CompileNotifier(const Machine& machine, const v1::FaultRule& rule,
                             faults::Rule* made) {
  const device::device* dev = machine.FindDevice(rule.notifier());
  if (dev == nullptr || dev->mn.object.freed()) {
    return base::MissingResourceError(
        rule.notifier(), "NOTIFIER_NOT_FOUND",
        "no notifier \"" + rule.notifier() + "\" in this world");
  }
  made->notifier = dev->mn.object.id;
  return absl::OkStatus();
}

// The filters about what the point is about.
absl::Status CompilePlace(const Machine& machine, const v1::FaultRule& rule,
                          std::string_view field, faults::Rule* made) {
  if (!rule.mm().empty()) {
    if (!faults::HasMm(made->point)) {
      return NoSuchThingHere(rule, field, "mm", "mm");
    }
    RETURN_IF_ERROR(CompileMm(machine, rule, made));
  }
  if (!rule.notifier().empty()) {
    if (!faults::HasNotifier(made->point)) {
      return NoSuchThingHere(rule, field, "notifier", "notifier");
    }
    RETURN_IF_ERROR(CompileNotifier(machine, rule, made));
  }
  if (rule.event() != v1::CALLBACK_EVENT_UNSPECIFIED) {
    if (!faults::HasEvent(made->point)) {
      return NoSuchThingHere(rule, field, "event", "callback");
    }
    made->events = MethodBit(rule.event());
    if (made->events == 0) {
      return InvalidFieldError(Join(field, "event"), "UNSUPPORTED_SETTING",
                               "no callback of that kind is ever made");
    }
  }
  if (rule.has_range()) {
    if (!faults::HasRange(made->point)) {
      return NoSuchThingHere(rule, field, "range", "addresses");
    }
    if (rule.range().start() >= rule.range().end()) {
      return InvalidFieldError(Join(field, "range"), "RANGE_MALFORMED",
                               "a range ends after its start");
    }
    made->start = rule.range().start();
    made->end = rule.range().end();
  }
  return absl::OkStatus();
}

absl::Status CompileTask(const Machine& machine, const v1::FaultRule& rule,
                         faults::Rule* made) {
  const Program* program = machine.FindTask(rule.task());
  if (program == nullptr || program->task == nullptr) {
    return base::MissingResourceError(
        rule.task(), "TASK_NOT_FOUND",
        "no task \"" + rule.task() + "\" in this world");
  }
  made->task = program->task->slot;
  return absl::OkStatus();
}

// The filters about whose pass it is.
absl::Status CompileWho(const Machine& machine, const v1::FaultRule& rule,
                        std::string_view field, uint32_t client,
                        faults::Rule* made) {
  if (!rule.task().empty()) {
    RETURN_IF_ERROR(CompileTask(machine, rule, made));
  }
  if (!rule.operation().empty()) {
    RETURN_IF_ERROR(CheckOperation(rule.operation(), Join(field, "operation")));
    made->operation = OperationOf(*FindStepKind(rule.operation()));
  }
  if (!rule.client().empty() && client == 0) {
    return InvalidFieldError(Join(field, "client"), "UNSUPPORTED_SETTING",
                             "a scenario has no clients");
  }
  made->client = client;
  return absl::OkStatus();
}

// The point and its terms, with our reasons where they are refused.
absl::StatusOr<faults::Rule> CompileTerms(const v1::FaultRule& rule,
                                          std::string_view field) {
  absl::StatusOr<faults::Rule> made =
      faults::MakeRule(rule.point(), rule.trigger());
  if (made.ok()) {
    return made;
  }
  const std::string message(made.status().message());
  if (absl::IsNotFound(made.status())) {
    return base::MissingResourceError(rule.point(), "FAULT_POINT_NOT_FOUND",
                                      message);
  }
  const int column = faults::ColumnOf(made.status());
  if (column == 0) {
    return InvalidFieldError(Join(field, "trigger"), "ACTION_NOT_ALLOWED",
                             message, {{"point", rule.point()}});
  }
  return InvalidFieldError(
      Join(field, "trigger"), "TRIGGER_MALFORMED", message,
      {{"trigger", rule.trigger()}, {"column", std::to_string(column)}});
}

absl::Status CheckCrash(const Machine& machine, const faults::Rule& rule) {
  const bool crashes = std::any_of(
      rule.terms.begin(), rule.terms.end(), [](const faults::Term& term) {
        return term.action.kind == faults::ActionKind::kCrash;
      });
  if (!crashes || machine.world().options().may_crash) {
    return absl::OkStatus();
  }
  const std::string point(faults::InfoOf(rule.point).name);
  return base::WrongStateError(
      point, "CRASH_NOT_ALLOWED",
      "the server does not let rules crash it; start it with --allow-crash",
      {{"point", point}});
}

}  // namespace

absl::Status CheckOperation(const std::string& name, const std::string& field) {
  if (FindStepKind(name).has_value()) {
    return absl::OkStatus();
  }
  std::string message = "no step is called \"" + name + "\"";
  const std::string_view nearest = NearestStepKind(name);
  if (!nearest.empty()) {
    message += "; did you mean \"" + std::string(nearest) + "\"?";
  }
  return InvalidFieldError(field, "UNSUPPORTED_SETTING", message,
                           {{"field", field}, {"value", name}});
}

absl::StatusOr<faults::Rule> CompileRule(const Machine& machine,
                                         const v1::FaultRule& rule,
                                         std::string_view field,
                                         uint32_t client) {
  ASSIGN_OR_RETURN(faults::Rule made, CompileTerms(rule, field));
  RETURN_IF_ERROR(CheckCrash(machine, made));
  RETURN_IF_ERROR(CompilePlace(machine, rule, field, &made));
  RETURN_IF_ERROR(CompileWho(machine, rule, field, client, &made));
  return made;
}

absl::StatusOr<uint32_t> ArmRule(Machine* machine, const v1::FaultRule& rule,
                                 std::string_view field) {
  ASSIGN_OR_RETURN(faults::Rule made, CompileRule(*machine, rule, field));
  sched::World::Scope scope(&machine->world());
  const uint32_t id = machine->world().faults().Arm(std::move(made));
  return id == 0 ? absl::StatusOr<uint32_t>(NoRoomForRule(*machine)) : id;
}

absl::Status NoRoomForRule(const Machine& machine) {
  const sched::World& world = machine.world();
  const std::string used = std::to_string(world.arena().heap_used());
  return base::MakeError(
      absl::StatusCode::kResourceExhausted, "QUOTA_EXCEEDED",
      "the world's arena has no room for the counters of a rule",
      {{"limit", "max_arena_bytes"}, {"max", used}, {"wanted", used}});
}

}  // namespace mmfault::scenario
