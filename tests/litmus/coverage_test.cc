// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: pairs of conflicting operations are counted as the comment of
// explore/coverage.h says. Method: models of a few lines, counted by hand.

#include "server/explore/coverage.h"

#include "gtest/gtest.h"
#include "server/explore/search.h"
#include "tests/litmus/generated_models.h"

namespace mmfault::litmus {
namespace {

using explore::Coverage;
using I = Instruction;

struct Pairs {
  size_t seen = 0;
  size_t both = 0;
  bool operator==(const Pairs&) const = default;
};

void PrintTo(const Pairs& pairs, std::ostream* out) {
  *out << pairs.both << " of " << pairs.seen;
}

Pairs Explore(const Model& model, uint64_t executions = UINT64_MAX) {
  const auto world = MakeWorld(model);
  Coverage coverage;
  explore::SearchOptions options;
  options.coverage = &coverage;
  options.budget.executions = executions;
  explore::DporSearch(
      world->get(), options,
      [](sched::World* /*at*/, explore::End /*end*/,
         const explore::Schedule& /*schedule*/) { return true; });
  return {coverage.pair_count(), coverage.both_count()};
}

TEST(CoverageTest, AStoreAndALoadOfOneCellAreAPair) {
  EXPECT_EQ(Explore({{{{I::kStore}}, {{I::kLoad}}}}), (Pairs{1, 1}));
}

TEST(CoverageTest, ACutSearchHasSeenOneOrder) {
  EXPECT_EQ(Explore({{{{I::kStore}}, {{I::kLoad}}}}, 1), (Pairs{1, 0}));
}

TEST(CoverageTest, WhatCommutesOrIsElsewhereIsNone) {
  EXPECT_EQ(Explore({{{{I::kLoad}}, {{I::kLoad}}}}), (Pairs{0, 0}));
  EXPECT_EQ(Explore({{{{I::kStore, 0}}, {{I::kStore, 1}}}}), (Pairs{0, 0}));
}

TEST(CoverageTest, EachPairOfTasksCounts) {
  EXPECT_EQ(Explore({{{{I::kStore}}, {{I::kStore}}, {{I::kStore}}}}),
            (Pairs{3, 3}));
}

// The locks; what they protect is ordered by them.
TEST(CoverageTest, UnderALockOnlyTheLocksAreAPair) {
  EXPECT_EQ(Explore({{{{I::kLock}, {I::kStore}, {I::kUnlock}},
                      {{I::kLock}, {I::kStore}, {I::kUnlock}}}}),
            (Pairs{1, 1}));
}

// With 3 users two puts cannot reach 0; with 2, either may be the last.
TEST(CoverageTest, CountsConflictNearZeroOnly) {
  EXPECT_EQ(Explore({{{{I::kPut}}, {{I::kPut}}}, 3}), (Pairs{0, 0}));
  EXPECT_EQ(Explore({{{{I::kPut}}, {{I::kPut}}}, 2}), (Pairs{1, 1}));
}

}  // namespace
}  // namespace mmfault::litmus
