// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/compare.h"

#include <cstdlib>
#include <iostream>
#include <utility>
#include <vector>

#include "tests/bench/report.h"

namespace mmfault::bench {
namespace {

double RateOf(const Measure& measure) {
  const LoadResult result = measure();
  if (result.failed_count != 0) {
    std::cerr << result.failed_count << " failed: " << result.first_error
              << "\n";
    std::exit(1);
  }
  return result.per_second;
}

// One round: the mean rates over its slices.
std::pair<double, double> RunRound(const Measure& a, const Measure& b) {
  double sum_a = 0;
  double sum_b = 0;
  for (int slice = 0; slice < kSlicesPerRound; ++slice) {
    const bool a_first = slice % 2 == 0;
    if (a_first) sum_a += RateOf(a);
    sum_b += RateOf(b);
    if (!a_first) sum_a += RateOf(a);
  }
  return {sum_a / kSlicesPerRound, sum_b / kSlicesPerRound};
}

}  // namespace

LoadOptions SliceOptions(int in_flight, std::chrono::milliseconds round) {
  return {.in_flight = in_flight,
          .warmup = kSliceWarmup,
          .duration = round / kSlicesPerRound};
}

Comparison Alternate(const Measure& a, const Measure& b) {
  std::vector<double> rates_a;
  std::vector<double> rates_b;
  std::vector<double> ratios;
  for (int round = 0; round < kRounds; ++round) {
    const auto [rate_a, rate_b] = RunRound(a, b);
    rates_a.push_back(rate_a);
    rates_b.push_back(rate_b);
    ratios.push_back(rate_b / rate_a);
  }
  return {Median(rates_a), Median(rates_b), Median(ratios)};
}

}  // namespace mmfault::bench
