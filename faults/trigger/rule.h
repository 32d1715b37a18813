// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// rule.h: rules from text: a point's name and a trigger.
//
// What a caller outside may ask for is checked here and nowhere else. Filters
// (task, mm) are the caller's to fill in: names of tasks are not known here.

#ifndef MMFAULT_FAULTS_TRIGGER_RULE_H_
#define MMFAULT_FAULTS_TRIGGER_RULE_H_

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "faults/registry.h"
#include "faults/trigger/trigger.h"

namespace mmfault::faults {

// The point of that name.
//
// Errors: kNotFound: unknown; the message has the nearest known name.
absl::StatusOr<Point> PointNamed(std::string_view name);

// Whether the action means something at the point: `hold`, `yield` and `delay`
// where a task can stop; `drop`, `duplicate` and `reorder` where a callback or
// its answer is on its way, `corrupt` for the answer; `disconnect` where there
// is a notifier; `error` where errors come from. All others anywhere.
bool Allows(Point point, ActionKind kind);

// Whether the point has the trigger's actions: as Allows(), and `error(E)` only
// with an error that can come from there.
//
// Errors: kInvalidArgument, without a column.
absl::Status CheckAllowed(Point point, const Trigger& trigger);

// Gives every `error` that names none the only one that the point has.
//
// Errors: kInvalidArgument: the point has none, or several; without a column.
absl::Status SetErrors(Point point, Trigger* trigger);

// A rule ready to be armed.
//
// Errors: kNotFound as PointNamed(); kInvalidArgument: the trigger does not
// parse (ColumnOf() is above 0), or the point does not have its action (0).
absl::StatusOr<Rule> MakeRule(std::string_view point, std::string_view trigger);

// The rule of a sweep at its k-th hit: acts there and only there. The trigger
// must be one action alone, without if, when, p% or n*.
//
// Errors: as MakeRule(); kInvalidArgument: the trigger says more than an
// action. Requires: hit >= 1.
absl::StatusOr<Rule> MakeSweepRule(std::string_view point,
                                   std::string_view trigger, uint64_t hit);

}  // namespace mmfault::faults

#endif  // MMFAULT_FAULTS_TRIGGER_RULE_H_
