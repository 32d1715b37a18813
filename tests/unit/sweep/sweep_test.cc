// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// A sweep's cells: complete, in one order, whatever the shards and wherever it
// was cut; a planted mistake that one fault shows is found, and its fixed twin
// is not accused.

#include "server/sweep/sweep.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "server/base/error.h"
#include "server/notifier/protocols.h"
#include "server/scenario/runner.h"

namespace mmfault::sweep {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using v1::SweepCell;

constexpr char kScenario[] = R"pb(
  id: "swept"
  protocols: "6.1"
  file { id: "f" size_pages: 4 }
  mm {
    id: "m0"
    vma {
      start: 0x10000
      end: 0x12000
      anonymous {}
      anon_vma: true
      populated: true
    }
    vma {
      start: 0x20000
      end: 0x22000
      file { file: "f" shared: true }
    }
  }
  task {
    id: "driver"
    mm: "m0"
    step {
      register { notifier: "n0" }
      label: "reg"
    }
    step {
      unregister { notifier: "n0" }
      only_if { step: "reg" rc: 0 }
    }
  }
  task {
    id: "user"
    mm: "m0"
    step { madvise { range { start: 0x10000 end: 0x12000 } } }
  }
)pb";

struct Swept {
  std::vector<v1::SweepCase> cases;
  std::vector<SweepCell> cells;
};

struct Asked {
  std::string protocol = "6.1";
  std::string mutant = "";
  bool has_sweeps = false;  // the scenario
  v1::SweepOptions options = {};
  Shard shard = {};
  const SweepCell* after = nullptr;
  int most = -1;  // cells until the sweep is ended
  scenario::Crew* crew = nullptr;
};

absl::Status Sweep(const Asked& asked, Swept* out) {
  auto scenario = scenario::ParseScenario(kScenario, "swept.textproto");
  EXPECT_TRUE(scenario.ok()) << scenario.status().message();
  if (!asked.mutant.empty()) {
    scenario->add_mutants(asked.mutant);
  }
  if (asked.has_sweeps) {
    v1::FaultRule& swept = *scenario->add_sweep()->mutable_fault();
    swept.set_point("notifier/mm_lock/lock");
    swept.set_trigger("signal(SIGUSR1)");
  }
  CaseInput input;
  input.scenario = &*scenario;
  input.protocol = notifier::FindProtocol(asked.protocol);
  input.file = "swept.textproto";
  input.crew = asked.crew;
  std::atomic<int> told = 0;
  Listener listener;
  listener.on_case = [out](const v1::SweepCase& c) { out->cases.push_back(c); };
  listener.on_cell = [out, &told](SweepCell cell) {
    out->cells.push_back(std::move(cell));
    ++told;
  };
  listener.goes_on = [&told, &asked] {
    return asked.most < 0 || told < asked.most;
  };
  return RunSweep(input, asked.options, asked.shard, asked.after, listener);
}

Swept SweepAll(const Asked& asked) {
  Swept out;
  const absl::Status status = Sweep(asked, &out);
  EXPECT_TRUE(status.ok()) << status.message();
  return out;
}

std::vector<std::string> Texts(const std::vector<SweepCell>& cells) {
  std::vector<std::string> texts;
  texts.reserve(cells.size());
  for (const SweepCell& cell : cells) {
    texts.push_back(cell.ShortDebugString());
  }
  return texts;
}

v1::SweepOptions Few() {
  v1::SweepOptions options;
  options.add_points("notifier/mm_lock");
  options.add_points("notifier/register");
  options.set_schedule_count(3);
  return options;
}

// As many cells with an effect as the point has passes, and one behind them.
TEST(SweepTest, EveryHitOfEveryActionUntilThereIsNone) {
  const Swept swept = SweepAll({});
  ASSERT_EQ(swept.cases.size(), 1U);
  std::map<std::string, int64_t> fired;
  std::map<std::string, int64_t> not_fired;
  for (const SweepCell& cell : swept.cells) {
    if (cell.kind() != SweepCell::KIND_SINGLE) {
      continue;
    }
    const v1::SweptFault& fault = cell.faults(0);
    const std::string chain = fault.point() + " " + fault.action();
    const bool none = cell.outcome() == SweepCell::OUTCOME_NOT_FIRED;
    ++(none ? not_fired : fired)[chain];
    EXPECT_EQ(fault.hit(), fired[chain] + not_fired[chain]);
    EXPECT_EQ(cell.fired_schedule_count() == 0, none);
  }
  int64_t chains = 0;
  for (const v1::SweepPoint& point : swept.cases[0].points()) {
    for (const std::string& action : point.actions()) {
      const std::string chain = point.point() + " " + action;
      EXPECT_EQ(fired[chain], point.hit_count()) << chain;
      EXPECT_EQ(not_fired[chain], point.hit_count() == 0 ? 0 : 1) << chain;
      chains += point.hit_count() == 0 ? 0 : 1;
    }
  }
  EXPECT_GT(chains, 20);
  EXPECT_EQ(swept.cases[0].group_count(), chains + 1);
  EXPECT_EQ(swept.cells[0].kind(), SweepCell::KIND_FAULT_FREE);
}

