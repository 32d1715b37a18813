// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "faults/trigger/swept.h"

#include <algorithm>
#include <array>

#include "absl/status/statusor.h"
#include "absl/strings/str_split.h"
#include "faults/trigger/rule.h"
#include "faults/trigger/trigger.h"

namespace mmfault::faults {
namespace {

constexpr std::array<std::string_view, 4> kDefaultNames = {
    "error", "signal", "drop_capability", "teardown"};

bool IsDefaultName(std::string_view word) {
  return std::find(kDefaultNames.begin(), kDefaultNames.end(), word) !=
         kDefaultNames.end();
}

// `teardown` of `teardown(kill)`.
std::string_view NameOf(std::string_view action) {
  return action.substr(0, action.find('('));
}

}  // namespace

std::vector<std::string> DefaultActions(Point point) {
  std::vector<std::string> actions;
  const std::string errors(InfoOf(point).errors);
  for (const absl::string_view name :
       absl::StrSplit(errors, absl::ByAnyChar(" ,"), absl::SkipEmpty())) {
    actions.push_back("error(" + std::string(name) + ")");
  }
  actions.emplace_back("signal(SIGKILL)");
  actions.emplace_back("drop_capability");
  if (HasMm(point)) {
    actions.emplace_back("teardown(kill)");
    actions.emplace_back("teardown(force)");
  }
  return actions;
}

std::vector<std::string> ActionsAt(Point point,
                                   std::span<const std::string> wanted) {
  std::vector<std::string> defaults = DefaultActions(point);
  if (wanted.empty()) {
    return defaults;
  }
  std::vector<std::string> actions;
  const auto add = [&actions](const std::string& action) {
    if (std::find(actions.begin(), actions.end(), action) == actions.end()) {
      actions.push_back(action);
    }
  };
  for (const std::string& word : wanted) {
    if (IsDefaultName(word)) {
      for (const std::string& action : defaults) {
        if (NameOf(action) == word) {
          add(action);
        }
      }
    }
    const absl::StatusOr<Rule> rule =
        MakeSweepRule(InfoOf(point).name, word, 1);
    const bool needs_mm = word.starts_with("teardown") && !HasMm(point);
    if (rule.ok() && !needs_mm) {
      add(PrintAction(rule->terms[0].action));
    }
  }
  return actions;
}

absl::Status CheckWantedAction(const std::string& wanted) {
  if (IsDefaultName(wanted)) {
    return absl::OkStatus();
  }
  const absl::StatusOr<Trigger> trigger = ParseTrigger(wanted);
  if (!trigger.ok()) {
    return trigger.status();
  }
  const Term& term = trigger->terms[0];
  if (trigger->terms.size() != 1 || term != Term{.action = term.action} ||
      term.action.kind == ActionKind::kNone) {
    return absl::InvalidArgumentError(
        "an action alone is wanted: a sweep says itself when it happens");
  }
  if (term.action.kind == ActionKind::kCrash) {
    return absl::InvalidArgumentError(
        "a sweep goes on after each fault, so the server may not crash");
  }
  return absl::OkStatus();
}

std::string_view FamilyName(Family family) {
  static constexpr std::array<std::string_view, kFamilyCount> kNames = {
      "allocation", "capability", "signal", "teardown", "schedule", "message"};
  return kNames[static_cast<size_t>(family)];
}

Family FamilyOf(Point point, const std::string& action) {
  const std::string_view name = NameOf(action);
  if (name == "error") {
    return point == Point::kCapable ? Family::kCapability : Family::kAllocation;
  }
  if (name == "drop_capability") {
    return Family::kCapability;
  }
  if (name == "signal") {
    return Family::kSignal;
  }
  if (name == "teardown") {
    return Family::kTeardown;
  }
  const bool moves = name == "yield" || name == "hold" || name == "delay";
  return moves ? Family::kSchedule : Family::kMessage;
}

}  // namespace mmfault::faults
