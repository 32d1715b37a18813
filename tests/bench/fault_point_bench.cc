// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// fault_point_bench: a disarmed fault point against the least it could cost.
//
// The least is a predicted branch on a relaxed load of a variable that some
// other code may change. Both are passed in loops that are alike; the loop's
// own cost is part of both, as it would be in code.

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "server/kernel/point.h"
#include "server/notifier/protocols.h"
#include "tests/bench/bench_main.h"
#include "tests/support/world_fixture.h"

namespace mmfault::bench {
namespace {

constexpr int kPasses = 20000000;
constexpr int kRounds = 9;
constexpr double kBar = 2;

// What neither compiler may know about.
std::atomic<uint8_t> flag{0};

// Keeps a loop's iterations apart: none is hoisted or merged.
inline void Separate() { asm volatile("" ::: "memory"); }

[[gnu::noinline]] int PassBranches() {
  int taken = 0;
  for (int i = 0; i < kPasses; ++i) {
    if (flag.load(std::memory_order_relaxed) != 0) [[unlikely]] {
      ++taken;
    }
    Separate();
  }
  return taken;
}

// What `co_await FaultPoint(...)` runs when the point is disarmed: the frame is
// not touched and the task does not suspend.
[[gnu::noinline]] int PassPoints() {
  int taken = 0;
  for (int i = 0; i < kPasses; ++i) {
    kernel::FaultPoint point(faults::Point::kMmLockLock, 1);
    if (!point.await_ready()) [[unlikely]] {
      ++taken;
    }
    taken += point.await_resume();
    Separate();
  }
  return taken;
}

double NsPerPass(int (*pass)()) {
  const double seconds = SecondsOf([pass] {
    if (pass() != 0) {
      std::exit(1);  // nothing was armed
    }
  });
  return seconds * 1e9 / kPasses;
}

// Alternated: both see the same clock frequency.
void Measure(Report& report) {
  const testing_support::TestWorld world(*notifier::FindProtocol("6.1"));
  std::vector<double> branches;
  std::vector<double> points;
  std::vector<double> ratios;
  for (int round = 0; round < kRounds; ++round) {
    branches.push_back(NsPerPass(PassBranches));
    points.push_back(NsPerPass(PassPoints));
    ratios.push_back(points.back() / branches.back());
  }
  using Better = Report::Better;
  report.Add("fault.branch.ns", Median(branches), "ns", Better::kLower);
  report.Add("fault.disarmed.ns", Median(points), "ns", Better::kLower);
  report.Add("fault.disarmed.ratio", Median(ratios), "ratio", Better::kLower,
             kBar);
}

}  // namespace
}  // namespace mmfault::bench

int main(int argc, char** argv) {
  return mmfault::bench::BenchMain(
      argc, argv, "fault_point_bench",
      "Measures a disarmed fault point against a predicted branch.",
      mmfault::bench::Measure);
}
