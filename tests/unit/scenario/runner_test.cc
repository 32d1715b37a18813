// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Cases end to end without a server: parsing, judging, sweeps, teardown, and
// what makes a run repeat: equal hashes, and steps that can be taken back.

#include "server/scenario/runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/base/error.h"
#include "server/notifier/protocols.h"
#include "server/scenario/compile.h"

namespace mmfault::scenario {
namespace {

using ::testing::HasSubstr;

constexpr char kRace[] = R"pb(
  id: "race"
  protocols: "all"
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
      populated: true
    }
  }
  task {
    id: "driver"
    mm: "m0"
    step { register { notifier: "n0" } }
    step { establish { notifier: "n0" address: 0x20000 write: true } }
    step { fork { child: "m1" } }
    step {
      touch {
        range { start: 0x10000 end: 0x11000 }
        write: true
      }
    }
  }
  task {
    id: "zapper"
    mm: "m0"
    step { madvise { range { start: 0x10000 end: 0x12000 } } }
  }
  task {
    id: "truncater"
    step { truncate { file: "f" size_pages: 1 } }
  }
  task {
    id: "reclaimer"
    step { reclaim { mm: "m0" address: 0x11000 } }
  }
  task {
    id: "mapper"
    mm: "m0"
    step {
      mmap {
        range { start: 0x30000 end: 0x32000 }
        anonymous {}
        populate: true
      }
    }
    step { munmap { range { start: 0x11000 end: 0x31000 } } }
  }
)pb";

v1::Scenario Parse(const std::string& text) {
  auto scenario = ParseScenario(text, "test.textproto");
  EXPECT_TRUE(scenario.ok()) << scenario.status().message();
  return *scenario;
}

const notifier::Protocol& Find(std::string_view id) {
  return *notifier::FindProtocol(id);
}

v1::CaseResult RunSeeds(const v1::Scenario& scenario, std::string_view protocol,
                        int64_t schedules = 200, uint64_t seed = 1) {
  CaseOptions options;
  options.seed = seed;
  options.schedule_count = schedules;
  auto result = RunCase(scenario, Find(protocol), options);
  EXPECT_TRUE(result.ok()) << result.status().message();
  return *result;
}

TEST(ParseScenarioTest, SaysWhereTheMistakeIs) {
  const auto scenario =
      ParseScenario("id: \"x\"\ntask { idd: \"t\" }\n", "a.textproto");
  ASSERT_FALSE(scenario.ok());
  EXPECT_EQ(base::ReasonOf(scenario.status()), "SCENARIO_MALFORMED");
  EXPECT_THAT(std::string(scenario.status().message()),
              HasSubstr("a.textproto:2:"));
}

TEST(ProtocolsOfTest, NamesTheNearest) {
  v1::Scenario scenario;
  const auto chosen = ProtocolsOf(scenario, {"v21"});
  ASSERT_FALSE(chosen.ok());
  EXPECT_EQ(base::ReasonOf(chosen.status()), "PROTOCOL_NOT_FOUND");
}

TEST(ProtocolsOfTest, ARunsOwnListNamesProtocolsFirst) {
  const auto chosen = ProtocolsOf(v1::Scenario(), {"v12", "v12"});
  ASSERT_TRUE(chosen.ok());
  ASSERT_EQ(chosen->size(), 1U);
  EXPECT_EQ((*chosen)[0]->id, "v12");
}

TEST(ProtocolsOfTest, ExpandsFamiliesInOrderOfHistory) {
  v1::Scenario scenario;
  scenario.add_protocols("6.1");
  scenario.add_protocols("v12");
  scenario.add_protocols("v12");
  const auto chosen = ProtocolsOf(scenario, {});
  ASSERT_TRUE(chosen.ok());
  std::vector<std::string> ids;
  for (const notifier::Protocol* protocol : *chosen) {
    ids.emplace_back(protocol->id);
  }
  EXPECT_THAT(ids,
              ::testing::ElementsAre("v12", "seed_flags", "seed_flags_naive",
                                     "seed_bitmaps", "seed_threshold", "6.1"));
}

