// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// race_bench: the race of race.h, here and in SPIN, in one run on one machine.
//
// SPIN's time is pan alone, compiled before with -O2 -DSAFETY; ours has every
// check on. Both are CPU time. Without `spin` or a C compiler its rows are left
// out and said so.

#include <sys/resource.h>

#include <algorithm>
#include <coroutine>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <set>
#include <string>
#include <vector>

#include "server/base/prng.h"
#include "server/explore/search.h"
#include "tests/bench/bench_main.h"
#include "tests/bench/race.h"

namespace mmfault::bench {
namespace {

namespace fs = std::filesystem;
using Better = Report::Better;

constexpr char kModel[] = "tests/bench/spin/race.pml";
constexpr int kWalks = 100000;
constexpr int kRounds = 5;

struct Form {
  int a;
  int b;
};
constexpr Form kSmall = {1, 1};
constexpr Form kLarge = {2, 2};
constexpr Form kTenTimes = {3, 2};

using Engine = explore::SearchResult (*)(sched::World*,
                                         const explore::SearchOptions&,
                                         const explore::Visitor&);

explore::SearchResult Search(Form form, Engine engine, bool conditional,
                             std::set<std::string>* states) {
  const auto world = MakeRace(form.a, form.b);
  explore::SearchOptions options;
  options.conditional = conditional;
  return engine(world.get(), options,
                [states](sched::World* at, explore::End /*end*/,
                         const explore::Schedule& /*schedule*/) {
                  if (states != nullptr) {
                    states->insert(RaceState(*at));
                  }
                  return true;
                });
}

double ChildSeconds() {
  rusage usage;
  getrusage(RUSAGE_CHILDREN, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) /
             1e6;
}

bool Shell(const std::string& command) {
  return std::system(command.c_str()) == 0;  // NOLINT(concurrency-mt-unsafe)
}

class Spin {
 public:
  Spin() : folder_(fs::temp_directory_path() / "mmfault-spin-race") {
    fs::create_directories(folder_);
  }
  ~Spin() { fs::remove_all(folder_); }

  // False when there is no SPIN here.
  bool Build(Form form, const std::string& flags) {
    const std::string model = fs::absolute(kModel).string();
    const double before = ChildSeconds();
    const bool built =
        Shell("cd " + folder_.string() + " && spin -a -DROUNDS_A=" +
              std::to_string(form.a) + " -DROUNDS_B=" + std::to_string(form.b) +
              " " + model + " >/dev/null 2>&1 && cc -O2 -DSAFETY " + flags +
              " -o pan pan.c 2>/dev/null");
    if (built) {
      std::cout << "spin: compiled in " << ChildSeconds() - before << " s\n";
    }
    return built;
  }
  double Seconds() {
    const double before = ChildSeconds();
    Shell("cd " + folder_.string() + " && ./pan -m100000 -w27 >out 2>&1");
    return ChildSeconds() - before;
  }
  std::set<std::string> TerminalStates() {
    Seconds();
    std::set<std::string> states;
    std::ifstream in(folder_ / "out");
    for (std::string line; std::getline(in, line);) {
      const size_t at = line.find("END ");
      if (at != std::string::npos) {
        states.insert(line.substr(at + 4));
      }
    }
    return states;
  }