TEST(SweepTest, FaultFreeCellIsTheScenarioAsItIs) {
  const auto scenario = scenario::ParseScenario(kScenario, "swept.textproto");
  scenario::CaseOptions options;
  options.schedule_count = 3;
  const auto plain =
      scenario::RunCase(*scenario, *notifier::FindProtocol("6.1"), options);
  ASSERT_TRUE(plain.ok());
  const Swept swept = SweepAll({.options = Few()});
  EXPECT_EQ(swept.cells[0].event_hash(), plain->event_hash());
}

TEST(SweepTest, OneInputOneSequence) {
  v1::SweepOptions options = Few();
  options.set_pair_count(40);
  options.set_swarm_count(5);
  EXPECT_EQ(Texts(SweepAll({.options = options}).cells),
            Texts(SweepAll({.options = options}).cells));
}

TEST(SweepTest, ShardsAreTheWhole) {
  v1::SweepOptions options = Few();
  options.set_pair_count(20);
  options.set_swarm_count(3);
  const Swept whole = SweepAll({.options = options});
  std::vector<std::string> parts;
  for (int64_t i = 0; i < 3; ++i) {
    const Swept part =
        SweepAll({.options = options, .shard = {.index = i, .count = 3}});
    EXPECT_LT(part.cells.size(), whole.cells.size() * 2 / 3);
    const std::vector<std::string> texts = Texts(part.cells);
    parts.insert(parts.end(), texts.begin(), texts.end());
  }
  EXPECT_THAT(parts, ::testing::UnorderedElementsAreArray(Texts(whole.cells)));
}

TEST(SweepTest, GoesOnBehindAnyCell) {
  v1::SweepOptions options = Few();
  options.set_pair_count(5);
  options.set_swarm_count(2);
  options.set_max_hit(2);
  const Swept whole = SweepAll({.options = options});
  const std::vector<std::string> all = Texts(whole.cells);
  for (size_t i = 0; i < whole.cells.size(); ++i) {
    const Swept rest = SweepAll({.options = options, .after = &whole.cells[i]});
    const std::vector<std::string> behind(
        all.begin() + static_cast<int64_t>(i) + 1, all.end());
    ASSERT_EQ(Texts(rest.cells), behind) << i;
  }
}

TEST(SweepTest, EndsWhenItIsTold) {
  Swept out;
  const absl::Status status = Sweep({.options = Few(), .most = 4}, &out);
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(out.cells.size(), 4U);
}

TEST(SweepTest, AChainThatIsCutSaysSo) {
  v1::SweepOptions options;
  options.add_points("notifier/mm_lock/lock");
  options.add_actions("signal");
  options.set_max_hit(1);
  const Swept swept = SweepAll({.options = options});
  ASSERT_EQ(swept.cells.size(), 3U);
  EXPECT_EQ(swept.cells[2].outcome(), SweepCell::OUTCOME_INCONCLUSIVE);
  EXPECT_EQ(swept.cells[2].inconclusive_cause(), "the sweep was cut at hit 1");
}

// Nothing is wrong until a signal comes while the locks are taken.
TEST(SweepTest, FindsAMistakeThatOneFaultShows) {
  v1::SweepOptions options;
  options.add_points("notifier/mm_lock/lock");
  options.add_actions("signal");
  for (const char* mutant : {"", "rollback_forgets_locks"}) {
    const Swept swept = SweepAll(
        {.protocol = "seed_flags", .mutant = mutant, .options = options});
    EXPECT_EQ(swept.cells[0].outcome(), SweepCell::OUTCOME_HOLDS);
    std::vector<std::string> lines;
    for (const SweepCell& cell : swept.cells) {
      for (const v1::SweepFinding& finding : cell.findings()) {
        lines.push_back(finding.violation().replay_line());
        EXPECT_TRUE(finding.violation().divergence().differs());
        EXPECT_FALSE(finding.violation().divergence().twin_violates());
        EXPECT_EQ(finding.violation().faults_fired_size(), 1);
      }
    }
    EXPECT_EQ(lines.empty(), std::string(mutant).empty());
    if (!lines.empty()) {
      EXPECT_THAT(lines,
                  Contains(HasSubstr(
                      "mmfault replay swept.textproto --protocol seed_flags")));
      EXPECT_THAT(lines,
                  Contains(HasSubstr(" --mutant rollback_forgets_locks --fault "
                                     "'notifier/mm_lock/lock: when=1 "
                                     "signal(SIGKILL)'")));
    }
  }
}

