// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: what people type from memory of other failpoints means here what it
// means there, or is refused where it stands, with the reason. Method: a golden
// table of the examples in their manuals, and a test for each place at which
// the dialects differ from each other.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "faults/registry.h"
#include "faults/trigger/rule.h"
#include "faults/trigger/trigger.h"
#include "tests/support/matchers.h"
#include "tests/unit/faults/fake_source.h"

namespace mmfault::faults {
namespace {

using ::mmfault::testing_support::IsOk;
using ::mmfault::testing_support::StatusIs;
using ::testing::HasSubstr;

// --- Examples of manuals ---------------------------------------------------

struct Example {
  const char* text;
  const char* canonical;
};

class ExampleTest : public ::testing::TestWithParam<Example> {};

TEST_P(ExampleTest, MeansWhatItMeansThere) {
  const absl::StatusOr<Trigger> trigger = ParseTrigger(GetParam().text);
  ASSERT_THAT(trigger, IsOk());
  EXPECT_EQ(PrintTrigger(*trigger), GetParam().canonical);
}

constexpr Example kExamples[] = {
    // FreeBSD's fail(9).
    {"2%return(5)->5%return(22)", "2%error(EIO) -> 5%error(EINVAL)"},
    {"5*return(5)->0.1%return(22)", "5*error(EIO) -> 0.1%error(EINVAL)"},
    {"1*return(5)[pid 1234]", "if(task==1234) 1*error(EIO)"},
    {"4*off->1*return(12)", "4*off -> 1*error(ENOMEM)"},
    {"off", "off"},
    {"pause", "hold"},
    {"yield", "yield"},
    {"panic", "crash"},
    {"sleep(10)", "delay(10ms)"},
    {"20%3*sleep(50)->panic", "20%3*delay(50ms) -> crash"},
    // gofail and pingcap.
    {"sleep(\"600s\")", "delay(10m)"},
    {"sleep(\"10ms\")", "delay(10ms)"},
    {"return(12)", "error(ENOMEM)"},
    {"return", "error"},
    {"40.0%off", "40%off"},
    // strace.
    {"when=3 signal(SIGKILL)", "when=3 signal(SIGKILL)"},
    {"when=3..7 error(ENOMEM)", "when=3..7 error(ENOMEM)"},
    {"when=3+ error(ENOMEM)", "when=3+ error(ENOMEM)"},
    {"when=3+2 error(ENOMEM)", "when=3+2 error(ENOMEM)"},
    {"when=2..9+3 error(ENOMEM)", "when=2..9+3 error(ENOMEM)"},
    // Linux: failslab=<interval>,<probability>,<space>,<times>, and
    // `printf %#x -12 > retval`.
    {"1,10,0,-1", "10%error"},
    {"100,100,0,-1 error(ENOMEM)", "interval=100 error(ENOMEM)"},
    {"1,100,0,1", "1*error"},
    {"1,100,0,0", "0%error"},
    {"10,5,3,2 signal(9)", "space=3 interval=10 5%2*signal(SIGKILL)"},
    {"if(task==1) when=5+ 2,100,0,-1 -> off",
     "if(task==1) when=5+ interval=2 error -> off"},
    {"error(0xfffffff4)", "error(ENOMEM)"},
    {"error(0xfffffffffffffff4)", "error(ENOMEM)"},
    {"error(-12)", "error(ENOMEM)"},
};

INSTANTIATE_TEST_SUITE_P(Manuals, ExampleTest, ::testing::ValuesIn(kExamples));

struct Foreign {
  const char* text;
  int column;
  const char* message;
};

class ForeignTest : public ::testing::TestWithParam<Foreign> {};

TEST_P(ForeignTest, IsRefusedWithTheReason) {
  const absl::Status status = ParseTrigger(GetParam().text).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument,
                               HasSubstr(GetParam().message)));
  EXPECT_EQ(ColumnOf(status), GetParam().column);
}

constexpr Foreign kForeign[] = {
    {"20%3*print(still alive!)->panic", 6, "nothing is printed here"},
    {"1*break", 3, "there is no debugger here"},
    {"return(\"hello\")", 8, "an errno, not a text"},
    {"return(true)", 8, "unknown error \"true\""},
    {"error=ENOMEM:when=3", 6, "expected \"->\" after an action"},
    {"delay_enter=5", 1, "unknown action \"delay_enter\""},
    {"latency", 1, "did you mean \"delay\"?"},
    {"1*return(5)[thread 3]", 13, "expected pid"},
};

INSTANTIATE_TEST_SUITE_P(Manuals, ForeignTest, ::testing::ValuesIn(kForeign));

// --- Where they differ from each other -------------------------------------

