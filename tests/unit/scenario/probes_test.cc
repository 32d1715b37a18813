// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: a probe that must not come out as it does fails its case and says where,
// and one that comes out right does not. Method: one scenario, each property
// both ways, under seeded schedules and under searches.

#include "server/scenario/probes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <string>

#include "server/base/error.h"
#include "server/notifier/protocols.h"
#include "server/scenario/decisions.h"
#include "server/scenario/runner.h"

namespace mmfault::scenario {
namespace {

using ::testing::HasSubstr;

// A registration and what ends it, beside somebody who unmaps.
constexpr char kScenario[] = R"pb(
  id: "probed"
  protocols: "6.1"
  mm {
    id: "m0"
    vma {
      start: 0x10000
      end: 0x12000
      anonymous {}
      populated: true
    }
  }
  task {
    id: "driver"
    mm: "m0"
    step { register { notifier: "n0" } }
    step { establish { notifier: "n0" address: 0x10000 } }
    step {
      unregister { notifier: "n0" }
      only_if { step: "reg" rc: 0 }
    }
  }
  task {
    id: "zapper"
    mm: "m0"
    step { madvise { range { start: 0x10000 end: 0x12000 } } }
  }
)pb";

v1::Scenario Parse(const std::string& more, const std::string& strategy = "") {
  std::string text = kScenario;
  const std::string label = "register { notifier: \"n0\" }";
  text.insert(text.find(label) + label.size(), " label: \"reg\"");
  const auto scenario = ParseScenario(
      text + more +
          " explore { seed: 1 schedule_count: 20 exhaust: true strategy: '" +
          strategy + "' }",
      "test.textproto");
  EXPECT_TRUE(scenario.ok()) << scenario.status().message();
  return scenario.ok() ? *scenario : v1::Scenario();
}

absl::StatusOr<v1::CaseResult> RunAll(const v1::Scenario& scenario) {
  CaseOptions options;
  options.schedule_count = scenario.explore().strategy().empty() ? 0 : 100000;
  return RunCase(scenario, *notifier::FindProtocol("6.1"), options);
}

// The result of the only probe.
v1::ProbeResult ResultOf(const std::string& probe, const std::string& more = "",
                         const std::string& strategy = "") {
  const auto result =
      RunAll(Parse("probe { id: \"p\" " + probe + " } " + more, strategy));
  EXPECT_TRUE(result.ok()) << result.status();
  if (!result.ok() || result->probes_size() != 1) {
    ADD_FAILURE() << "no probe";
    return {};
  }
  EXPECT_EQ(result->met(), result->probes(0).met());
  return result->probes(0);
}

bool Met(const std::string& probe, const std::string& more = "",
         const std::string& strategy = "") {
  return ResultOf(probe, more, strategy).met();
}

std::string ReasonFor(const std::string& more,
                      const std::string& strategy = "") {
  return base::ReasonOf(CheckScenario(Parse(more, strategy)));
}

// --- Properties, both ways -------------------------------------------------

TEST(ProbesTest, AlwaysFailsAtTheFirstNo) {
  EXPECT_TRUE(Met("property: PROPERTY_ALWAYS that: 'mm_users(m0) >= 0'"));
  const v1::ProbeResult result =
      ResultOf("property: PROPERTY_ALWAYS that: 'mm_users(m0) >= 1'");
  EXPECT_FALSE(result.met());
  EXPECT_GT(result.step(), 0);
  EXPECT_EQ(result.finding(),
            "at step " + std::to_string(result.step()) + " mm_users(m0) was 0");
  EXPECT_THAT(result.replay_line(), HasSubstr("--seed 1 --schedules 1"));
  EXPECT_GT(result.asked_count(), result.yes_count());
}

TEST(ProbesTest, AnAlwaysThatWasNeverAskedSaysNothing) {
  const v1::ProbeResult result = ResultOf(
      "property: PROPERTY_ALWAYS point: 'mm/try_to_unmap_one/before_clear' "
      "that: 'mm_users(m0) == 0' ");
  EXPECT_FALSE(result.met());
  EXPECT_EQ(result.finding(), "never came in 20 executions");
}

TEST(ProbesTest, SometimesIsOnceInSomeExecution) {
  EXPECT_TRUE(Met("property: PROPERTY_SOMETIMES that: 'registered(n0) == 1'"));
  const v1::ProbeResult result =
      ResultOf("property: PROPERTY_SOMETIMES that: 'mm_users(m0) == 9'");
  EXPECT_FALSE(result.met());
  EXPECT_THAT(result.finding(), HasSubstr("did not hold each of "));
  EXPECT_THAT(result.finding(), HasSubstr(" in 20 executions"));
  EXPECT_EQ(result.replay_line(), "");
}

TEST(ProbesTest, ReachableAsksForAPass) {
  EXPECT_TRUE(Met("property: PROPERTY_REACHABLE point: 'mm/exit_mmap/enter'"));
  EXPECT_FALSE(
      Met("property: PROPERTY_REACHABLE point: "
          "'mm/try_to_unmap_one/before_clear'"));
}

TEST(ProbesTest, UnreachableThatWasReachedNamesTheStep) {
  EXPECT_TRUE(
      Met("property: PROPERTY_UNREACHABLE point: "
          "'mm/try_to_unmap_one/before_clear'"));
  const v1::ProbeResult result = ResultOf(
      "property: PROPERTY_UNREACHABLE point: 'notifier/register/enter'");
  EXPECT_FALSE(result.met());
  EXPECT_GT(result.step(), 0);
  EXPECT_THAT(result.finding(), HasSubstr("at step "));
}

// --- Moments ---------------------------------------------------------------

TEST(ProbesTest, BeforeAfterAndEdge) {
  EXPECT_TRUE(
      Met("property: PROPERTY_ALWAYS moment: MOMENT_BEFORE "
          "that: 'mm_users(m0) == 2 && faults == 0'"));
  EXPECT_TRUE(
      Met("property: PROPERTY_ALWAYS moment: MOMENT_AFTER "
          "that: 'alive(m0) == 0 && registered(n0) == 0 && "
          "rc(driver) == 0 && done(driver) == 3'"));
  EXPECT_FALSE(
      Met("property: PROPERTY_ALWAYS moment: MOMENT_EDGE "
          "that: 'alive(m0) == 1'"));
  const v1::ProbeResult edge = ResultOf(
      "property: PROPERTY_ALWAYS moment: MOMENT_EDGE "
      "that: 'registered(n0) == 0'");
  EXPECT_TRUE(edge.met());
  EXPECT_EQ(edge.asked_count(), 40);
}

TEST(ProbesTest, AMomentWithoutAValueIsNotAsked) {
  const v1::ProbeResult after = ResultOf(
      "property: PROPERTY_ALWAYS moment: MOMENT_EDGE "
      "that: 'mm_users(m0) == 2'");
  EXPECT_TRUE(after.met());
  EXPECT_EQ(after.asked_count(), 20);
}

TEST(ProbesTest, OnFault) {
  constexpr char kFault[] =
      "fault { point: 'kernel/kmalloc/alloc' trigger: '1*error(ENOMEM)' }";
  EXPECT_TRUE(
      Met("property: PROPERTY_REACHABLE moment: MOMENT_ON_FAULT "
          "that: 'faults == 1'",
          kFault));
  EXPECT_FALSE(
      Met("property: PROPERTY_UNREACHABLE moment: MOMENT_ON_FAULT", kFault));
  EXPECT_TRUE(Met("property: PROPERTY_UNREACHABLE moment: MOMENT_ON_FAULT"));
  EXPECT_TRUE(Met("property: PROPERTY_SOMETIMES that: 'rc(driver) == -ENOMEM'",
                  kFault));
  EXPECT_FALSE(
      Met("property: PROPERTY_SOMETIMES that: 'rc(driver) == -ENOMEM'"));
}

TEST(ProbesTest, CallbacksMappingsHoldsAndPassesAreCounted) {
  EXPECT_TRUE(
      Met("property: PROPERTY_SOMETIMES that: "
          "'callbacks(n0, invalidate_range_start) == 1 && "
          "mappings(n0) == 0'"));
  EXPECT_TRUE(Met("property: PROPERTY_SOMETIMES that: 'mappings(n0) == 1'"));
  EXPECT_TRUE(
      Met("property: PROPERTY_ALWAYS moment: MOMENT_AFTER "
          "that: 'passes(notifier/register/enter) == 1'"));
  EXPECT_FALSE(Met("property: PROPERTY_SOMETIMES that: 'held() == 1'"));
  EXPECT_TRUE(Met("property: PROPERTY_SOMETIMES that: 'held(driver) == 1'",
                  "fault { point: 'notifier/register/enter' "
                  "trigger: '1*hold' }"));
}

// --- What it costs, and whom it is about -----------------------------------

TEST(ProbesTest, LookingOnChangesNothing) {
  const auto plain = RunAll(Parse(""));
  const auto probed = RunAll(Parse(
      "probe { id: 'a' property: PROPERTY_ALWAYS that: 'mm_users(m0) >= 0' }"
      "probe { id: 'b' property: PROPERTY_REACHABLE "
      "        point: 'notifier/register/enter' }"
      "probe { id: 'c' property: PROPERTY_SOMETIMES "
      "        that: 'passes(kernel/kmalloc/alloc) > 0' }"));
  ASSERT_TRUE(plain.ok() && probed.ok());
  EXPECT_TRUE(probed->met()) << probed->DebugString();
  EXPECT_EQ(plain->event_hash(), probed->event_hash());
}

TEST(ProbesTest, AProbeOfOtherProtocolsIsNotAsked) {
  const auto result =
      RunAll(Parse("probe { id: 'a' property: PROPERTY_ALWAYS protocol: 'v12' "
                   "that: 'faults == 7' }"));
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->probes_size(), 0);
  EXPECT_TRUE(result->met());
}