// A line shows the cell and nothing else of the file.
TEST(SweepTest, ALineIsOfOneExecution) {
  v1::SweepOptions options;
  options.add_points("notifier/mm_lock/lock");
  options.add_actions("signal");
  const Asked asked = {.protocol = "seed_flags",
                       .mutant = "unlock_forgets_bit",
                       .options = options};
  Asked with_sweeps = asked;
  with_sweeps.has_sweeps = true;
  const Swept swept = SweepAll(with_sweeps);
  EXPECT_EQ(Texts(swept.cells), Texts(SweepAll(asked).cells));
  const SweepCell& fault_free = swept.cells[0];
  ASSERT_NE(fault_free.findings_size(), 0);
  EXPECT_EQ(fault_free.findings(0).violation().replay_line(),
            "mmfault replay swept.textproto --protocol seed_flags --seed 1 "
            "--mutant unlock_forgets_bit");
}

TEST(SweepTest, APairNeedsBoth) {
  v1::SweepOptions options = Few();
  options.set_pair_count(1000000);
  const Swept swept = SweepAll({.options = options});
  int64_t fired = 0;
  int64_t not_fired = 0;
  for (const SweepCell& cell : swept.cells) {
    if (cell.kind() == SweepCell::KIND_PAIR) {
      ASSERT_EQ(cell.faults_size(), 2);
      EXPECT_TRUE(cell.faults(0).point() != cell.faults(1).point() ||
                  cell.faults(0).hit() != cell.faults(1).hit());
      const bool none = cell.outcome() == SweepCell::OUTCOME_NOT_FIRED;
      ++(none ? not_fired : fired);
    }
  }
  // After SIGKILL at the first lock nobody comes to the second.
  EXPECT_GT(fired, 100);
  EXPECT_GT(not_fired, 0);
}

TEST(SweepTest, WhatTheProtocolHasNotHasNoCells) {
  const Swept swept = SweepAll({.protocol = "emm_v1", .options = Few()});
  ASSERT_EQ(swept.cases.size(), 1U);
  EXPECT_FALSE(swept.cases[0].applicable());
  EXPECT_TRUE(swept.cells.empty());
}

TEST(CheckOptionsTest, RefusesWhatIsNone) {
  v1::SweepOptions options;
  options.add_points("notifier/register");
  options.add_actions("signal(SIGUSR1)");
  EXPECT_TRUE(CheckOptions(options).ok());
  v1::SweepOptions bad = options;
  bad.add_points("notifier/regster");
  EXPECT_THAT(std::string(CheckOptions(bad).message()),
              HasSubstr("no fault point begins with"));
  bad = options;
  bad.add_actions("explode");
  EXPECT_THAT(std::string(CheckOptions(bad).message()),
              HasSubstr("unknown action"));
  bad = options;
  bad.add_actions("when=2 signal(9)");
  EXPECT_THAT(std::string(CheckOptions(bad).message()),
              HasSubstr("an action alone is wanted"));
  bad = options;
  bad.clear_actions();
  bad.add_actions("error(ENOMEM)");
  EXPECT_THAT(std::string(CheckOptions(bad).message()),
              HasSubstr("none of the points has any of the actions"));
  bad = options;
  bad.set_max_hit(-1);
  EXPECT_FALSE(CheckOptions(bad).ok());
}

// --- Tasks, operations, steps ----------------------------------------------

v1::SweepOptions AtSteps(const std::string& operation) {
  v1::SweepOptions options;
  options.add_points("sched/task/step");
  options.add_actions("teardown(kill)");
  options.add_operations(operation);
  options.set_schedule_count(3);
  return options;
}

// A fault at each place inside of a call at which another task may have run,
// and no further; each acts on the task that it names.
TEST(SweepTest, EachSchedulingPointOfAnOperation) {
  for (const char* operation : {"register", "unregister", "madvise"}) {
    SCOPED_TRACE(operation);
    const Swept swept = SweepAll({.options = AtSteps(operation)});
    ASSERT_EQ(swept.cases.size(), 1U);
    ASSERT_EQ(swept.cases[0].points_size(), 1);
    const v1::SweepPoint& point = swept.cases[0].points(0);
    EXPECT_EQ(point.operation(), operation);
    EXPECT_GT(point.hit_count(), 8);
    ASSERT_EQ(swept.cells.size(),
              static_cast<size_t>(point.hit_count()) + 2);  // none, and no hit
    for (size_t i = 1; i + 1 < swept.cells.size(); ++i) {
      const SweepCell& cell = swept.cells[i];
      EXPECT_EQ(cell.faults(0).hit(), static_cast<int64_t>(i));
      EXPECT_GT(cell.fired_schedule_count(), 0);
      EXPECT_EQ(cell.outcome(), SweepCell::OUTCOME_HOLDS)
          << cell.ShortDebugString();
    }
    EXPECT_EQ(swept.cells.back().outcome(), SweepCell::OUTCOME_NOT_FIRED);
  }
}

