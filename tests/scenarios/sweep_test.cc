// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// The cases of the seed mail as sweeps, each with one command (see README.md
// here): complete, as often as the points are passed, and met. Method: the
// sweep of `mmfault sweep` over the scenarios' own protocols. And the corpus'
// bugs that take a fault, by sweeps that are not told which.

#include "server/report/sweep.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "faults/trigger/rule.h"
#include "faults/trigger/trigger.h"
#include "server/scenario/runner.h"
#include "server/sweep/sweep.h"
#include "tests/scenarios/corpus.h"

namespace mmfault::sweep {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;
using v1::SweepCell;

struct Command {
  const char* name;
  const char* scenario;
  std::vector<std::string> points;
  std::vector<std::string> actions;
  int64_t schedules;
  std::vector<std::string> operations = {};
  // Points that are passed under some protocol.
  std::vector<std::string> passed;
  // Its expectations are about more than this sweep; something is broken.
  bool breaks = false;
};

void PrintTo(const Command& command, std::ostream* out) {
  *out << command.name;
}

v1::Scenario Read(const std::string& name) {
  const std::string path = "tests/scenarios/fast/" + name + ".textproto";
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  auto scenario = scenario::ParseScenario(text.str(), path);
  EXPECT_TRUE(scenario.ok()) << scenario.status().message();
  return *std::move(scenario);
}

report::Sweep SweepAll(const Command& command) {
  const v1::Scenario scenario = Read(command.scenario);
  v1::SweepOptions options;
  for (const std::string& point : command.points) options.add_points(point);
  for (const std::string& action : command.actions) options.add_actions(action);
  for (const std::string& name : command.operations) {
    options.add_operations(name);
  }
  options.set_schedule_count(command.schedules);
  EXPECT_TRUE(CheckOptions(options).ok());
  report::Sweep sweep;
  Listener listener;
  listener.on_case = [&](const v1::SweepCase& c) { sweep.cases.push_back(c); };
  listener.on_cell = [&](SweepCell c) { sweep.cells.push_back(std::move(c)); };
  listener.goes_on = [] { return true; };
  const auto protocols = scenario::ProtocolsOf(scenario, {});
  EXPECT_TRUE(protocols.ok());
  for (const notifier::Protocol* protocol : *protocols) {
    CaseInput input;
    input.scenario = &scenario;
    input.protocol = protocol;
    input.index = static_cast<int64_t>(sweep.cases.size());
    const absl::Status status = RunSweep(input, options, {}, nullptr, listener);
    EXPECT_TRUE(status.ok()) << status.message();
  }
  return sweep;
}

// Teardown at each place inside of some calls, or of callbacks, where another
// task may run.
Command Steps(const char* name, const std::string& point, bool force,
              std::vector<std::string> operations) {
  return {
      .name = name,
      .scenario = force ? "teardown_force_anywhere" : "teardown_kill_anywhere",
      .points = {point},
      .actions = {force ? "teardown(force)" : "teardown(kill)"},
      .schedules = 10,
      .operations = std::move(operations),
      .passed = {point},
      .breaks = force};
}

class SeedCaseTest : public ::testing::TestWithParam<Command> {};

// Each action of each point that is passed: at every pass, and no further.
void ExpectComplete(const report::SweepTable& table) {
  EXPECT_EQ(table.done_groups, table.info->group_count());
  EXPECT_EQ(table.totals.of(SweepCell::OUTCOME_INCONCLUSIVE), 0);
  int64_t chains = 0;
  for (const report::SweepRow& row : table.rows) {
    if (row.kind == SweepCell::KIND_SINGLE) {
      ++chains;
      EXPECT_EQ(row.totals.cells(), row.hits + 1) << row.point << row.action;
      EXPECT_GT(row.hits, 0);
      EXPECT_EQ(row.totals.of(SweepCell::OUTCOME_NOT_FIRED), 1);
    }
  }
  int64_t wanted = 0;
  for (const v1::SweepPoint& point : table.info->points()) {
    wanted += point.hit_count() == 0 ? 0 : point.actions_size();
  }
  EXPECT_EQ(chains, wanted);
}

TEST_P(SeedCaseTest, IsCompleteAndMet) {
  const report::Sweep sweep = SweepAll(GetParam());
  std::vector<std::string> passed;
  report::SweepTotals totals;
  for (const report::SweepTable& table : report::TablesOf(sweep)) {
    SCOPED_TRACE(table.info->protocol());
    if (GetParam().breaks) {
      EXPECT_GT(table.totals.of(SweepCell::OUTCOME_VIOLATED), 0);
    } else {
      EXPECT_THAT(table.unmet, IsEmpty());
    }
    ExpectComplete(table);
    totals.Add(table.totals);
    for (const v1::SweepPoint& point : table.info->points()) {
      if (point.hit_count() != 0) passed.push_back(point.point());
    }
  }
  EXPECT_EQ(totals.cells(), static_cast<int64_t>(sweep.cells.size()));
  EXPECT_THAT(passed, IsSupersetOf(GetParam().passed));
}

INSTANTIATE_TEST_SUITE_P(
    All, SeedCaseTest,
    ::testing::Values(
        Command{.name = "signal_at_each_lock",
                .scenario = "signal_during_register",
                .points = {"notifier/mm_lock"},
                .actions = {"signal(SIGUSR1)"},
                .schedules = 1,
                .passed = {"notifier/mm_lock/lock", "notifier/mm_lock/vma",
                           "notifier/mm_lock/held"}},
        Command{.name = "each_allocation",
                .scenario = "allocation_failures",
                .points = {"kernel/kmalloc", "kernel/vmalloc"},
                .actions = {"error"},
                .schedules = 10,
                .passed = {"kernel/kmalloc/alloc", "kernel/vmalloc/alloc"}},
        Command{.name = "capability",
                .scenario = "capability_lost",
                .points = {},
                .actions = {"drop_capability", "error(EPERM)"},
                .schedules = 10,
                .passed = {"kernel/capable/check", "notifier/mm_lock/enter",
                           "notifier/mm_lock/lock"}},
        Command{
            .name = "teardown_kill",
            .scenario = "teardown_kill_anywhere",
            .points = {},
            .actions = {"teardown(kill)"},
            .schedules = 50,
            .passed = {"notifier/register/enter", "notifier/register/linked",
                       "notifier/unregister/enter",
                       "notifier/invalidate_range_start/before_callback",
                       "device/callback/enter"}},
        Command{
            .name = "teardown_force",
            .scenario = "teardown_force_anywhere",
            .points = {},
            .actions = {"teardown(force)"},
            .schedules = 50,
            .passed = {"notifier/register/enter", "notifier/register/linked",
                       "notifier/unregister/enter",
                       "notifier/invalidate_range_start/before_callback",
                       "device/callback/enter"}},
        Steps("kill_in_register", "sched/task/step", false, {"register"}),
        Steps("kill_in_unregister", "sched/task/step", false, {"unregister"}),
        Steps("kill_in_range", "sched/task/step", false, {"madvise", "munmap"}),
        Steps("kill_in_callback", "device/callback/step", false, {}),
        Steps("force_in_register", "sched/task/step", true, {"register"}),
        Steps("force_in_unregister", "sched/task/step", true, {"unregister"}),
        Steps("force_in_range", "sched/task/step", true, {"madvise", "munmap"}),
        Steps("force_in_callback", "device/callback/step", true, {})),
    [](const ::testing::TestParamInfo<Command>& param) {
      return std::string(param.param.name);
    });

// --- The corpus --------------------------------------------------------------

// Checkers that single faults break, and `fault_free` those that need none.
struct Broken {
  std::set<std::string> by_fault;
  std::set<std::string> fault_free;
};

v1::SweepOptions AnyFault() {
  v1::SweepOptions options;
  for (const char* action :
       {"error", "signal", "signal(SIGUSR1)", "drop_capability"}) {
    options.add_actions(action);
  }
  options.set_schedule_count(2);
  return options;
}

// What the file does itself, at each pass.
v1::SweepOptions SameFault(const v1::FaultRule& rule) {
  const auto made = faults::MakeRule(rule.point(), rule.trigger());
  EXPECT_TRUE(made.ok()) << made.status();
  v1::SweepOptions options;
  options.add_points(rule.point());
  options.add_actions(faults::PrintAction(made->terms[0].action));
  if (!rule.task().empty()) {
    options.add_tasks(rule.task());
  }
  return options;
}

// Without the file's own fault.
void AddBroken(const scenario::CorpusFile& file,
               const notifier::Protocol& protocol,
               const v1::SweepOptions& options, Broken* broken) {
  v1::Scenario scenario = file.scenario;
  scenario.clear_fault();
  scenario.mutable_explore()->clear_strategy();
  Listener listener;
  listener.on_case = [](const v1::SweepCase&) {};
  listener.on_cell = [broken](const SweepCell& cell) {
    for (const v1::SweepFinding& finding : cell.findings()) {
      (cell.kind() == SweepCell::KIND_FAULT_FREE ? broken->fault_free
                                                 : broken->by_fault)
          .insert(finding.checker());
    }
  };
  listener.goes_on = [] { return true; };
  CaseInput input;
  input.scenario = &scenario;
  input.protocol = &protocol;
  const absl::Status status = RunSweep(input, options, {}, nullptr, listener);
  EXPECT_TRUE(status.ok()) << status.message();
}

// Bugs of the corpus that take a fault are found without being told which, and
// their fixed twins live with that fault.
TEST(CorpusTest, EveryBugThatTakesOneFaultIsFound) {
  const std::vector<scenario::CorpusFile> corpus = scenario::Corpus();
  int bugs = 0;
  for (const scenario::CorpusFile& file : corpus) {
    if (file.fixed() || file.scenario.fault().empty()) {
      continue;
    }
    SCOPED_TRACE(file.stem);
    const auto twin =
        std::find_if(corpus.begin(), corpus.end(), [&file](const auto& other) {
          return other.stem == file.stem + "_fixed";
        });
    ASSERT_NE(twin, corpus.end());
    Broken fixed;
    for (const notifier::Protocol* protocol : twin->protocols) {
      AddBroken(*twin, *protocol, SameFault(twin->scenario.fault(0)), &fixed);
    }
    for (const notifier::Protocol* protocol : file.protocols) {
      SCOPED_TRACE(protocol->id);
      Broken broken;
      AddBroken(file, *protocol, AnyFault(), &broken);
      for (const v1::Expect& expect : ExpectedBroken(file, *protocol)) {
        ++bugs;
        EXPECT_THAT(broken.by_fault, Contains(expect.checker()));
        EXPECT_THAT(broken.fault_free, Not(Contains(expect.checker())));
        EXPECT_THAT(fixed.by_fault, Not(Contains(expect.checker())));
      }
    }
  }
  EXPECT_GT(bugs, 20);
}

}  // namespace
}  // namespace mmfault::sweep
