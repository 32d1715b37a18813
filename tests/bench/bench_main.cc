// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/bench_main.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <ctime>
#include <iostream>
#include <limits>
#include <string>

namespace mmfault::bench {

double ThreadSeconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) +
         static_cast<double>(now.tv_nsec) * 1e-9;
}

double SecondsOf(const std::function<void()>& work) {
  const double begin = ThreadSeconds();
  work();
  return ThreadSeconds() - begin;
}

double LeastSeconds(int least, double budget_seconds,
                    const std::function<double()>& work) {
  double best = std::numeric_limits<double>::infinity();
  double spent = 0;
  for (int i = 0; i < least || spent < budget_seconds; ++i) {
    const double seconds = work();
    best = std::min(best, seconds);
    spent += seconds;
  }
  return best;
}

int BenchMain(int argc, char** argv, const char* name, const char* about,
              void (*measure)(Report& report)) {
  CLI::App app(about, name);
  std::string json;
  app.add_option("--json", json, "Write the results there");
  CLI11_PARSE(app, argc, argv);
  Report report;
  measure(report);
  if (!json.empty() && !report.WriteJson(json)) {
    std::cerr << "cannot write " << json << "\n";
    return 1;
  }
  return 0;
}

}  // namespace mmfault::bench