class TrapTest : public ::testing::Test {
 protected:
  // A letter a pass of an allocation: what happened, `.` for nothing.
  static std::string Passes(const std::string& trigger, int count) {
    FakeSource source;
    Registry registry(&source);
    const absl::StatusOr<Rule> rule =
        MakeRule(InfoOf(Point::kKmalloc).name, trigger);
    EXPECT_THAT(rule, IsOk());
    if (!rule.ok()) return "";
    registry.Arm(*rule);
    std::string story;
    for (int i = 0; i < count; ++i) {
      const Action action = registry.Evaluate(Point::kKmalloc, {});
      story += ".ESHYDKFW"[static_cast<int>(action.kind)];
    }
    return story;
  }
};

// (a) Probability before count, or in the order written, or the last of each?
// Probability first, and another order is no trigger at all.
TEST_F(TrapTest, OrderOfProbabilityAndCount) {
  EXPECT_THAT(ParseTrigger("5*2%off"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "column 3: p% must stand before n*; the order is if, "
                       "when=, mask=, space=, interval=, p%, n*, action"));
  EXPECT_EQ(ColumnOf(ParseTrigger("2%5*2%off").status()), 5);
  EXPECT_THAT(ParseTrigger("2%2%off"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "column 3: p% is given twice"));
  EXPECT_EQ(ColumnOf(ParseTrigger("1*when=3 off").status()), 3);
  EXPECT_EQ(ColumnOf(ParseTrigger("when=3 if(task==0) off").status()), 8);
  EXPECT_EQ(ColumnOf(ParseTrigger("space=2 mask=1 off").status()), 9);
  EXPECT_EQ(ColumnOf(ParseTrigger("interval=2 space=2 off").status()), 12);
  // A draw that misses uses up no count: three act, however many are drawn.
  const std::string story = Passes("50%3*error(ENOMEM)", 200);
  EXPECT_EQ(std::count(story.begin(), story.end(), 'E'), 3);
  EXPECT_GT(story.rfind('E'), 2U);
}

// (b) sleep(10) is milliseconds wherever there is one; delay(10) is not.
TEST_F(TrapTest, UnitsOfTime) {
  EXPECT_EQ(ParseTrigger("sleep(10)")->terms[0].action,
            (Action{ActionKind::kDelay, 10'000'000}));
  EXPECT_EQ(*ParseTrigger("sleep(\"10s\")"), *ParseTrigger("delay(10s)"));
  EXPECT_THAT(ParseTrigger("delay(10)"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("a duration has a unit")));
  EXPECT_THAT(ParseTrigger("sleep(\"10\")"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("a duration has a unit")));
  EXPECT_EQ(ColumnOf(ParseTrigger("sleep(0)").status()), 7);
}

// (c) `off` matches, and so uses up its count and ends the chain.
TEST_F(TrapTest, OffConsumesAndStops) {
  EXPECT_EQ(Passes("4*off->1*return(ENOMEM)", 8), "....E...");
  EXPECT_EQ(Passes("off->return(ENOMEM)", 3), "...");
}

// (d) Nothing has a body that runs in the place of an action: after `off`,
// `sleep` and `pause` the kernel's code goes on as if there had been no point.
TEST_F(TrapTest, NoActionButErrorChangesWhatThePointReturns) {
  for (const char* text : {"off", "sleep(10)", "pause", "yield"}) {
    EXPECT_NE(ParseTrigger(text)->terms[0].action.kind, ActionKind::kError);
  }
  EXPECT_EQ(Passes("2*sleep(10)->2*pause->yield", 5), "WWHHY");
}

// (e) Any term that declines falls through, not only return and print.
TEST_F(TrapTest, WhateverDeclinesFallsThrough) {
  EXPECT_EQ(Passes("1*pause->1*sleep(10)->1*return(ENOMEM)->yield", 5),
            "HWEYY");
}

// (f) A percentage may be whole, or not.
TEST_F(TrapTest, PercentagesAreWholeOrNot) {
  EXPECT_EQ(*ParseTrigger("40%off"), *ParseTrigger("40.0%off"));
  EXPECT_EQ(*ParseTrigger("40%off"), *ParseTrigger("400000ppm off"));
  EXPECT_EQ(ParseTrigger("0.0001%off")->terms[0].probability_ppm, 1U);
}

// --- The only error of a point ---------------------------------------------

TEST(OnlyErrorTest, IsLookedUpWhereThePointIsKnown) {
  const absl::StatusOr<Rule> slab =
      MakeRule("kernel/kmalloc/alloc", "1,10,0,-1 -> return");
  ASSERT_THAT(slab, IsOk());
  EXPECT_EQ(PrintTrigger({slab->terms}), "10%error(ENOMEM) -> error(ENOMEM)");
  EXPECT_EQ(MakeRule("kernel/capable/check", "return")->terms[0].action,
            (Action{ActionKind::kError, 1}));
  EXPECT_THAT(MakeRule("mm/exit_mmap/enter", "1,10,0,-1"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("has no error; none comes from there")));
}

}  // namespace
}  // namespace mmfault::faults
