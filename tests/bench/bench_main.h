// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// bench_main.h: main() of a program that measures the engine in this process.
//
// The engine runs on one thread and waits for nothing, so its time is the
// thread's CPU time: what others do on the machine then costs cache misses and
// no more. Where a thing is measured several times, the least counts: every
// disturbance adds.
//
// Threads: one.

#ifndef MMFAULT_TESTS_BENCH_BENCH_MAIN_H_
#define MMFAULT_TESTS_BENCH_BENCH_MAIN_H_

#include <functional>

#include "tests/bench/report.h"

namespace mmfault::bench {

// CPU time of the calling thread so far. Unit: seconds.
double ThreadSeconds();

// The CPU time of one call. Unit: seconds.
double SecondsOf(const std::function<void()>& work);

// Calls `work`, which returns the seconds of what matters in it, `least` times
// and then until `budget_seconds` of those are spent. Returns the smallest.
double LeastSeconds(int least, double budget_seconds,
                    const std::function<double()>& work);

// Takes --json FILE, measures, writes. The exit code for main().
int BenchMain(int argc, char** argv, const char* name, const char* about,
              void (*measure)(Report& report));

}  // namespace mmfault::bench

#endif  // MMFAULT_TESTS_BENCH_BENCH_MAIN_H_
