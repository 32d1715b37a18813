// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: what a search has found is repeated from its decisions, and made as
// small as it can be. Method: the interval leak from contracts alone, with a
// task and steps that have no part in it, found by PCT schedules.

#include "server/scenario/minimize.h"

#include <string>

#include "gtest/gtest.h"
#include "server/notifier/protocols.h"
#include "server/scenario/decisions.h"

namespace mmfault::scenario {
namespace {

constexpr char kLeak[] = R"pb(
  id: "leak"
  protocols: "6.1"
  world { rmap_lock: RMAP_LOCK_MUTEX }
  notifier {
    id: "n0"
    modelled {
      unimplemented: CALLBACK_EVENT_INVALIDATE_RANGE_END
      answer {
        event: CALLBACK_EVENT_INVALIDATE_RANGE_START
        rc: -11
        only_nonblocking: true
        optional: true
      }
    }
  }
  notifier {
    id: "i0"
    kind: KIND_INTERVAL
    modelled {}
  }
  mm {
    id: "m0"
    mm_users: 2
    vma {
      start: 0x10000
      end: 0x12000
      anonymous {}
      anon_vma: true
      populated: true
    }
  }
  task {
    id: "process"
    mm: "m0"
    step { insert { notifier: "i0" start: 0x10000 length: 0x2000 } }
    step { register { notifier: "n0" } }
    step { madvise { range { start: 0x10000 end: 0x11000 } } }
    step { remove { notifier: "i0" } }
  }
  task {
    id: "reaper"
    step { oom_reap { mm: "m0" } }
  }
  task {
    id: "bystander"
    mm: "m0"
    step { yield_cpu {} }
    step { yield_cpu {} }
  }
  explore { strategy: "pct" }
  expect { checker: "no_deadlock" verdict: VIOLATED }
)pb";

const notifier::Protocol& Sixone() { return *notifier::FindProtocol("6.1"); }

v1::Scenario Leak() {
  auto scenario = ParseScenario(kLeak, "leak.textproto");
  EXPECT_TRUE(scenario.ok()) << scenario.status().message();
  return *std::move(scenario);
}

// The first violation under PCT schedules.
v1::Violation Found(const v1::Scenario& scenario) {
  CaseOptions options;
  options.schedule_count = 20'000;
  const auto result = RunCase(scenario, Sixone(), options);
  EXPECT_TRUE(result.ok()) << result.status().message();
  EXPECT_GT(result->violations_size(), 0);
  return result->violations(0);
}

TEST(MinimizeTest, AStoryRepeatsFromItsDecisions) {
  const v1::Scenario scenario = Leak();
  StoryOptions by_seed;
  by_seed.seed = static_cast<uint64_t>(Found(scenario).schedule_seed());
  const auto first = TellStory(scenario, Sixone(), by_seed);
  ASSERT_TRUE(first.ok()) << first.status().message();
  ASSERT_FALSE(first->violations.empty());

  const auto parsed = ParseDecisions(DecisionsText(first->schedule));
  ASSERT_TRUE(parsed.ok());
  StoryOptions by_decisions;
  by_decisions.schedule = &*parsed;
  const auto again = TellStory(scenario, Sixone(), by_decisions);
  ASSERT_TRUE(again.ok()) << again.status().message();
  EXPECT_EQ(again->event_hash, first->event_hash);
  EXPECT_EQ(again->fingerprint, first->fingerprint);
  ASSERT_FALSE(again->violations.empty());
  EXPECT_EQ(again->violations[0].step(), first->violations[0].step());
}

TEST(MinimizeTest, OnlyWhatMattersIsLeft) {
  const v1::Scenario scenario = Leak();
  MinimizeOptions options;
  options.story.seed = static_cast<uint64_t>(Found(scenario).schedule_seed());
  options.checker = "no_deadlock";
  const auto smaller = Minimize(scenario, Sixone(), options);
  ASSERT_TRUE(smaller.ok()) << smaller.status().message();

  EXPECT_EQ(smaller->violation.checker(), "no_deadlock");
  EXPECT_EQ(smaller->report.preemption_count(), 1);
  EXPECT_TRUE(smaller->report.fewest()) << smaller->report.certificate();
  EXPECT_LT(smaller->report.step_count(), smaller->report.step_count_before());
  ASSERT_EQ(smaller->scenario.task_size(), 2);
  EXPECT_EQ(smaller->scenario.task(0).id(), "process");
  EXPECT_EQ(smaller->scenario.task(0).step_size(), 3);
  EXPECT_EQ(smaller->scenario.task(1).id(), "reaper");

  // It is an execution of its own: whoever has both can repeat it.
  StoryOptions again;
  again.schedule = &smaller->schedule;
  const auto story = TellStory(smaller->scenario, Sixone(), again);
  ASSERT_TRUE(story.ok());
  ASSERT_FALSE(story->violations.empty());
  EXPECT_EQ(story->violations[0].checker(), "no_deadlock");
}

TEST(MinimizeTest, RefusesWhatBreaksNothing) {
  MinimizeOptions options;
  const sched::Schedule one_after_the_other;
  options.story.schedule = &one_after_the_other;
  const auto smaller = Minimize(Leak(), Sixone(), options);
  ASSERT_FALSE(smaller.ok());
  EXPECT_NE(smaller.status().message().find("breaks nothing"),
            std::string::npos)
      << smaller.status().message();
}

}  // namespace
}  // namespace mmfault::scenario