// A case whose expectations are decided goes on when it has probes.
TEST(ProbesTest, AProbeKeepsTheCaseGoing) {
  const std::string wrong =
      "task { id: 'w' mm: 'm0' step { mmget {} expect_rc: 7 } "
      "       step { mmput {} } } "
      "expect { checker: 'errors_as_specified' verdict: VIOLATED } ";
  for (const bool probed : {false, true}) {
    v1::Scenario scenario =
        Parse(wrong + (probed ? "probe { id: 'a' property: PROPERTY_SOMETIMES "
                                "that: 'mm_users(m0) == 9' }"
                              : ""));
    scenario.mutable_explore()->set_exhaust(false);
    const auto result = RunAll(scenario);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->schedule_count(), probed ? 20 : 1);
    EXPECT_EQ(result->met(), !probed);
  }
}

// The last one works, and has all the work.
class LastOfThree : public Crew {
 public:
  int size() const override { return 3; }
  void Run(const std::function<void(int)>& work) override {
    for (int worker = 2; worker >= 0; --worker) {
      work(worker);
    }
  }
};

TEST(ProbesTest, WhoeverWorksTheAnswersAreTheSame) {
  constexpr char kProbes[] =
      "probe { id: 'a' property: PROPERTY_UNREACHABLE "
      "        point: 'notifier/invalidate_range_end/before_callback' }"
      "probe { id: 'b' property: PROPERTY_ALWAYS moment: MOMENT_EDGE "
      "        that: 'alive(m0) == 1' }"
      "sweep { fault { point: 'kernel/kmalloc/alloc' "
      "                trigger: 'error(ENOMEM)' } schedule_count: 20 }";
  for (const char* strategy : {"", "dpor"}) {
    const v1::Scenario scenario = Parse(kProbes, strategy);
    const auto alone = RunAll(scenario);
    LastOfThree crew;
    CaseOptions options;
    options.schedule_count = *strategy == '\0' ? 0 : 100000;
    options.crew = &crew;
    const auto shared =
        RunCase(scenario, *notifier::FindProtocol("6.1"), options);
    ASSERT_TRUE(alone.ok() && shared.ok());
    ASSERT_EQ(alone->probes_size(), 2);
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(alone->probes(i).DebugString(),
                shared->probes(i).DebugString());
      EXPECT_FALSE(alone->probes(i).met());
      EXPECT_NE(alone->probes(i).replay_line(), "");
    }
  }
}

