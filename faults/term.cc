// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "faults/term.h"

#include <array>

namespace mmfault::faults {
namespace {

constexpr std::array<std::string_view, kVariableCount> kVariableNames = {
    "task",          "call",     "step",     "locks_held",
    "preempt_count", "mm_users", "mm_count", "map_count"};

}  // namespace

std::string_view VariableName(Variable variable) {
  return kVariableNames[static_cast<size_t>(variable)];
}

std::optional<Variable> FindVariable(std::string_view name) {
  for (size_t i = 0; i < kVariableNames.size(); ++i) {
    if (kVariableNames[i] == name) {
      return static_cast<Variable>(i);
    }
  }
  return std::nullopt;
}

bool Condition::HoldsFor(int64_t actual) const {
  switch (comparison) {
    case Comparison::kEqual:
      return actual == value;
    case Comparison::kNotEqual:
      return actual != value;
    case Comparison::kLess:
      return actual < value;
    case Comparison::kLessOrEqual:
      return actual <= value;
    case Comparison::kGreater:
      return actual > value;
    case Comparison::kGreaterOrEqual:
      return actual >= value;
  }
  return false;
}

}  // namespace mmfault::faults
