// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// fault_point_bench: what a fault point costs, beside the least it could cost.
//
// The least is a predicted branch on a relaxed load of a variable that some
// other code may change. All are passed inside a coroutine, where fault points
// are, in loops that are alike, and all would suspend if they acted. An armed
// point has one rule whose hit never comes; libfiu's has one whose probability
// is 0.

#if MMFAULT_HAVE_LIBFIU
#define FIU_ENABLE
#include <fiu-control.h>
#include <fiu.h>
#endif

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "faults/trigger/rule.h"
#include "server/base/check.h"
#include "server/kernel/point.h"
#include "server/notifier/protocols.h"
#include "tests/bench/bench_main.h"
#include "tests/support/world_fixture.h"

namespace mmfault::bench {
namespace {

constexpr int kPasses = 20000000;
constexpr int kSlower = 20;  // fewer passes of what takes longer
constexpr int kRounds = 9;
constexpr char kNever[] = "when=9000000000000000000 yield";
constexpr double kDisarmedBar = 2;
constexpr double kArmedBar = 6;
constexpr double kManyBar = 2;
constexpr int kMany = 10000;
constexpr int kFew = 10;
constexpr char kNeverHere[] = "if(task==63) yield";
constexpr faults::Point kPassed = faults::Point::kMmLockLock;
constexpr faults::Point kOther = faults::Point::kKmalloc;

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
    co_await kernel::FaultPoint(kPassed, 1);
    Separate();
  }
}

sched::Task<> PassSomePoints(void* /*unused*/) {
  for (int i = 0; i < kPasses / kSlower; ++i) {
    co_await kernel::FaultPoint(kPassed, 1);
    Separate();
  }
}

#if MMFAULT_HAVE_LIBFIU
constexpr char kFiuName[] = "bench/point";
constexpr double kLibfiuBar = 1;

sched::Task<> PassLibfiu(void* /*unused*/) {
  for (int i = 0; i < kPasses / kSlower; ++i) {
    if (fiu_fail(kFiuName) != 0) [[unlikely]] {
      co_await kernel::Yield("bench");
    }
    Separate();
  }
}
#endif

using World = testing_support::TestWorld;

void Arm(World& world, faults::Point point, const std::string& trigger) {
  const absl::StatusOr<faults::Rule> rule =
      faults::MakeRule(faults::InfoOf(point).name, trigger);
  CHECK(rule.ok());
  world.get()->faults().Arm(*rule);
}

double NsPerPass(World& world, sched::TaskEntry pass, int passes = kPasses) {
  const double seconds = SecondsOf([&] { world.Do(pass, nullptr); });
  return seconds * 1e9 / passes;
}

// Two loops, alternated: both see the same clock frequency.
template <typename Below, typename Above>
void Compare(Report& report, const std::string& below_name,
             const std::string& name, double bar, Below below, Above above) {
  std::vector<double> floors;
  std::vector<double> costs;
  std::vector<double> ratios;
  for (int round = 0; round < kRounds; ++round) {
    floors.push_back(below());
    costs.push_back(above());
    ratios.push_back(costs.back() / floors.back());
  }
  using Better = Report::Better;
  if (!below_name.empty()) {
    report.Add(below_name + ".ns", Median(floors), "ns", Better::kLower);
  }
  report.Add(name + ".ns", Median(costs), "ns", Better::kLower);
  report.Add(name + ".ratio", Median(ratios), "ratio", Better::kLower, bar);
}

void MeasureBesideBranch(Report& report) {
  World world(*notifier::FindProtocol("6.1"));
  const auto branches = [&] { return NsPerPass(world, PassBranches); };
  const auto points = [&] { return NsPerPass(world, PassPoints); };
  Compare(report, "fault.branch", "fault.disarmed", kDisarmedBar, branches,
          points);
  Arm(world, kPassed, kNever);
  Compare(report, "", "fault.armed", kArmedBar, branches, points);
}

// A point that is armed, too, in worlds with few and with many rules elsewhere.
void MeasureManyRules(Report& report) {
  World few(*notifier::FindProtocol("6.1"));
  World many(*notifier::FindProtocol("6.1"));
  for (World* world : {&few, &many}) {
    // Evaluated at each pass: it asks for a task.
    Arm(*world, kPassed, kNeverHere);
    for (int i = 0; i < (world == &few ? kFew : kMany); ++i) {
      Arm(*world, kOther, kNever);
    }
  }
  Compare(
      report, "fault.rules10", "fault.rules10k", kManyBar,
      [&] { return NsPerPass(few, PassSomePoints, kPasses / kSlower); },
      [&] { return NsPerPass(many, PassSomePoints, kPasses / kSlower); });
}

#if MMFAULT_HAVE_LIBFIU
void MeasureBesideLibfiu(Report& report) {
  CHECK(fiu_init(0) == 0);
  CHECK(fiu_enable_random(kFiuName, 1, nullptr, 0, 0) == 0);
  World world(*notifier::FindProtocol("6.1"));
  Arm(world, kPassed, kNever);
  Compare(
      report, "fault.libfiu_armed", "fault.libfiu", kLibfiuBar,
      [&] { return NsPerPass(world, PassLibfiu, kPasses / kSlower); },
      [&] { return NsPerPass(world, PassPoints); });
}
#endif

void Measure(Report& report) {
  ShareFlag();
  MeasureBesideBranch(report);
  MeasureManyRules(report);
#if MMFAULT_HAVE_LIBFIU
  MeasureBesideLibfiu(report);
#endif
}

}  // namespace
}  // namespace mmfault::bench

int main(int argc, char** argv) {
  return mmfault::bench::BenchMain(
      argc, argv, "fault_point_bench",
      "Measures fault points against a predicted branch and libfiu.",
      mmfault::bench::Measure);
}