// --- Searches --------------------------------------------------------------

TEST(ProbesTest, SearchesAskAtEveryEnd) {
  for (const char* strategy : {"dpor", "dfs", "stateful", "bounded"}) {
    EXPECT_TRUE(
        Met("property: PROPERTY_ALWAYS moment: MOMENT_AFTER "
            "that: 'alive(m0) == 0'",
            "", strategy))
        << strategy;
    const v1::ProbeResult result = ResultOf(
        "property: PROPERTY_UNREACHABLE "
        "point: 'notifier/invalidate_range_start/before_callback'",
        "", strategy);
    EXPECT_FALSE(result.met()) << strategy;
    EXPECT_THAT(result.replay_line(), HasSubstr("--decisions ")) << strategy;
  }
}

// What was seen in a search is there when its decisions are followed.
TEST(ProbesTest, ASightingOfASearchIsRepeated) {
  const std::string probe =
      "property: PROPERTY_UNREACHABLE "
      "that: 'registered(n0) == 1 && callbacks(n0, invalidate_range_end) == 1'";
  const v1::ProbeResult result = ResultOf(probe, "", "bounded");
  ASSERT_FALSE(result.met());
  const std::string& line = result.replay_line();
  const auto schedule = ParseDecisions(
      line.substr(line.find("--decisions ") + strlen("--decisions ")));
  ASSERT_TRUE(schedule.ok());
  EXPECT_EQ(static_cast<int64_t>(schedule->size()), result.step());
  v1::Scenario scenario = Parse("");
  StoryOptions options;
  options.schedule = &*schedule;
  const auto story =
      TellStory(scenario, *notifier::FindProtocol("6.1"), options);
  ASSERT_TRUE(story.ok());
  bool ended = false;
  for (const v1::Event& event : story->events) {
    ended = ended || (event.step() <= result.step() &&
                      event.function() == "invalidate_range_end");
  }
  EXPECT_TRUE(ended);
}

