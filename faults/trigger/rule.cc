// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "faults/trigger/rule.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "faults/trigger/names.h"

namespace mmfault::faults {
namespace {

// Long enough for every name; bounds what a message repeats and compares.
constexpr size_t kMaxPointNameBytes = 128;

absl::Status CheckError(const PointInfo& info, int64_t number) {
  const std::string errors(info.errors);
  const std::string name = ErrnoName(number);
  for (const absl::string_view allowed :
       absl::StrSplit(errors, absl::ByAnyChar(" ,"), absl::SkipEmpty())) {
    if (allowed == name) {
      return absl::OkStatus();
    }
  }
  return absl::InvalidArgumentError(
      absl::StrCat(std::string(info.name), " cannot fail with ", name,
                   errors.empty() ? "; no error comes from there"
                                  : "; what can come from there: " + errors));
}

// `error` without a number.
absl::Status SetOnlyError(const PointInfo& info, Action* action) {
  const std::string errors(info.errors);
  const std::optional<int64_t> number = ErrnoOf(errors);
  if (!number.has_value()) {
    return absl::InvalidArgumentError(absl::StrCat(
        std::string(info.name), errors.empty()
                                    ? " has no error; none comes from there"
                                    : " has several errors: " + errors));
  }
  action->arg = *number;
  return absl::OkStatus();
}

const char* WhyNot(ActionKind kind) {
  switch (kind) {
    case ActionKind::kHold:
    case ActionKind::kYield:
    case ActionKind::kDelay:
      return "a task cannot stop at ";
    case ActionKind::kDisconnect:
      return "there is no client to disconnect at ";
    case ActionKind::kCorrupt:
      return "no answer is on its way at ";
    default:
      return "no callback is on its way at ";
  }
}

}  // namespace

bool Allows(Point point, ActionKind kind) {
  switch (kind) {
    case ActionKind::kError:
      return !InfoOf(point).errors.empty();
    case ActionKind::kHold:
    case ActionKind::kYield:
    case ActionKind::kDelay:
      return CanStop(point);
    case ActionKind::kDrop:
    case ActionKind::kDuplicate:
    case ActionKind::kReorder:
      return CarriesMessage(point);
    case ActionKind::kCorrupt:
      return point == Point::kCallbackAck;
    case ActionKind::kDisconnect:
      return HasNotifier(point);
    default:
      return true;
  }
}

absl::StatusOr<Point> PointNamed(std::string_view name) {
  const std::optional<Point> point = FindPoint(name);
  if (point.has_value()) {
    return *point;
  }
  const std::string shown(name.substr(0, kMaxPointNameBytes));
  return absl::NotFoundError(absl::StrCat(
      "no fault point \"", absl::CHexEscape(shown), "\"; the nearest is \"",
      std::string(NearestPointName(shown)), "\""));
}

absl::Status CheckAllowed(Point point, const Trigger& trigger) {
  const PointInfo& info = InfoOf(point);
  for (const Term& term : trigger.terms) {
    const ActionKind kind = term.action.kind;
    if (kind == ActionKind::kError) {
      absl::Status status = CheckError(info, term.action.arg);
      if (!status.ok()) {
        return status;
      }
    }
    if (!Allows(point, kind)) {
      return absl::InvalidArgumentError(
          absl::StrCat(WhyNot(kind), std::string(info.name)));
    }
  }
  return absl::OkStatus();
}

absl::Status SetErrors(Point point, Trigger* trigger) {
  for (Term& term : trigger->terms) {
    if (term.action != Action{.kind = ActionKind::kError}) {
      continue;
    }
    absl::Status set = SetOnlyError(InfoOf(point), &term.action);
    if (!set.ok()) {
      return set;
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Rule> MakeRule(std::string_view point,
                              std::string_view trigger) {
  absl::StatusOr<Point> named = PointNamed(point);
  if (!named.ok()) {
    return named.status();
  }
  absl::StatusOr<Trigger> parsed = ParseTrigger(trigger);
  if (!parsed.ok()) {
    return parsed.status();
  }
  absl::Status allowed = SetErrors(*named, &*parsed);
  allowed.Update(CheckAllowed(*named, *parsed));
  if (!allowed.ok()) {
    return allowed;
  }
  Rule rule;
  rule.point = *named;
  rule.terms = std::move(parsed->terms);
  return rule;
}

absl::StatusOr<Rule> MakeSweepRule(std::string_view point,
                                   std::string_view trigger, uint64_t hit) {
  absl::StatusOr<Rule> rule = MakeRule(point, trigger);
  if (!rule.ok()) {
    return rule;
  }
  if (rule->terms.size() != 1 ||
      rule->terms[0] != Term{.action = rule->terms[0].action}) {
    return absl::InvalidArgumentError(
        "a sweep's trigger is an action alone: it says itself at which hit");
  }
  rule->terms[0].when = {.first = hit, .last = hit};
  return rule;
}

}  // namespace mmfault::faults
