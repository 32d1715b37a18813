// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: a rule at `sched/task/step` acts before the k-th step of what its
// filters admit and nowhere else; one at `device/callback/step` inside a
// callback and nowhere else; and neither changes an execution in which it does
// not act. Method: the places of one schedule, counted from its story.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/notifier/protocols.h"
#include "server/scenario/runner.h"
#include "server/scenario/verdict.h"

namespace mmfault::scenario {
namespace {

using ::testing::Each;
using ::testing::Gt;

constexpr char kScenario[] = R"pb(
  id: "steps"
  protocols: "all"
  mm {
    id: "m0"
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
    step { establish { notifier: "n0" address: 0x10000 } }
    step { unregister { notifier: "n0" } }
  }
  task {
    id: "user"
    mm: "m0"
    step { madvise { range { start: 0x10000 end: 0x11000 } } }
    step { munmap { range { start: 0x12000 end: 0x14000 } } }
  }
)pb";

v1::Scenario With(const std::string& fault) {
  const auto scenario = ParseScenario(kScenario + fault, "test.textproto");
  EXPECT_TRUE(scenario.ok()) << scenario.status().message();
  return *scenario;
}

std::string StepRule(const std::string& filters, const std::string& trigger) {
  return "fault { point: 'sched/task/step' " + filters + " trigger: '" +
         trigger + "' }";
}

Story StoryOf(const std::string& fault, std::string_view protocol = "6.1") {
  const auto story =
      TellStory(With(fault), *notifier::FindProtocol(protocol), {});
  EXPECT_TRUE(story.ok()) << story.status();
  return *story;
}

// What became of a rule in the schedule of seed 1.
v1::RuleReport ReportOf(const std::string& fault,
                        std::string_view protocol = "6.1") {
  CaseOptions options;
  options.schedule_count = 1;
  const auto result =
      RunCase(With(fault), *notifier::FindProtocol(protocol), options);
  EXPECT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->rules_size(), 1);
  return result->rules(0);
}

int64_t HitsOf(const std::string& fault, std::string_view protocol = "6.1") {
  return ReportOf(fault, protocol).hit_count_max();
}

// Steps of a task, by their numbers; of its `call`-th call, or of all its life
// for 0: those after the one in which it begins, to the one in which it ends.
std::vector<int64_t> StepsOf(const Story& story, const std::string& task,
                             size_t call = 0) {
  std::vector<int64_t> edges;
  for (const v1::Event& event : story.events) {
    if (event.kind() == v1::Event::KIND_OPERATION && event.task() == task) {
      edges.push_back(event.step());
    }
  }
  std::vector<int64_t> steps;
  int64_t last = -1;
  for (const v1::Event& event : story.events) {
    const int64_t step = event.step();
    const bool inside = call == 0 || (step > edges.at(2 * call - 2) &&
                                      step <= edges.at(2 * call - 1));
    if (step != last && inside && event.task() == task) {
      steps.push_back(step);
    }
    last = step;
  }
  return steps;
}

TEST(StepPointsTest, EveryStepOfWhatTheFiltersAdmitIsAHit) {
  int seen = 0;
  for (const notifier::Protocol* protocol : notifier::AllProtocols()) {
    SCOPED_TRACE(protocol->id);
    if (!IsApplicable(With(""), *protocol)) {
      continue;
    }
    const Story story = StoryOf("", protocol->id);
    if (!story.violations.empty()) {
      continue;  // some end at a BUG
    }
    ++seen;
    EXPECT_EQ(HitsOf(StepRule("", "off"), protocol->id),
              static_cast<int64_t>(story.schedule.size()));
    EXPECT_EQ(HitsOf(StepRule("task: 'owner'", "off"), protocol->id),
              static_cast<int64_t>(StepsOf(story, "owner").size()));
    EXPECT_EQ(HitsOf(StepRule("operation: 'register'", "off"), protocol->id),
              static_cast<int64_t>(StepsOf(story, "owner", 1).size()));
    EXPECT_EQ(HitsOf(StepRule("operation: 'unregister'", "off"), protocol->id),
              static_cast<int64_t>(StepsOf(story, "owner", 3).size()));
    EXPECT_EQ(HitsOf(StepRule("operation: 'madvise'", "off"), protocol->id),
              static_cast<int64_t>(StepsOf(story, "user", 1).size()));
    EXPECT_EQ(HitsOf(StepRule("task: 'owner' operation: 'madvise'", "off"),
                     protocol->id),
              0);
  }
  EXPECT_GT(seen, 10);
}

// Before the k-th step the world has made one step less than after it: the k-th
// of those that come up to there acts, and no earlier one is the k-th.
TEST(StepPointsTest, HitKIsTheKthStep) {
  const std::vector<int64_t> steps = StepsOf(StoryOf(""), "owner", 1);
  ASSERT_THAT(steps, ::testing::SizeIs(Gt(5)));
  for (size_t k = 1; k <= steps.size(); ++k) {
    const auto fired = [k](int64_t last) {
      return ReportOf(StepRule("task: 'owner' operation: 'register'",
                               "if(step<=" + std::to_string(last) + ") when=" +
                                   std::to_string(k) + " signal(SIGUSR1)"))
          .fired_schedule_count();
    };
    EXPECT_EQ(fired(steps[k - 1]), 1) << k;
    EXPECT_EQ(fired(steps[k - 1] - 1), 0) << k;
  }
}

