// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/explore/coverage.h"

#include <algorithm>

namespace mmfault::explore {
namespace {

// The operation, the same in every build.
uint64_t OperationOf(const Footprint& step) {
  uint64_t hash = base::HashStep(static_cast<uint64_t>(step.kind),
                                 static_cast<uint64_t>(step.task));
  hash = base::HashStep(hash, static_cast<uint64_t>(step.obj.type()));
  for (const char* c = step.where; *c != '\0'; ++c) {
    hash = base::HashStep(hash, static_cast<uint64_t>(*c));
  }
  return hash;
}

}  // namespace

void Coverage::Keep(const Footprint& older, const Footprint& newer) {
  const uint64_t first = OperationOf(older);
  const uint64_t second = OperationOf(newer);
  const bool ascends = first < second;
  const uint64_t key =
      ascends ? base::HashStep(first, second) : base::HashStep(second, first);
  pairs_[key] |= ascends ? 1 : 2;
}

void Coverage::Add(const Coverage& other) {
  // tidy: allow(determinism: the sum is the same in any order)
  for (const auto& [key, orders] : other.pairs_) {
    pairs_[key] |= orders;
  }
}

size_t Coverage::both_count() const {
  return static_cast<size_t>(
      std::count_if(pairs_.begin(), pairs_.end(),
                    [](const auto& pair) { return pair.second == 3; }));
}

}  // namespace mmfault::explore