 private:
  fs::path folder_;
};

void CompareStates(Spin& spin) {
  std::set<std::string> ours;
  Search(kSmall, explore::DporSearch, true, &ours);
  if (!spin.Build(kSmall, "-DPRINTF")) {
    return;
  }
  if (spin.TerminalStates() != ours) {
    std::cerr << "race_bench: SPIN reaches other terminal states\n";
    std::exit(1);
  }
  std::cout << "spin: the same " << ours.size() << " terminal states\n";
}

double OurSeconds(Form form, Engine engine) {
  return LeastSeconds(1, 0, [&] {
    return SecondsOf([&] { Search(form, engine, true, nullptr); });
  });
}

void MeasureSpin(Report& report) {
  Spin spin;
  if (!spin.Build(kSmall, "")) {
    std::cout << "race_bench: no spin or no cc here; its rows are left out\n";
    return;
  }
  const double small = spin.Seconds();
  report.Add("explore.spin.time_ratio",
             small / OurSeconds(kSmall, explore::DporSearch), "ratio",
             Better::kHigher, 10);
  CompareStates(spin);
  spin.Build(kLarge, "");
  report.Add("explore.spin.large_time_ratio",
             spin.Seconds() / OurSeconds(kLarge, explore::DporSearch), "ratio",
             Better::kHigher);
  spin.Build(kTenTimes, "");
  report.Add("explore.spin.time_ratio_10x",
             spin.Seconds() / OurSeconds(kTenTimes, explore::StatefulSearch),
             "ratio", Better::kHigher, 1);
}

void MeasureReduction(Report& report) {
  const auto off = Search(kLarge, explore::DporSearch, false, nullptr);
  const auto on = Search(kLarge, explore::DporSearch, true, nullptr);
  report.Add(
      "explore.refcount.reduction",
      static_cast<double>(off.executions) / static_cast<double>(on.executions),
      "ratio", Better::kHigher, 4);
}

// Coroutines that do nothing, resumed in random order: what any walk must pay.
struct Idle {
  struct promise_type {
    Idle get_return_object() {
      return {std::coroutine_handle<promise_type>::from_promise(*this)};
    }
    std::suspend_always initial_suspend() { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() {}
  };
  std::coroutine_handle<promise_type> handle;
};

Idle Loop(uint64_t* value) {
  for (;;) {
    *value += 1;
    co_await std::suspend_always{};
    *value ^= 3;
    co_await std::suspend_always{};
    *value += 5;
    co_await std::suspend_always{};
  }
}

double FloorNs() {
  constexpr int kResumes = 5000000;
  uint64_t value = 0;
  std::vector<std::coroutine_handle<>> tasks;
  tasks.reserve(6);
  for (int i = 0; i < 6; ++i) {
    tasks.push_back(Loop(&value).handle);
  }
  base::Prng prng(1);
  const double seconds = SecondsOf([&] {
    for (int i = 0; i < kResumes; ++i) {
      tasks[prng.Below(6)].resume();
    }
  });
  for (const std::coroutine_handle<> task : tasks) {
    task.destroy();
  }
  return seconds * 1e9 / kResumes;
}

struct Walk {
  double seconds = 0;
  uint64_t steps = 0;
};

Walk WalkRace(bool lockdep) {
  const auto world = MakeRace(kSmall.a, kSmall.b, lockdep);
  const sched::World::Snapshot start = world->Save();
  Walk walk;
  walk.seconds = SecondsOf([&] {
    for (int i = 0; i < kWalks; ++i) {
      world->Restore(start);
      sched::UniformStrategy strategy(static_cast<uint64_t>(i));
      world->Run(&strategy, 100000);
      walk.steps += world->state().step_count;
    }
  });
  return walk;
}

// Each round measures all of them, so that what else the machine does hits all.
void MeasureWalk(Report& report) {
  std::vector<double> rates;
  std::vector<double> floors;
  std::vector<double> checks;
  for (int round = 0; round < kRounds; ++round) {
    const Walk with = WalkRace(true);
    const Walk without = WalkRace(false);
    rates.push_back(kWalks / with.seconds);
    floors.push_back(with.seconds * 1e9 / static_cast<double>(with.steps) /
                     FloorNs());
    checks.push_back(with.seconds / without.seconds);
  }
  report.Add("explore.random.exec_per_s", Median(rates), "1/s",
             Better::kHigher);
  report.Add("explore.random.vs_floor", Median(floors), "ratio", Better::kLower,
             3);
  report.Add("explore.checks.cost_ratio", Median(checks), "ratio",
             Better::kLower);
}

void Measure(Report& report) {
  MeasureWalk(report);
  MeasureReduction(report);
  MeasureSpin(report);
}

}  // namespace
}  // namespace mmfault::bench

int main(int argc, char** argv) {
  return mmfault::bench::BenchMain(
      argc, argv, "race_bench",
      "Measures the explorer beside SPIN; runs in the repository's root.",
      mmfault::bench::Measure);
}
