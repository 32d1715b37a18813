// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// workers_bench: a search that several workers share.
//
// Two workers are measured: a scenario's DPOR with one and with two, wall time,
// the middle one of several rounds: a search that ends, and one that is cut by
// a number of steps, where what a worker did beyond the cut is lost. Beside
// them, what the machine has: two searches of one worker each, at once; and
// whether two have more to do than one, in CPU time. Eight are simulated, which
// needs no machine with so many cores: the race of race.h is searched once in
// the jobs that the protocol makes, each timed, and a model of eight workers
// takes them as real ones would.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "server/explore/job_book.h"
#include "server/explore/search.h"
#include "server/host/thread_crew.h"
#include "server/notifier/protocols.h"
#include "server/scenario/runner.h"
#include "tests/bench/bench_main.h"
#include "tests/bench/race.h"

namespace mmfault::bench {
namespace {

using Better = Report::Better;
using Clock = std::chrono::steady_clock;

constexpr char kScenario[] =
    "tests/scenarios/fast/walk_vs_unregister.textproto";
constexpr char kLeftOut[] = "zapper";  // with it no search ends soon
constexpr int64_t kSteps = 4'000'000;
constexpr int kPairs = 5;
constexpr size_t kSimulated = 8;
constexpr int kRounds = 3;  // of the race: some seconds

// --- Measured ----------------------------------------------------------------

v1::Scenario Load() {
  std::ifstream in(kScenario);
  std::stringstream text;
  text << in.rdbuf();
  auto scenario = scenario::ParseScenario(text.str(), kScenario);
  if (!scenario.ok()) {
    std::cerr << scenario.status().message() << "\n";
    std::exit(1);
  }
  scenario->mutable_explore()->set_strategy("dpor");
  scenario->mutable_explore()->set_exhaust(true);
  return *std::move(scenario);
}

struct Search {
  v1::Scenario scenario;
  const char* protocol;
};

// Ends: each step of each worker counts.
Search Whole() {
  v1::Scenario scenario = Load();
  auto* tasks = scenario.mutable_task();
  tasks->erase(
      std::remove_if(tasks->begin(), tasks->end(),
                     [](const auto& task) { return task.id() == kLeftOut; }),
      tasks->end());
  return {std::move(scenario), "v12"};
}

// Is cut: what a worker did beyond the cut is lost.
Search Cut() {
  v1::Scenario scenario = Load();
  scenario.mutable_explore()->set_search_step_budget(kSteps);
  return {std::move(scenario), "6.1"};
}

v1::CaseResult Run(const Search& search, int workers) {
  host::ThreadCrew crew(workers);
  scenario::CaseOptions options;
  options.crew = &crew;
  auto found = scenario::RunCase(
      search.scenario, *notifier::FindProtocol(search.protocol), options);
  if (!found.ok()) {
    std::cerr << found.status().message() << "\n";
    std::exit(1);
  }
  return *std::move(found);
}

struct Spent {
  double wall = 0;
  double cpu = 0;  // of all threads
};

Spent Spend(const std::function<void()>& work) {
  const std::clock_t cpu = std::clock();
  const Clock::time_point begin = Clock::now();
  work();
  const std::chrono::duration<double> wall = Clock::now() - begin;
  return {wall.count(),
          static_cast<double>(std::clock() - cpu) / CLOCKS_PER_SEC};
}

void MeasureTwo(Report& report, const std::string& name, const Search& search,
                std::optional<double> bar) {
  std::vector<double> speedups;
  std::vector<double> floors;
  std::vector<double> costs;
  for (int i = 0; i < kPairs; ++i) {
    std::string one;
    std::string two;
    const Spent alone = Spend([&] { one = Run(search, 1).DebugString(); });
    const Spent shared = Spend([&] { two = Run(search, 2).DebugString(); });
    const Spent apart = Spend([&] {
      std::thread other([&] { Run(search, 1); });
      Run(search, 1);
      other.join();
    });
    speedups.push_back(alone.wall / shared.wall);
    floors.push_back(2 * alone.wall / apart.wall);
    costs.push_back(shared.cpu / alone.cpu);
    if (one != two) {
      std::cerr << "workers_bench: two workers find something else\n";
      std::exit(1);
    }
  }
  report.Add(name + ".speedup", Median(speedups), "ratio", Better::kHigher,
             bar);
  report.Add(name + ".apart", Median(floors), "ratio", Better::kHigher);
  report.Add(name + ".cpu_ratio", Median(costs), "ratio", Better::kLower);
}

// --- Simulated ---------------------------------------------------------------

// A job as it was done: how long, and when it gave which others away.
struct Piece {
  explore::Job job;
  double seconds = 0;
  std::vector<std::pair<double, std::vector<size_t>>> gifts;
};

bool GoOn(sched::World* /*at*/, explore::End /*end*/,
          const explore::Schedule& /*schedule*/) {
  return true;
}

std::vector<Piece> Record() {
  const auto world = MakeRace(kRounds, kRounds);
  std::vector<Piece> pieces(1);
  for (size_t i = 0; i < pieces.size(); ++i) {
    const double begin = ThreadSeconds();
    explore::Sharing sharing;
    sharing.quota = explore::kStepsBeforeGift;
    sharing.give = [&](std::vector<explore::Job> jobs) {
      std::vector<size_t> given;
      for (explore::Job& job : jobs) {
        given.push_back(pieces.size());
        pieces.emplace_back().job = std::move(job);
      }
      pieces[i].gifts.emplace_back(ThreadSeconds() - begin, std::move(given));
    };
    const explore::Job job = pieces[i].job;
    explore::RunJob(world.get(), {}, job, sharing, GoOn);
    pieces[i].seconds = ThreadSeconds() - begin;
  }
  return pieces;
}

// When the last of the workers is done.
double Simulate(const std::vector<Piece>& pieces, size_t workers) {
  using Book = explore::JobBook<size_t, int>;
  Book book({0});
  struct Event {
    Book::Place place;
    const std::vector<size_t>* gift;  // null: the job ends
  };
  std::multimap<double, Event> events;
  size_t idle = workers;
  double now = 0;
  const auto take = [&] {
    Book::Place place;
    for (; idle > 0 && book.Take(&place); --idle) {
      const Piece& piece = pieces[place->job];
      for (const auto& [after, gift] : piece.gifts) {
        events.emplace(now + after, Event{place, &gift});
      }
      events.emplace(now + piece.seconds, Event{place, nullptr});
    }
  };
  for (take(); !events.empty(); take()) {
    const auto [at, event] = *events.begin();
    events.erase(events.begin());
    now = at;
    if (event.gift != nullptr) {
      book.Give(event.place, std::vector<size_t>(*event.gift));
      continue;
    }
    book.Finish(event.place, 0);
    ++idle;
    for (; book.FrontDone(); book.PopFront()) {
    }
  }
  return now;
}

void MeasureEight(Report& report) {
  const auto world = MakeRace(kRounds, kRounds);
  std::vector<double> efficiencies;
  std::vector<double> overheads;
  for (int i = 0; i < 3; ++i) {
    const double alone =
        SecondsOf([&] { explore::DporSearch(world.get(), {}, GoOn); });
    const std::vector<Piece> pieces = Record();
    efficiencies.push_back(alone / (kSimulated * Simulate(pieces, kSimulated)));
    overheads.push_back(Simulate(pieces, 1) / alone);
    std::cout << pieces.size() << " jobs, " << alone << " s alone\n";
  }
  report.Add("explore.workers8.efficiency", Median(efficiencies), "ratio",
             Better::kHigher, 0.9);
  report.Add("explore.sharing.cost_ratio", Median(overheads), "ratio",
             Better::kLower);
}

void Measure(Report& report) {
  MeasureTwo(report, "explore.workers2", Whole(), 1.8);
  MeasureTwo(report, "explore.workers2.cut", Cut(), std::nullopt);
  MeasureEight(report);
}

}  // namespace
}  // namespace mmfault::bench

int main(int argc, char** argv) {
  return mmfault::bench::BenchMain(
      argc, argv, "workers_bench",
      "Measures shared searches; runs in the repository's root.",
      mmfault::bench::Measure);
}
