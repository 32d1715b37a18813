// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// What becomes of a callback and its answer on the way: each fault breaks what
// the kernel relies on and the checker of that says so; without it, with `off`
// and at 0 % the same scenario is clean, and the same execution.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "server/notifier/protocols.h"
#include "server/scenario/runner.h"

namespace mmfault::scenario {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;

constexpr char kOwner[] = R"pb(
  id: "messages"
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
    mm_users: $users
  }
  task {
    id: "owner"
    mm: "m0"
    step { register { notifier: "n0" } }
    step { establish { notifier: "n0" address: 0x10000 } }
    step { madvise { range { start: 0x10000 end: 0x11000 } } }
    step { establish { notifier: "n0" address: 0x12000 } }
    step { munmap { range { start: 0x12000 end: 0x14000 } } } $last
  }
)pb";

// What the owner does in the end: nothing, while somebody else has the mm; or
// it is the last one; or it leaves before.
enum class Last { kNothing, kExit, kUnregister };

v1::Scenario OwnerScenario(Last last, const std::string& fault) {
  std::string text = kOwner;
  text.replace(text.find("$users"), 6, last == Last::kExit ? "1" : "2");
  text.replace(text.find("$last"), 5,
               last != Last::kUnregister
                   ? ""
                   : "step { unregister { notifier: \"n0\" } }"
                     "step { madvise { range { start: 0x10000 end: 0x11000 } } "
                     "}");
  auto scenario = ParseScenario(text + fault, "test.textproto");
  EXPECT_TRUE(scenario.ok()) << scenario.status().message();
  return *scenario;
}

v1::CaseResult RunIt(const v1::Scenario& scenario, std::string_view protocol,
                     int64_t schedules = 20) {
  CaseOptions options;
  options.schedule_count = schedules;
  auto result = RunCase(scenario, *notifier::FindProtocol(protocol), options);
  EXPECT_TRUE(result.ok()) << result.status().message();
  return *result;
}

std::set<std::string> Broken(const v1::CaseResult& result) {
  std::set<std::string> broken;
  for (const v1::Violation& violation : result.violations()) {
    broken.insert(violation.checker());
  }
  return broken;
}

std::string FaultAt(const std::string& point, const std::string& event,
                    const std::string& trigger) {
  return "fault { point: \"notifier/callback/" + point + "\" " +
         (event.empty() ? "" : "event: CALLBACK_EVENT_" + event + " ") +
         "trigger: \"" + trigger + "\" }";
}

struct Planted {
  const char* name;
  const char* point;
  const char* event;
  const char* trigger;
  Last last;
  const char* checker;  // that reports it
};

constexpr Planted kPlanted[] = {
    {"DroppedStart", "deliver", "INVALIDATE_RANGE_START", "1*drop",
     Last::kNothing, "start_end_paired"},
    {"DroppedStartLeavesAMapping", "deliver", "INVALIDATE_RANGE_START",
     "1*drop", Last::kNothing, "no_stale_secondary_mapping"},
    {"DroppedEnd", "deliver", "INVALIDATE_RANGE_END", "when=2 drop",
     Last::kNothing, "start_end_paired"},
    {"DroppedEndLeavesTheDeviceWaiting", "deliver", "INVALIDATE_RANGE_END",
     "1*drop", Last::kNothing, "no_deadlock"},
    {"DroppedRelease", "deliver", "RELEASE", "drop", Last::kExit,
     "release_count"},
    {"TwoStarts", "deliver", "INVALIDATE_RANGE_START", "when=2 duplicate",
     Last::kNothing, "start_end_paired"},
    {"TwoEnds", "deliver", "INVALIDATE_RANGE_END", "1*duplicate",
     Last::kNothing, "start_end_paired"},
    {"TwoReleases", "deliver", "RELEASE", "1*duplicate", Last::kExit,
     "release_count"},
    {"StartAfterItsEnd", "deliver", "INVALIDATE_RANGE_START", "1*reorder",
     Last::kNothing, "start_end_paired"},
    {"StartAfterThePageIsFree", "deliver", "INVALIDATE_RANGE_START",
     "1*reorder(2)", Last::kNothing, "no_stale_secondary_mapping"},
    {"EndAfterUnregister", "deliver", "INVALIDATE_RANGE_END",
     "when=2 reorder(64)", Last::kUnregister, "no_callback_after_unregister"},
    {"LostAnswer", "ack", "INVALIDATE_RANGE_START", "1*drop", Last::kNothing,
     "no_deadlock"},
    {"AnswerThatRefuses", "ack", "INVALIDATE_RANGE_START", "1*corrupt(EAGAIN)",
     Last::kNothing, "start_end_paired"},
};

class PlantedTest : public ::testing::TestWithParam<Planted> {};