// Two calls that have nothing to do with each other: an engine that tries one
// order of steps that commute sees one of them end first, and a probe that
// looks on in between has it try both.
TEST(ProbesTest, WhatIsBetweenStepsThatCommuteIsSeen) {
  constexpr char kApart[] = R"pb(
    id: "apart"
    protocols: "6.1"
    mm { id: "m0" start_brk: 0x1000 }
    mm { id: "m1" start_brk: 0x1000 }
    task {
      id: "a"
      mm: "m0"
      step { brk { end: 0x3000 } }
    }
    task {
      id: "b"
      mm: "m1"
      step { brk { end: 0x3000 } }
    }
  )pb";
  const auto run = [&](const std::string& probes, const char* strategy) {
    const auto scenario =
        ParseScenario(std::string(kApart) + probes +
                          " explore { seed: 1 strategy: '" + strategy + "' }",
                      "apart");
    EXPECT_TRUE(scenario.ok()) << scenario.status().message();
    CaseOptions options;
    options.schedule_count = 100000;
    return RunCase(*scenario, *notifier::FindProtocol("6.1"), options);
  };
  constexpr char kBoth[] =
      "probe { id: 'ab' property: PROPERTY_SOMETIMES "
      "        that: 'done(a) == 1 && done(b) == 0' }"
      "probe { id: 'ba' property: PROPERTY_SOMETIMES "
      "        that: 'done(a) == 0 && done(b) == 1' }";
  for (const char* strategy : {"dpor", "dfs", "stateful", "auto", "bounded"}) {
    const auto result = run(kBoth, strategy);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->explore().outcome(), v1::ExploreReport::OUTCOME_COMPLETE);
    ASSERT_EQ(result->probes_size(), 2);
    EXPECT_TRUE(result->probes(0).met()) << strategy;
    EXPECT_TRUE(result->probes(1).met()) << strategy;
    EXPECT_THAT(result->explore().reason(),
                std::string(strategy) == "bounded"
                    ? HasSubstr("preemptions")
                    : HasSubstr("a probe looks on between steps"));
  }
  // One that is asked at the end is none: then the reduction is used.
  const auto at_end =
      run("probe { id: 'p' property: PROPERTY_ALWAYS moment: MOMENT_AFTER "
          "        that: 'done(a) == 1 && done(b) == 1' }",
          "dpor");
  ASSERT_TRUE(at_end.ok());
  EXPECT_TRUE(at_end->probes(0).met());
  EXPECT_EQ(at_end->explore().strategy(), "dpor");
  EXPECT_EQ(at_end->explore().execution_count(), 1);
}

// --- What is refused -------------------------------------------------------

TEST(ProbesTest, MalformedOnesAreRefused) {
  EXPECT_EQ(ReasonFor("probe { id: 'P' property: PROPERTY_ALWAYS }"),
            "NAME_MALFORMED");
  EXPECT_EQ(ReasonFor("probe { id: 'p' that: 'faults == 0' }"),
            "FIELD_MISSING");
  EXPECT_EQ(ReasonFor("probe { id: 'p' property: PROPERTY_ALWAYS }"),
            "FIELD_MISSING");
  EXPECT_EQ(ReasonFor("probe { id: 'p' property: PROPERTY_REACHABLE }"),
            "FIELD_MISSING");
  EXPECT_EQ(ReasonFor("probe { id: 'p' property: PROPERTY_ALWAYS "
                      "that: 'fault == 0' }"),
            "PROBE_MALFORMED");
  EXPECT_EQ(ReasonFor("probe { id: 'p' property: PROPERTY_REACHABLE "
                      "point: 'mm/exit_mmap/enter' moment: MOMENT_AFTER }"),
            "PROBE_MALFORMED");
  EXPECT_EQ(ReasonFor("probe { id: 'p' property: PROPERTY_REACHABLE "
                      "point: 'mm/exit_map/enter' }"),
            "FAULT_POINT_NOT_FOUND");
  EXPECT_EQ(ReasonFor("probe { id: 'p' property: PROPERTY_REACHABLE "
                      "point: 'mm/exit_mmap/enter' }"
                      "probe { id: 'p' property: PROPERTY_REACHABLE "
                      "point: 'mm/exit_mmap/enter' }"),
            "PROBE_MALFORMED");
}

TEST(ProbesTest, UnknownNamesAreRefused) {
  const auto reason = [](const std::string& that) {
    return base::ReasonOf(
        RunAll(Parse("probe { id: 'p' property: PROPERTY_SOMETIMES that: '" +
                     that + "' }"))
            .status());
  };
  EXPECT_EQ(reason("mm_users(m1) == 0"), "MM_NOT_FOUND");
  EXPECT_EQ(reason("registered(n1) == 0"), "NOTIFIER_NOT_FOUND");
  EXPECT_EQ(reason("rc(t1) == 0"), "TASK_NOT_FOUND");
}

}  // namespace
}  // namespace mmfault::scenario
