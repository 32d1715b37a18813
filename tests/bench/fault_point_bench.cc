// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// fault_point_bench: a disarmed fault point against the least it could cost.
//
// The least is a predicted branch on a relaxed load of a variable that some
// other code may change. Both are passed inside a coroutine, where fault points
// are, in loops that are alike, and both would suspend if they acted.

#include <atomic>
#include <cstdint>
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

std::atomic<uint8_t> flag{0};

// From here on the compiler must take `flag` for a variable that others change.
void ShareFlag() { asm volatile("" : : "r"(&flag) : "memory"); }

// Keeps a loop's iterations apart: none is hoisted or merged.
inline void Separate() { asm volatile("" ::: "memory"); }

sched::Task<> PassBranches(void* /*unused*/) {
  for (int i = 0; i < kPasses; ++i) {
    if (flag.load(std::memory_order_relaxed) != 0) [[unlikely]] {
      co_await kernel::Yield("bench");
    }
    Separate();
  }
}

sched::Task<> PassPoints(void* /*unused*/) {
  for (int i = 0; i < kPasses; ++i) {
    co_await kernel::FaultPoint(faults::Point::kMmLockLock, 1);
    Separate();
  }
}

double NsPerPass(testing_support::TestWorld& world, sched::TaskEntry pass) {
  const double seconds = SecondsOf([&] { world.Do(pass, nullptr); });
  return seconds * 1e9 / kPasses;
}

// Alternated: both see the same clock frequency.
void Measure(Report& report) {
  testing_support::TestWorld world(*notifier::FindProtocol("6.1"));
  ShareFlag();
  std::vector<double> branches;
  std::vector<double> points;
  std::vector<double> ratios;
  for (int round = 0; round < kRounds; ++round) {
    branches.push_back(NsPerPass(world, PassBranches));
    points.push_back(NsPerPass(world, PassPoints));
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
