// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Seeds must mean the same everywhere, for ever: the values are pinned.

#include "server/base/prng.h"

#include <array>

#include "gtest/gtest.h"
#include "server/base/check.h"

namespace mmfault::base {
namespace {

// The first outputs of SplitMix64 for seed 0, as published with its paper.
TEST(PrngTest, IsSplitMix64) {
  Prng prng(0);
  EXPECT_EQ(prng.Next(), 0xe220a8397b1dcdafU);
  EXPECT_EQ(prng.Next(), 0x6e789e6aa1b965f4U);
  EXPECT_EQ(prng.Next(), 0x06c45d188009454fU);
}

TEST(PrngTest, BelowStaysInRangeAndReachesAll) {
  Prng prng(1);
  std::array<int, 7> seen = {};
  for (int i = 0; i < 7000; ++i) {
    const uint32_t draw = prng.Below(7);
    ASSERT_LT(draw, 7U);
    seen[draw] += 1;
  }
  for (const int count : seen) {
    EXPECT_GT(count, 850);  // 1000 expected; 5 standard deviations are 146
    EXPECT_LT(count, 1150);
  }
  EXPECT_EQ(prng.Below(1), 0U);
}

TEST(HashStepTest, OrderMatters) {
  EXPECT_NE(HashStep(HashStep(0, 1), 2), HashStep(HashStep(0, 2), 1));
  EXPECT_NE(HashStep(0, 0), 0U);
}

TEST(CheckDeathTest, NamesTheConditionAndTheRun) {
  ThreadReplayContext().scenario = "sample";
  ThreadReplayContext().seed = 77;
  EXPECT_DEATH(CHECK(1 + 1 == 3), "1 \\+ 1 == 3(.|\n)*sample(.|\n)*77");
  ThreadReplayContext() = {};
}

}  // namespace
}  // namespace mmfault::base
