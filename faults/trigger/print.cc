// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include <string>

#include "absl/strings/str_cat.h"
#include "faults/trigger/comparison.h"
#include "faults/trigger/duration.h"
#include "faults/trigger/names.h"
#include "faults/trigger/trigger.h"

namespace mmfault::faults {
namespace {

constexpr uint32_t kPpmPerPercent = 10000;

std::string PrintConditions(const std::vector<Condition>& conditions) {
  std::string text;
  for (const Condition& condition : conditions) {
    const std::string_view variable = VariableName(condition.variable);
    absl::StrAppend(&text, text.empty() ? "if(" : " && ", std::string(variable),
                    ComparisonText(condition.comparison), condition.value);
  }
  return text.empty() ? "" : text + ") ";
}

std::string PrintWhen(const When& when) {
  if (when == When{}) {
    return "";
  }
  std::string text = absl::StrCat("when=", when.first);
  const bool open = when.last == kForEver;
  if (!open && when.last != when.first) {
    absl::StrAppend(&text, "..", when.last);
  }
  if (when.step != 1) {
    absl::StrAppend(&text, "+", when.step);
  } else if (open) {
    text += "+";
  }
  return text + " ";
}

std::string PrintSelection(const Term& term) {
  std::string text = PrintWhen(term.when);
  if (term.mask != 0) {
    absl::StrAppend(&text, "mask=0x", absl::Hex(term.mask), " ");
  }
  if (term.space > 1) {
    absl::StrAppend(&text, "space=", term.space, " ");
  }
  if (term.interval > 1) {
    absl::StrAppend(&text, "interval=", term.interval, " ");
  }
  return text;
}

// Ten thousandths of a percent as a decimal number without trailing zeros.
std::string PrintPercent(uint32_t ppm) {
  if (ppm == kAlwaysPpm) {
    return "";
  }
  std::string text = absl::StrCat(ppm / kPpmPerPercent);
  if (ppm % kPpmPerPercent != 0) {
    std::string decimals = absl::StrCat(ppm % kPpmPerPercent);
    decimals.insert(0, 4 - decimals.size(), '0');
    decimals.erase(decimals.find_last_not_of('0') + 1);
    absl::StrAppend(&text, ".", decimals);
  }
  return text + "%";
}

std::string PrintDelay(const Action& action) {
  return absl::StrCat(
      "delay(", PrintDuration(action.arg),
      action.arg2 > action.arg ? ".." + PrintDuration(action.arg2) : "", ")");
}

std::string PrintAnswer(int64_t rc) {
  const std::string name = ErrnoName(-rc);
  return rc < 0 && name != absl::StrCat(-rc) ? name : absl::StrCat(rc);
}

std::string PrintTerm(const Term& term) {
  std::string text =
      absl::StrCat(PrintConditions(term.conditions), PrintSelection(term),
                   PrintPercent(term.probability_ppm));
  if (term.times != kForEver) {
    absl::StrAppend(&text, term.times, "*");
  }
  return text + PrintAction(term.action);
}

}  // namespace

std::string PrintAction(const Action& action) {
  switch (action.kind) {
    case ActionKind::kNone:
      return "off";
    case ActionKind::kError:
      return action.arg == 0
                 ? "error"
                 : absl::StrCat("error(", ErrnoName(action.arg), ")");
    case ActionKind::kSignal:
      return absl::StrCat("signal(", SignalName(action.arg), ")");
    case ActionKind::kHold:
      return action.arg == 0
                 ? "hold"
                 : absl::StrCat("hold(", PrintDuration(action.arg), ")");
    case ActionKind::kYield:
      return action.arg == 1 ? "yield"
                             : absl::StrCat("yield(", action.arg, ")");
    case ActionKind::kDropCapability:
      return "drop_capability";
    case ActionKind::kTeardownKill:
      return "teardown(kill)";
    case ActionKind::kTeardownForce:
      return "teardown(force)";
    case ActionKind::kDelay:
      return PrintDelay(action);
    case ActionKind::kDrop:
      return "drop";
    case ActionKind::kDuplicate:
      return "duplicate";
    case ActionKind::kReorder:
      return action.arg == 1 ? "reorder"
                             : absl::StrCat("reorder(", action.arg, ")");
    case ActionKind::kCorrupt:
      return absl::StrCat("corrupt(", PrintAnswer(action.arg), ")");
    case ActionKind::kDisconnect:
      return "disconnect";
    case ActionKind::kCrash:
      return "crash";
  }
  return "off";
}

std::string PrintTrigger(const Trigger& trigger) {
  std::string text;
  for (const Term& term : trigger.terms) {
    absl::StrAppend(&text, text.empty() ? "" : " -> ", PrintTerm(term));
  }
  return text;
}

}  // namespace mmfault::faults
