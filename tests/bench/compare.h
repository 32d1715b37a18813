// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// compare.h: two servers under the same load, on a machine that others use.
//
// Both servers run all the time. A round is made of short slices in the order
// A B, B A, A B, ..., so that other work on the machine hits both; there are
// five rounds, and the ratio is the median of the rounds' ratios.
//
// Threads: one.

#ifndef MMFAULT_TESTS_BENCH_COMPARE_H_
#define MMFAULT_TESTS_BENCH_COMPARE_H_

#include <chrono>
#include <functional>

#include "tests/bench/load.h"

namespace mmfault::bench {

inline constexpr int kRounds = 5;
inline constexpr int kSlicesPerRound = 6;
// Connections and threads are warm after the first slice.
inline constexpr std::chrono::milliseconds kSliceWarmup{40};

// One slice against one server.
using Measure = std::function<LoadResult()>;

struct Comparison {
  double a_per_second = 0;  // Medians over the rounds.
  double b_per_second = 0;
  double ratio = 0;  // B / A, the median of the rounds' ratios.
};

// The options of a slice, when each server is measured for `round` in a round.
LoadOptions SliceOptions(int in_flight, std::chrono::milliseconds round);

// Exits with 1, after saying why, when a call or a stream failed: a rate with
// failures in it means nothing.
Comparison Alternate(const Measure& a, const Measure& b);

}  // namespace mmfault::bench

#endif  // MMFAULT_TESTS_BENCH_COMPARE_H_