TEST(SweepTest, ATasksPassesAreCountedByThemselves) {
  v1::SweepOptions options = Few();
  options.clear_points();
  options.add_points("sched/task/step");
  options.add_actions("signal");
  options.set_max_hit(2);
  const auto hits = [&options](const std::vector<std::string>& tasks) {
    options.clear_tasks();
    for (const std::string& task : tasks) options.add_tasks(task);
    int64_t sum = 0;
    const Swept swept = SweepAll({.options = options});
    for (const v1::SweepPoint& point : swept.cases[0].points()) {
      EXPECT_GT(point.hit_count(), 0);
      sum += point.hit_count();
    }
    return sum;
  };
  // Both of one schedule at least, and no more than the most of each.
  EXPECT_LE(hits({}), hits({"driver", "user"}));
  EXPECT_LT(hits({"user"}), hits({}));
}

TEST(SweepTest, ATaskThatIsNoneIsRefused) {
  v1::SweepOptions options = Few();
  options.add_tasks("nobody");
  Swept out;
  EXPECT_EQ(base::ReasonOf(Sweep({.options = options}, &out)),
            "TASK_NOT_FOUND");
}

TEST(SweepTest, AnOperationThatIsNoneIsRefused) {
  v1::SweepOptions options = Few();
  options.add_operations("munnmap");
  const absl::Status status = CheckOptions(options);
  EXPECT_EQ(base::ReasonOf(status), "UNSUPPORTED_SETTING");
  EXPECT_THAT(std::string(status.message()), HasSubstr("munmap"));
}

// A replay line has the filter, or it would be of another pass.
TEST(SweepTest, AReplayLineSaysWhoseStepItIs) {
  v1::SweepOptions options = AtSteps("register");
  options.clear_actions();
  options.add_actions("signal(SIGUSR1)");
  options.add_tasks("driver");
  options.set_schedule_count(10);
  const Swept swept = SweepAll({.protocol = "seed_flags",
                                .mutant = "rollback_forgets_locks",
                                .options = options});
  int violated = 0;
  for (const SweepCell& cell : swept.cells) {
    for (const v1::SweepFinding& finding : cell.findings()) {
      ++violated;
      EXPECT_THAT(finding.violation().replay_line(),
                  HasSubstr(" --fault 'sched/task/step task=driver "
                            "operation=register: when="));
    }
  }
  EXPECT_GT(violated, 0);
}

// --- Workers ---------------------------------------------------------------

class Threads : public scenario::Crew {
 public:
  explicit Threads(int size) : size_(size) {}
  int size() const override { return size_; }
  void Run(const std::function<void(int)>& work) override {
    std::vector<std::thread> others;
    for (int worker = 1; worker < size_; ++worker) {
      others.emplace_back(work, worker);
    }
    work(0);
    for (std::thread& other : others) other.join();
  }

 private:
  const int size_;
};

TEST(SweepTest, WhoeverWorksTheCellsAreTheSame) {
  v1::SweepOptions options = Few();
  options.set_pair_count(20);
  options.set_swarm_count(5);
  const Swept alone = SweepAll({.options = options});
  for (const int size : {1, 2, 7}) {
    Threads crew(size);
    const Swept shared = SweepAll({.options = options, .crew = &crew});
    EXPECT_EQ(Texts(shared.cells), Texts(alone.cells));
    const Swept rest =
        SweepAll({.options = options, .after = &alone.cells[9], .crew = &crew});
    EXPECT_EQ(Texts(rest.cells),
              Texts({alone.cells.begin() + 10, alone.cells.end()}));
  }
}

// What was told when it is ended is the beginning of the whole.
TEST(SweepTest, AnEndedOneHasNoHoles) {
  const Swept whole = SweepAll({.options = Few()});
  Threads crew(3);
  Swept part;
  EXPECT_TRUE(absl::IsCancelled(
      Sweep({.options = Few(), .most = 5, .crew = &crew}, &part)));
  ASSERT_LT(part.cells.size(), whole.cells.size());
  EXPECT_EQ(
      Texts(part.cells),
      Texts({whole.cells.begin(),
             whole.cells.begin() + static_cast<ptrdiff_t>(part.cells.size())}));
}

}  // namespace
}  // namespace mmfault::sweep