TEST(RunCaseTest, SameSeedSameEventHash) {
  const v1::Scenario scenario = Parse(kRace);
  for (const notifier::Protocol* protocol : notifier::AllProtocols()) {
    const std::string id(protocol->id);
    EXPECT_EQ(RunSeeds(scenario, id).event_hash(),
              RunSeeds(scenario, id).event_hash());
    EXPECT_NE(RunSeeds(scenario, id, 200, 1).event_hash(),
              RunSeeds(scenario, id, 200, 2).event_hash());
  }
}

TEST(RunCaseTest, UnexpectedViolationsFailTheCase) {
  v1::Scenario scenario = Parse(kRace);
  EXPECT_FALSE(RunSeeds(scenario, "emm_v2", 2000).met());
  EXPECT_TRUE(RunSeeds(scenario, "6.1", 2000).met());
}

TEST(RunCaseTest, ASingleScheduleRepeatsByItsOwnSeed) {
  v1::Scenario scenario = Parse(kRace);
  const v1::CaseResult all = RunSeeds(scenario, "emm_v2", 2000);
  ASSERT_GT(all.violations_size(), 0);
  const v1::Violation& found = all.violations(0);
  const std::string& line = found.replay_line();
  const size_t at = line.find("--seed ") + 7;
  const uint64_t seed = std::stoull(line.substr(at));
  const v1::CaseResult one = RunSeeds(scenario, "emm_v2", 1, seed);
  ASSERT_GT(one.violations_size(), 0);
  EXPECT_EQ(one.violations(0).checker(), found.checker());
  EXPECT_EQ(one.violations(0).step(), found.step());
}

TEST(RunCaseTest, ViolationsCarryTheEventsThatMatter) {
  const v1::CaseResult result = RunSeeds(Parse(kRace), "emm_v2", 2000);
  ASSERT_GT(result.violations_size(), 0);
  for (const v1::Violation& violation : result.violations()) {
    EXPECT_FALSE(violation.explanation().empty());
    EXPECT_GE(violation.events_size(), 1);
    EXPECT_LE(violation.events_size(), 3);
  }
}

// A machine of the race, ready to be stepped by hand.
std::unique_ptr<Machine> MakeMachine(const v1::Scenario& scenario,
                                     const notifier::Protocol& protocol) {
  sched::WorldOptions options;
  auto machine = std::make_unique<Machine>(protocol, options);
  EXPECT_TRUE(SetUp(machine.get(), scenario, Bounds(), false).ok());
  return machine;
}

// Undo: N random steps taken back give the state of before, under every
// protocol, at every depth up to N.
TEST(UndoTest, TakesBackAnyNumberOfStepsUnderEveryProtocol) {
  const v1::Scenario scenario = Parse(kRace);
  for (const notifier::Protocol* protocol : notifier::AllProtocols()) {
    auto machine = MakeMachine(scenario, *protocol);
    sched::World& world = machine->world();
    world.SetUndo(true);
    sched::World::Scope scope(&world);
    base::Prng prng(42);
    std::vector<uint64_t> hashes = {world.StateHash()};
    for (int i = 0; i < 300 && world.runnable() != 0; ++i) {
      const uint64_t ready = world.runnable();
      world.Step(sched::NthBit(
          ready, static_cast<int>(
                     prng.Below(static_cast<uint32_t>(std::popcount(ready))))));
      hashes.push_back(world.StateHash());
    }
    ASSERT_GT(hashes.size(), 50U);
    while (world.undo_depth() != 0) {
      world.UndoStep();
      hashes.pop_back();
      ASSERT_EQ(world.StateHash(), hashes.back())
          << protocol->id << " at depth " << world.undo_depth();
    }
  }
}

// After undo the world goes on as if nothing had been: the same seed leads to
// the same end.
TEST(UndoTest, AWorldThatWentBackGoesOnTheSameWay) {
  const v1::Scenario scenario = Parse(kRace);
  auto machine = MakeMachine(scenario, Find("6.1"));
  sched::World& world = machine->world();
  world.SetUndo(true);
  sched::UniformStrategy first(9);
  machine->Run(&first, 5000);
  const uint64_t end = world.event_hash();
  world.UndoTo(0);
  sched::UniformStrategy again(9);
  machine->Run(&again, 5000);
  EXPECT_EQ(world.event_hash(), end);
}

