// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// explore_bench: schedules per second of the random walk.
//
// One scenario, a registration against a truncate under v11, with every checker
// on, as `mmfault run` runs it. No bar: what to watch when the engine changes.

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>

#include "server/notifier/protocols.h"
#include "server/scenario/runner.h"
#include "tests/bench/bench_main.h"

namespace mmfault::bench {
namespace {

constexpr char kScenario[] =
    "tests/scenarios/fast/register_vs_truncate.textproto";
constexpr int64_t kSchedules = 20000;
constexpr int kRounds = 5;

v1::Scenario Load() {
  std::ifstream in(kScenario);
  std::stringstream text;
  text << in.rdbuf();
  const auto scenario = scenario::ParseScenario(text.str(), kScenario);
  if (!scenario.ok()) {
    std::cerr << scenario.status().message() << "\n";
    std::exit(1);
  }
  return *scenario;
}

void Measure(Report& report) {
  const v1::Scenario scenario = Load();
  const notifier::Protocol* protocol = notifier::FindProtocol("v11");
  scenario::CaseOptions options;
  options.schedule_count = kSchedules;
  options.exhaust = true;
  int64_t step_count = 0;
  const double seconds = LeastSeconds(kRounds, 0, [&] {
    return SecondsOf([&] {
      const auto result = scenario::RunCase(scenario, *protocol, options);
      if (!result.ok() || result->schedule_count() != kSchedules) {
        std::cerr << "the scenario did not run\n";
        std::exit(1);
      }
      step_count = result->step_count();
    });
  });
  using Better = Report::Better;
  report.Add("explore.random.schedules_per_s", kSchedules / seconds, "1/s",
             Better::kHigher);
  report.Add("explore.random.steps_per_s",
             static_cast<double>(step_count) / seconds, "1/s", Better::kHigher);
}

}  // namespace
}  // namespace mmfault::bench

int main(int argc, char** argv) {
  return mmfault::bench::BenchMain(
      argc, argv, "explore_bench",
      "Measures the random walk; runs in the repository's root.",
      mmfault::bench::Measure);
}