TEST_P(PlantedTest, IsReportedAndItsTwinIsClean) {
  const Planted& planted = GetParam();
  const v1::CaseResult clean = RunIt(OwnerScenario(planted.last, ""), "6.1");
  EXPECT_THAT(Broken(clean), IsEmpty());
  const v1::CaseResult faulty = RunIt(
      OwnerScenario(planted.last,
                    FaultAt(planted.point, planted.event, planted.trigger)),
      "6.1");
  EXPECT_THAT(Broken(faulty), Contains(planted.checker));
  // The same once more, with the same decisions.
  const v1::CaseResult again = RunIt(
      OwnerScenario(planted.last,
                    FaultAt(planted.point, planted.event, planted.trigger)),
      "6.1");
  EXPECT_EQ(again.event_hash(), faulty.event_hash());
  for (const char* nothing : {"off", "0%drop"}) {
    const v1::CaseResult off =
        RunIt(OwnerScenario(planted.last,
                            FaultAt(planted.point, planted.event, nothing)),
              "6.1");
    EXPECT_EQ(off.event_hash(), clean.event_hash()) << nothing;
    EXPECT_THAT(Broken(off), IsEmpty());
  }
}

INSTANTIATE_TEST_SUITE_P(Table, PlantedTest, ::testing::ValuesIn(kPlanted),
                         [](const auto& info) { return info.param.name; });

// Any protocol that has the callback reports a lost one.
TEST(MessageFaultsTest, EveryProtocolReportsADroppedRelease) {
  for (const notifier::Protocol* protocol : notifier::AllProtocols()) {
    const std::string id(protocol->id);
    EXPECT_THAT(
        Broken(RunIt(
            OwnerScenario(Last::kExit, FaultAt("deliver", "RELEASE", "drop")),
            id)),
        Contains("release_count"))
        << id;
    EXPECT_THAT(Broken(RunIt(OwnerScenario(Last::kExit, ""), id)), IsEmpty())
        << id;
  }
}

// Delays and holds are schedules: nothing that the kernel relies on breaks.
TEST(MessageFaultsTest, WaitingBreaksNothing) {
  for (const char* point : {"deliver", "ack"}) {
    for (const char* trigger :
         {"delay(10ms)", "50%delay(1us..1h)", "hold", "1*hold(1h)", "yield(3)",
          "if(preempt_count==0) delay(5ms)"}) {
      EXPECT_THAT(
          Broken(RunIt(OwnerScenario(Last::kExit, FaultAt(point, "", trigger)),
                       "6.1")),
          IsEmpty())
          << point << " " << trigger;
    }
  }
}

// Each walker waits for its own answer, so answers may come in any order.
TEST(MessageFaultsTest, AnswersInAnotherOrderBreakNothing) {
  for (const Last last : {Last::kNothing, Last::kExit, Last::kUnregister}) {
    EXPECT_THAT(
        Broken(RunIt(OwnerScenario(last, FaultAt("ack", "", "50%reorder(2)")),
                     "6.1")),
        IsEmpty());
  }
}

// A worker's late callback is a task like any other: a search with undo finds
// what it breaks, and every schedule of it.
TEST(MessageFaultsTest, ASearchGoesThroughLateCallbacks) {
  const std::string explore = "explore { strategy: \"dpor\" }";
  const std::string late =
      FaultAt("deliver", "INVALIDATE_RANGE_START", "1*reorder(2)");
  // The start of the second call is answered by the first call's end.
  const std::string stray =
      FaultAt("ack", "INVALIDATE_RANGE_END", "1*duplicate");
  for (const std::string& fault : {late, stray}) {
    const v1::CaseResult found =
        RunIt(OwnerScenario(Last::kNothing, fault + explore), "6.1", 10000);
    EXPECT_THAT(Broken(found), Contains("no_stale_secondary_mapping")) << fault;
  }
  const v1::CaseResult clean =
      RunIt(OwnerScenario(Last::kNothing, explore), "6.1", 10000);
  EXPECT_THAT(Broken(clean), IsEmpty());
}

// Methods of interval subscriptions take the same way.
constexpr char kInterval[] = R"pb(
  id: "interval"
  protocols: "6.1"
  mm {
    id: "m0"
    vma {
      start: 0x10000
      end: 0x14000
      anonymous {}
      anon_vma: true
      populated: true
    }
    mm_users: 2
  }
  task {
    id: "owner"
    mm: "m0"
    step { insert { notifier: "i0" start: 0x10000 length: 0x4000 } }
    step { establish { notifier: "i0" address: 0x10000 } }
    step { munmap { range { start: 0x10000 end: 0x12000 } } }
    step { remove { notifier: "i0" } }
  }
)pb";

TEST(MessageFaultsTest, IntervalsLoseCallbacksToo) {
  for (const auto& [trigger, broken] :
       {std::pair("drop", true), std::pair("reorder", true),
        std::pair("off", false), std::pair("delay(1ms)", false)}) {
    const auto scenario =
        ParseScenario(std::string(kInterval) +
                          FaultAt("deliver", "INTERVAL_INVALIDATE", trigger),
                      "test.textproto");
    ASSERT_TRUE(scenario.ok()) << scenario.status().message();
    EXPECT_EQ(
        Broken(RunIt(*scenario, "6.1")).count("no_stale_secondary_mapping"),
        broken ? 1U : 0U)
        << trigger;
  }
}

}  // namespace
}  // namespace mmfault::scenario
