// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Steps that order tasks and name what they do. Each scenario is run under many
// schedules; a step that came back too early, or never, shows as a return code
// that the script does not allow, or as a deadlock.

#include <gtest/gtest.h>

#include <string>

#include "server/notifier/protocols.h"
#include "server/scenario/runner.h"

namespace mmfault::scenario {
namespace {

constexpr int64_t kSchedules = 200;

const notifier::Protocol& Modern() { return *notifier::FindProtocol("6.1"); }

v1::Scenario Parse(const std::string& tasks) {
  const auto scenario = ParseScenario(
      R"(id: "s" protocols: "6.1"
         mm { id: "m" vma { start: 0x10000 end: 0x20000 anonymous {} } } )" +
          tasks,
      "s");
  EXPECT_TRUE(scenario.ok()) << scenario.status().message();
  return scenario.ok() ? *scenario : v1::Scenario();
}

// The checkers that fired, one a word.
std::string Violated(const std::string& tasks) {
  CaseOptions options;
  options.schedule_count = kSchedules;
  options.exhaust = true;
  const v1::Scenario scenario = Parse(tasks);
  const auto result = RunCase(scenario, Modern(), options);
  EXPECT_TRUE(result.ok()) << result.status().message();
  std::string checkers;
  if (result.ok()) {
    for (const v1::Violation& violation : result->violations()) {
      checkers += violation.checker() + " ";
    }
  }
  return checkers;
}

std::string ErrorOf(const std::string& tasks) {
  return std::string(
      CheckCase(Parse(tasks), Modern(), false, Bounds()).message());
}

TEST(JoinTest, ReturnsOnceTheOtherHasEnded) {
  EXPECT_EQ(Violated(R"(
    task { id: "child" step { mmget {} } step { yield_cpu {} repeat: 5 } }
    task {
      id: "parent"
      step { join { task: "child" } expect_rc: 0 }
      step { signal { task: "child" number: 10 } expect_rc: -3 }
      step { mmput {} }
    })"),
            "");
}

TEST(JoinTest, OnlyAFatalSignalEndsItEarly) {
  const std::string waits = R"(
    task { id: "child" step { wait_for { event: "never" } } }
    task { id: "parent" step { join { task: "child" } expect_rc: -4 } })";
  EXPECT_EQ(Violated(waits + R"(
    task {
      id: "killer"
      step { signal { task: "parent" number: 10 } }
      step { sleep { duration_ns: 5 } }
      step { signal { task: "parent" number: 9 } }
      step { signal { task: "child" number: 9 } }
    })"),
            "");
  EXPECT_EQ(Violated(waits), "no_deadlock ");
}

TEST(JoinTest, ATaskThatABugStoppedHasEnded) {
  EXPECT_EQ(Violated(R"(
    mm { id: "dead" }
    task { id: "owner" mm: "dead" step { mmgrab {} } step { exit {} } }
    task {
      id: "victim"
      step { join { task: "owner" } }
      step { register { notifier: "n" mm: "dead" } }
    }
    task { id: "parent" mm: "m" step { join { task: "victim" } } })"),
            "counts_sane ");
}

TEST(JoinTest, RefusesItselfAndNobody) {
  EXPECT_EQ(ErrorOf(R"(task { id: "t" step { join { task: "t" } } })"),
            "a task cannot wait for its own end");
  EXPECT_EQ(ErrorOf(R"(task { id: "t" step { join {} } })"),
            "say which task is waited for");
}

TEST(AwaitSignalTest, TheCallFindsTheSignalPending) {
  for (const char* number : {"10", "19"}) {
    EXPECT_EQ(Violated(R"(
      task {
        id: "driver"
        mm: "m"
        signals { handled: 10 }
        step { register { notifier: "n" } await_signal: AWAIT_SIGNAL_ANY
               label: "first" expect_rc: -4 }
        step { register { notifier: "n" } expect_rc: 0 }
        step { unregister { notifier: "n" } }
      }
      task { id: "sender" step { signal { task: "driver" number: )" +
                       std::string(number) + " } } }"),
              "");
  }
}

TEST(AwaitSignalTest, FatalWaitsForOneThatKills) {
  const std::string driver = R"(
    task {
      id: "driver"
      mm: "m"
      signals { handled: 10 }
      step { register { notifier: "n" } await_signal: AWAIT_SIGNAL_FATAL
             expect_rc: -4 }
      step { mark { text: "not reached" } expect_rc: 1 }
    }
    task {
      id: "sender"
      step { sleep { duration_ns: 5 } }
      step { signal { task: "driver" number: )";
  EXPECT_EQ(Violated(driver + "15 } } }"), "");
  EXPECT_EQ(Violated(driver + "10 } } }"), "no_deadlock ");
}

TEST(WaitForTest, UninterruptibleIgnoresEvenAKill) {
  const std::string waits = R"(
    task {
      id: "waiter"
      step { wait_for { event: "gate" uninterruptible: true } expect_rc: 0 }
    }
    task {
      id: "killer"
      step { sleep { duration_ns: 5 } }
      step { signal { task: "waiter" number: 9 } }
      step { sleep { duration_ns: 5 } }
)";
  EXPECT_EQ(Violated(waits + R"(step { post { event: "gate" } } })"), "");
  EXPECT_EQ(Violated(waits + "}"), "no_deadlock ");
}

TEST(MarkTest, SaysItsTextAndReturnsItsValue) {
  const std::string task = R"(
    task {
      id: "t"
      step { mark { text: "half way" value: -7 } expect_rc: -7 }
      step { title: "the whole window" munmap { mm: "m"
             range { start: 0x10000 end: 0x20000 } } }
    })";
  EXPECT_EQ(Violated(task), "");
  const auto story = TellStory(Parse(task), Modern(), StoryOptions());
  ASSERT_TRUE(story.ok()) << story.status().message();
  int marks = 0;
  int titles = 0;
  for (const v1::Event& event : story->events) {
    marks += event.function() == "half way" ? 1 : 0;
    titles += event.function() == "the whole window" ? 1 : 0;
  }
  EXPECT_GE(marks, 1);
  EXPECT_EQ(titles, 2);  // its begin and its end
}

TEST(TitleTest, IsBounded) {
  EXPECT_EQ(ErrorOf(R"(task { id: "t" step { yield_cpu {} title: ")" +
                    std::string(201, 'x') + R"(" } })"),
            "at most 16384 different titles of at most 200 bytes in a world");
}

}  // namespace
}  // namespace mmfault::scenario