constexpr char kTeardown[] = R"pb(
  id: "teardown"
  protocols: "all"
  mm {
    id: "m0"
    mm_users: 3
    vma {
      start: 0x10000
      end: 0x14000
      anonymous {}
      anon_vma: true
      populated: true
    }
  }
  task {
    id: "owner"
    mm: "m0"
    step { register { notifier: "n0" } }
    step { post { event: "registered" } }
    step { establish { notifier: "n0" address: 0x10000 } }
    step {
      madvise {
        range { start: 0x10000 end: 0x14000 }
        repeat: 1
      }
    }
  }
  task {
    id: "killer"
    step { wait_for { event: "registered" } }
    step {
      force_teardown { mm: "m0" kind: TEARDOWN_KIND_KILL }
      expect_rc: [ 0, -3 ]
    }
  }
)pb";

TEST(TeardownTest, KillPutsEveryReferenceAndExitRuns) {
  std::string text = kTeardown;
  text.replace(text.find(" repeat: 1"), 10, "");
  const v1::Scenario scenario = Parse(text);
  for (const notifier::Protocol* protocol : notifier::AllProtocols()) {
    if (protocol->id == "emm_single") {
      continue;  // BUG_ON(mm_users != 1): the scenario's mm has more
    }
    auto machine = MakeMachine(scenario, *protocol);
    sched::UniformStrategy strategy(5);
    const auto stop = machine->Run(&strategy, 100000);
    EXPECT_EQ(stop, sched::RunStop::kFinished) << protocol->id;
    for (const trace::Violation& violation : machine->Violations()) {
      ADD_FAILURE() << protocol->id << ": "
                    << ToProto(*machine, violation).explanation();
    }
    // 6.1 pins mm_count until unregister, so the struct may stay.
    const MmRef* ref = machine->FindMm("m0");
    EXPECT_EQ(ref->mm->exit_phase, mm::ExitPhase::kDead) << protocol->id;
  }
}

TEST(TeardownTest, ForceRevokesPinsAndMarksVerdicts) {
  std::string text = kTeardown;
  text.replace(text.find(" repeat: 1"), 10, "");
  text.replace(text.find("TEARDOWN_KIND_KILL"), 18, "TEARDOWN_KIND_FORCE");
  v1::Scenario scenario = Parse(text);
  // #v12 may not unregister once mm_users is 0.
  scenario.mutable_task(0)->add_step()->mutable_unregister()->set_notifier(
      "n0");
  int violation_count = 0;
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    auto machine = MakeMachine(scenario, Find("v12"));
    sched::UniformStrategy strategy(seed);
    machine->Run(&strategy, 100000);
    EXPECT_TRUE(machine->FindMm("m0")->forced);
    for (const trace::Violation& violation : machine->Violations()) {
      EXPECT_EQ(violation.forced, 1);
      EXPECT_THAT(ToProto(*machine, violation).revoked_pins(),
                  ::testing::Contains("owner: 1"));
      ++violation_count;
    }
  }
  EXPECT_GT(violation_count, 0);
}

TEST(SweepTest, EndsWhenTheRuleNoLongerFires) {
  v1::Scenario scenario = Parse(kRace);
  v1::Sweep* sweep = scenario.add_sweep();
  sweep->mutable_fault()->set_point("kernel/kmalloc/alloc");
  sweep->mutable_fault()->set_trigger("error(ENOMEM)");
  const v1::CaseResult result = RunSeeds(scenario, "6.1", 1);
  EXPECT_GT(result.sweep_hit_count(), 1);
  EXPECT_TRUE(result.inconclusive_cause().empty());
  EXPECT_EQ(result.schedule_count(), result.sweep_hit_count() + 1);
}

TEST(AppendStepTest, NamesTheFieldAndChangesNothing) {
  const v1::Scenario scenario = Parse(kRace);
  auto machine = MakeMachine(scenario, Find("6.1"));
  Program* program = machine->FindTask("driver");
  const uint32_t queued = program->queued;
  v1::Step step;
  step.mutable_munmap()->mutable_range()->set_start(0x1001);
  step.mutable_munmap()->mutable_range()->set_end(0x2000);
  const absl::Status status = AppendStep(machine.get(), program, step, "step");
  EXPECT_EQ(base::ReasonOf(status), "RANGE_MALFORMED");
  EXPECT_EQ(base::FactsOf(status).field, "step.munmap.range");
  EXPECT_EQ(program->queued, queued);
}

}  // namespace
}  // namespace mmfault::scenario
