// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "faults/term.h"

#include <array>
#include <bit>

namespace mmfault::faults {
namespace {

constexpr std::array<std::string_view, kVariableCount> kVariableNames = {
    "task",          "call",     "step",     "locks_held",
    "preempt_count", "mm_users", "mm_count", "map_count"};

constexpr uint64_t kMaskBits = 64;

// Hits after `hits` before the next one that `when` names.
uint64_t QuietHitsOf(const When& when, uint64_t hits) {
  if (hits >= when.last) {
    return kForEver;
  }
  uint64_t quiet = 0;
  if (hits + 1 < when.first) {
    quiet = when.first - hits - 1;
  } else if (const uint64_t into = (hits + 1 - when.first) % when.step;
             into != 0) {
    quiet = when.step - into;
  }
  return quiet > when.last - hits - 1 ? kForEver : quiet;
}

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

bool Compare(int64_t actual, Comparison comparison, int64_t value) {
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

bool Term::Selects(uint64_t hit) const {
  if (!when.Matches(hit)) {
    return false;
  }
  uint64_t place = when.PlaceOf(hit);
  if (mask != 0) {
    if (place > kMaskBits || (mask >> (place - 1) & 1) == 0) {
      return false;
    }
    place = static_cast<uint64_t>(std::popcount(mask << (kMaskBits - place)));
  }
  if (space > 1) {
    if (place < space) {
      return false;
    }
    place -= space - 1;
  }
  return interval <= 1 || place % interval == 0;
}

uint64_t Term::QuietHits(uint64_t hits) const {
  const uint64_t quiet = QuietHitsOf(when, hits);
  const bool plain = mask == 0 && space <= 1 && interval <= 1;
  if (plain || quiet == kForEver || Selects(hits + quiet + 1)) {
    return quiet;
  }
  // The next that `when` names is one of those that are let go by.
  const uint64_t more = QuietHitsOf(when, hits + quiet + 1);
  return more == kForEver ? kForEver : quiet + 1 + more;
}

}  // namespace mmfault::faults