// At 0 %, one behind the last step, one that only counts: as without it.
TEST(StepPointsTest, ARuleThatDoesNotActChangesNothing) {
  const std::string plain = StoryOf("").event_hash;
  for (const char* trigger :
       {"off", "0%teardown(kill)", "when=100000 teardown(force)"}) {
    EXPECT_EQ(StoryOf(StepRule("", trigger)).event_hash, plain) << trigger;
    EXPECT_EQ(StoryOf("fault { point: 'device/callback/step' trigger: '" +
                      std::string(trigger) + "' }")
                  .event_hash,
              plain)
        << trigger;
  }
  EXPECT_NE(StoryOf(StepRule("", "when=9 teardown(kill)")).event_hash, plain);
}

// Every step inside a callback is one of some event; the walker's own are none.
TEST(StepPointsTest, ACallbacksStepsAreThoseInsideOfIt) {
  const auto hits = [](const std::string& filters) {
    return HitsOf("fault { point: 'device/callback/step' " + filters +
                  " trigger: 'off' }");
  };
  const int64_t all = hits("");
  EXPECT_GT(all, 0);
  EXPECT_LT(all, HitsOf(StepRule("task: 'user'", "off")) +
                     HitsOf(StepRule("operation: 'unregister'", "off")));
  EXPECT_EQ(hits("notifier: 'n0'"), all);
  EXPECT_EQ(hits("mm: 'm0'"), all);
  const int64_t starts = hits("event: CALLBACK_EVENT_INVALIDATE_RANGE_START");
  const int64_t ends = hits("event: CALLBACK_EVENT_INVALIDATE_RANGE_END");
  const int64_t releases = hits("event: CALLBACK_EVENT_RELEASE");
  EXPECT_THAT((std::vector<int64_t>{starts, ends}), Each(Gt(0)));
  EXPECT_EQ(starts + ends + releases, all);
}

TEST(StepPointsTest, NobodyCanStopThere) {
  for (const char* action : {"hold", "yield", "delay(1ms)", "error(ENOMEM)"}) {
    const auto result =
        RunCase(With(StepRule("", action)), *notifier::FindProtocol("6.1"), {});
    EXPECT_FALSE(result.ok()) << action;
  }
}

// What a rule at every step does is seen by no step that commutes with it: a
// search that tries one order would miss a kill between two of them.
TEST(StepPointsTest, SearchesTryEveryOrder) {
  CaseOptions options;
  options.schedule_count = 1000000;
  for (const bool armed : {false, true}) {
    v1::Scenario scenario =
        With(armed ? StepRule("task: 'owner' operation: 'unregister'",
                              "when=2 signal(SIGUSR1)")
                   : "");
    scenario.mutable_task(1)->mutable_step()->RemoveLast();
    scenario.mutable_explore()->set_strategy("dpor");
    scenario.mutable_explore()->set_search_step_budget(20000);
    const auto result =
        RunCase(scenario, *notifier::FindProtocol("6.1"), options);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->explore().strategy(), armed ? "stateful" : "dpor");
    EXPECT_EQ(result->explore().reason().find("a rule counts or touches") !=
                  std::string::npos,
              armed);
  }
}

// Two registrations that have nothing in common but a rule that counts both:
// the first allocation to be made fails, whosever it is.
TEST(StepPointsTest, ASearchTriesWhoComesFirstToARule) {
  constexpr char kApart[] = R"pb(
    id: "apart"
    protocols: "6.1"
    mm { id: "m0" }
    mm { id: "m1" }
    task {
      id: "a"
      mm: "m0"
      step { register { notifier: "n0" } }
    }
    task {
      id: "b"
      mm: "m1"
      step { register { notifier: "n1" } }
    }
    probe {
      id: "a"
      property: PROPERTY_SOMETIMES
      moment: MOMENT_AFTER
      that: "rc(a) == -ENOMEM && rc(b) == 0"
    }
    probe {
      id: "b"
      property: PROPERTY_SOMETIMES
      moment: MOMENT_AFTER
      that: "rc(a) == 0 && rc(b) == -ENOMEM"
    }
    fault { point: "kernel/kmalloc/alloc" trigger: "1*error(ENOMEM)" }
    explore { seed: 1 }
  )pb";
  for (const char* strategy : {"dpor", "dfs", "stateful", "bounded"}) {
    auto scenario = ParseScenario(kApart, "apart");
    ASSERT_TRUE(scenario.ok()) << scenario.status();
    scenario->mutable_explore()->set_strategy(strategy);
    CaseOptions options;
    options.schedule_count = 1000000;
    const auto result =
        RunCase(*scenario, *notifier::FindProtocol("6.1"), options);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->explore().outcome(), v1::ExploreReport::OUTCOME_COMPLETE);
    ASSERT_EQ(result->probes_size(), 2);
    EXPECT_TRUE(result->probes(0).met()) << strategy;
    EXPECT_TRUE(result->probes(1).met()) << strategy;
  }
}

}  // namespace
}  // namespace mmfault::scenario
