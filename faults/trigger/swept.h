// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// swept.h: which actions a sweep tries at a point, and of which sort they are.
//
// Actions are text, as a trigger has them, and canonical.

#ifndef MMFAULT_FAULTS_TRIGGER_SWEPT_H_
#define MMFAULT_FAULTS_TRIGGER_SWEPT_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "faults/points.h"

namespace mmfault::faults {

// What is tried when nobody says what: each error that can come from the point,
// SIGKILL, the loss of the capability, and both teardowns where an mm is at
// hand. Not what only changes who runs next: schedules do that.
std::vector<std::string> DefaultActions(Point point);

// Those that `wanted` asks for: an action's name stands for the defaults of
// that name, anything else for itself, wherever the point allows it. Empty
// means the defaults. Requires: CheckWantedAction() of each.
std::vector<std::string> ActionsAt(Point point,
                                   std::span<const std::string> wanted);

// Whether a word is the name of a default action or one action alone.
//
// Errors: kInvalidArgument, with the column of what is wrong.
absl::Status CheckWantedAction(const std::string& wanted);

// Sorts of faults, which a swarm turns on and off as a whole.
enum class Family : uint8_t {
  kAllocation = 0,  // an allocation fails
  kCapability = 1,  // the capability is lost, or denied
  kSignal = 2,
  kTeardown = 3,
  kSchedule = 4,  // who runs next, and when
  kMessage = 5,   // callbacks and their answers, on the way
};
inline constexpr int kFamilyCount = 6;

// `allocation`, `capability`, `signal`, `teardown`, `schedule`, `message`.
std::string_view FamilyName(Family family);

// Requires: an action that ActionsAt() has returned for the point.
Family FamilyOf(Point point, const std::string& action);

}  // namespace mmfault::faults

#endif  // MMFAULT_FAULTS_TRIGGER_SWEPT_H_
