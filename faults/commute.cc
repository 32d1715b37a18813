// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "faults/commute.h"

#include <algorithm>

namespace mmfault::faults {
namespace {

// Acts at each hit or at none, however many there have been.
bool CountsNothing(const Term& term) {
  return term.when == When() && term.mask == 0 && term.space <= 1 &&
         term.interval <= 1 && term.probability_ppm == kAlwaysPpm &&
         term.times == kForEver;
}

bool IsAboutTheTask(const Condition& condition) {
  switch (condition.variable) {
    case Variable::kTask:
    case Variable::kCall:
    case Variable::kLocksHeld:
    case Variable::kPreemptCount:
      return true;
    default:
      return false;
  }
}

// Others learn of it by the ops of later steps only.
bool IsDoneToTheTask(const Action& action) {
  switch (action.kind) {
    case ActionKind::kTeardownKill:
    case ActionKind::kTeardownForce:
    case ActionKind::kDuplicate:
    case ActionKind::kReorder:
    case ActionKind::kDisconnect:
      return false;
    default:
      return true;
  }
}

}  // namespace

bool LetsStepsCommute(const Rule& rule, bool one_task) {
  const bool acts = std::any_of(
      rule.terms.begin(), rule.terms.end(),
      [](const Term& term) { return term.action.kind != ActionKind::kNone; });
  if (!acts) {
    return true;
  }
  return !IsEveryStep(rule.point) &&
         std::all_of(rule.terms.begin(), rule.terms.end(),
                     [one_task](const Term& term) {
                       return (one_task || CountsNothing(term)) &&
                              IsDoneToTheTask(term.action) &&
                              std::all_of(term.conditions.begin(),
                                          term.conditions.end(),
                                          IsAboutTheTask);
                     });
}

}  // namespace mmfault::faults
