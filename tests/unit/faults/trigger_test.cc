// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: what a trigger says is what it is taken to say, and a wrong one is
// refused at its column. Method: golden tables of texts; random bytes and
// random triggers for the promise that printing and parsing are inverse.

#include "faults/trigger/trigger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "faults/trigger/rule.h"
#include "server/base/prng.h"
#include "tests/support/matchers.h"
#include "tests/unit/faults/random_trigger.h"

namespace mmfault::faults {
namespace {

using ::mmfault::testing_support::IsOk;
using ::mmfault::testing_support::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

struct Golden {
  const char* text;
  const char* canonical;
};

class CanonicalTest : public ::testing::TestWithParam<Golden> {};

TEST_P(CanonicalTest, PrintsTheOneSpelling) {
  const absl::StatusOr<Trigger> trigger = ParseTrigger(GetParam().text);
  ASSERT_THAT(trigger, IsOk());
  EXPECT_EQ(PrintTrigger(*trigger), GetParam().canonical);
  const absl::StatusOr<Trigger> again = ParseTrigger(GetParam().canonical);
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(*again, *trigger);
}

constexpr Golden kGolden[] = {
    // The examples of fault.proto and of the documents.
    {"1*error(ENOMEM)", "1*error(ENOMEM)"},
    {"when=3 signal(9)", "when=3 signal(SIGKILL)"},
    {"10%yield(3)", "10%yield(3)"},
    {"1*hold", "1*hold"},
    {"if(mm_users==0) 1*yield(3)", "if(mm_users==0) 1*yield(3)"},
    // Actions.
    {"error(-ENOMEM)", "error(ENOMEM)"},
    {"error(12)", "error(ENOMEM)"},
    {"error(-12)", "error(ENOMEM)"},
    {"error(4000)", "error(4000)"},
    {"error(0xfffffff4)", "error(ENOMEM)"},
    {"error(0xFFFFFFFFFFFFFFF4)", "error(ENOMEM)"},
    {"error(4294967284)", "error(ENOMEM)"},
    {"error(0xc)", "error(ENOMEM)"},
    {"error(18446744073709551615)", "error(EPERM)"},
    {"error(EWOULDBLOCK)", "error(EAGAIN)"},
    {"error(ENOTSUP)", "error(EOPNOTSUPP)"},
    {"error(ERESTARTNOINTR)", "error(ERESTARTNOINTR)"},
    {"error", "error"},
    {"corrupt(0xfffffff5)", "corrupt(EAGAIN)"},
    {"signal(TERM)", "signal(SIGTERM)"},
    {"signal(SIGUSR1)", "signal(SIGUSR1)"},
    {"signal(40)", "signal(40)"},
    {"yield", "yield"},
    {"yield(1)", "yield"},
    {"drop_capability", "drop_capability"},
    {"teardown(kill)", "teardown(kill)"},
    {"teardown(force)", "teardown(force)"},
    {"off", "off"},
    {"hold(1h)", "hold(1h)"},
    {"hold(90m)", "hold(90m)"},
    {"hold( 60 s )", "hold(1m)"},
    {"delay(10ms)", "delay(10ms)"},
    {"delay(2000us)", "delay(2ms)"},
    {"delay(10ms..20ms)", "delay(10ms..20ms)"},
    {"delay(5ns..5ns)", "delay(5ns)"},
    {"delay(1000h)", "delay(1000h)"},
    {"drop", "drop"},
    {"2*duplicate", "2*duplicate"},
    {"reorder", "reorder"},
    {"reorder(1)", "reorder"},
    {"reorder(3)", "reorder(3)"},
    {"corrupt(EAGAIN)", "corrupt(EAGAIN)"},
    {"corrupt(-EAGAIN)", "corrupt(EAGAIN)"},
    {"corrupt(-11)", "corrupt(EAGAIN)"},
    {"corrupt(-4000)", "corrupt(-4000)"},
    {"corrupt(0)", "corrupt(0)"},
    {"corrupt(1)", "corrupt(1)"},
    {"disconnect", "disconnect"},
    {"crash", "crash"},
    // when, as strace has it.
    {"when=3 off", "when=3 off"},
    {"when=3..7 off", "when=3..7 off"},
    {"when=3+ off", "when=3+ off"},
    {"when=3+2 off", "when=3+2 off"},
    {"when=2..9+3 off", "when=2..9+3 off"},
    {"when=3..7+1 off", "when=3..7 off"},
    {"when=3..7+ off", "when=3..7 off"},
    {"when=4..4+9 off", "when=4 off"},
    {"when=1+ off", "off"},
    {"when=3+ 2*off", "when=3+ 2*off"},
    // Masks, spaces, intervals.
    {"mask=21 off", "mask=0x15 off"},
    {"mask=0xffffffffffffffff off", "mask=0xffffffffffffffff off"},
    {"space=3 off", "space=3 off"},
    {"space=1 interval=0 off", "off"},
    {"interval=3 off", "interval=3 off"},
    {"if(task==1)when=2+ mask=0x5 space=2 interval=3 5%2*off",
     "if(task==1) when=2+ mask=0x5 space=2 interval=3 5%2*off"},
    // Percentages, whole and not.
    {"250ppm off", "0.025%off"},
    {"1000000 ppm off", "off"},
    {"0.1%off", "0.1%off"},
    {"40.0%off", "40%off"},
    {"33.3333%off", "33.3333%off"},
    {"0.0001%off", "0.0001%off"},
    {"0%off", "0%off"},
    {"100%off", "off"},
    {"100.0000 % off", "off"},
    // Conditions.
    {"if( task == 1&&locks_held>=2 )hold", "if(task==1 && locks_held>=2) hold"},
    {"if(map_count!=-1) off", "if(map_count!=-1) off"},
    // Everything, and chains.
    {"if(step<9)when=2..8+2 50%3*error( - EPERM )->off",
     "if(step<9) when=2..8+2 50%3*error(EPERM) -> off"},
    {"\t4 * off->1*error(ENOMEM)", "4*off -> 1*error(ENOMEM)"},
    {"20%3*yield->5%hold -> off", "20%3*yield -> 5%hold -> off"},
};

INSTANTIATE_TEST_SUITE_P(Table, CanonicalTest, ::testing::ValuesIn(kGolden));

struct Refused {
  const char* text;
  int column;
  const char* message;
};

class RefusedTest : public ::testing::TestWithParam<Refused> {};

TEST_P(RefusedTest, SaysWhereAndWhy) {
  const absl::StatusOr<Trigger> trigger = ParseTrigger(GetParam().text);
  const std::string place =
      "column " + std::to_string(GetParam().column) + ": ";
  EXPECT_THAT(trigger, StatusIs(absl::StatusCode::kInvalidArgument,
                                AllOf(StartsWith(place),
                                      HasSubstr(GetParam().message))));
  EXPECT_EQ(ColumnOf(trigger.status()), GetParam().column);
}

constexpr Refused kRefused[] = {
    {"", 1, "expected an action, not the end"},
    {"when=3 eror(ENOMEM)", 8,
     "unknown action \"eror\"; did you mean \"error\"?"},
    {"blow_up_everything", 1,
     "known are error, signal, hold, yield, delay, drop, duplicate, reorder, "
     "corrupt, disconnect, crash, drop_capability, teardown, off"},
    {"1*", 3, "expected an action, not the end"},
    {"off ->", 7, "expected an action, not the end"},
    {"off off", 5, "expected \"->\" after an action, not \"o\""},
    {"error()", 7, "expected an errno, not \")\""},
    {"error(ENOMEN)", 7, "did you mean \"ENOMEM\"?"},
    {"error(0)", 7, "an errno is 1 to 4095"},
    {"error(4096)", 7, "an errno is 1 to 4095"},
    {"error(ENOMEM", 13, "expected \")\""},
    {"error(0xffffefff)", 7, "an errno is 1 to 4095"},
    {"error(0x)", 7, "expected an errno"},
    {"error(0x1ffffffffffffffff)", 7, "at most 64 bits"},
    {"signal(0xfffffff7)", 8, "a signal is 1 to 64"},
    {"mask=0 off", 6, "a mask of 0 never acts"},
    {"mask off", 6, "expected \"=\" after mask"},
    {"space= off", 8, "expected a number of hits"},
    {"interval=-1 off", 10, "expected a number of hits"},
    {"1000001ppm off", 1, "at most 1000000 ppm"},
    {"1,101,0,-1", 3, "a percentage is at most 100"},
    {"1,10,0,-2", 9, "-1 is no limit"},
    {"1,10,0", 7, "expected \",\" after the space, not the end"},
    {"1,10,0,-1 1*off", 11, "n* is given twice"},
    {"space=3 1,10,0,-1", 9, "says all that space= does"},
    {"off[pid 4194305]", 9, "a task is at most 4194304"},
    {"off[tid 1]", 5, "expected pid and the number of a task"},
    {"off[pid 1", 10, "expected \"]\""},
    {"signal(65)", 8, "a signal is 1 to 64"},
    {"signal(SIGKIL)", 8, "did you mean \"SIGKILL\"?"},
    {"hold(3)", 7, "a duration has a unit: ns, us, ms, s, m or h"},
    {"hold(0s)", 6, "a duration is 1ns to 1000h"},
    {"hold(1001h)", 6, "a duration is 1ns to 1000h"},
    {"delay", 6, "expected \"(\" after delay, not the end"},
    {"delay(10)", 9, "a duration has a unit"},
    {"delay(10parsec)", 9, "a duration has a unit"},
    {"delay(ms)", 7, "expected a duration, as 10ms, not \"m\""},
    {"delay(2s..1s)", 11, "the longest delay is below the shortest"},
    {"drop(1)", 5, "drop takes no argument"},
    {"reorder(0)", 9, "1 to 64 callbacks overtake another"},
    {"reorder(65)", 9, "1 to 64 callbacks overtake another"},
    {"corrupt()", 9, "expected an errno or a number"},
    {"corrupt(EAGAIM)", 9, "did you mean \"EAGAIN\"?"},
    {"corrupt(5000)", 9, "an answer is -4095 to 4095"},
    {"yield(0)", 7, "yield gives away 1 to 1000000"},
    {"teardown(now)", 10, "unknown teardown \"now\""},
    {"when=0 off", 6, "hits are counted from 1"},
    {"when=5..3 off", 9, "the last hit comes before the first"},
    {"when=3+0 off", 8, "a step of 0"},
    {"when 3 off", 6, "expected \"=\" after when"},
    {"when=99999999999999999999 off", 6, "too large"},
    {"101%off", 1, "a percentage is at most 100"},
    {"100.5%off", 1, "a percentage is at most 100"},
    {"1.23456%off", 7, "at most four decimals"},
    {"1.%off", 3, "expected a decimal"},
    {"0*off", 1, "a count is at least 1"},
    {"3off", 2, "expected % or *"},
    {"if(mm_user==0) off", 4, "did you mean \"mm_users\"?"},
    {"if(mm_users=0) off", 12, "expected ==, !=, <, <=, > or >="},
    {"if(mm_users==) off", 14, "expected an integer"},
    {"if() off", 4, "unknown variable"},
    {"if mm_users==0 off", 4, "expected \"(\" after if"},
    {"off\n", 4, "not \"\\n\""},
    {"\xff", 1, "not \"\\xff\""},
};

INSTANTIATE_TEST_SUITE_P(Table, RefusedTest, ::testing::ValuesIn(kRefused));

TEST(TriggerTest, LimitsAreLimits) {
  std::string terms = "off";
  for (size_t i = 1; i < kMaxTerms; ++i) {
    terms += "->off";
  }
  EXPECT_THAT(ParseTrigger(terms), IsOk());
  EXPECT_THAT(ParseTrigger(terms + "->off"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("at most 16 terms")));
  EXPECT_THAT(ParseTrigger("off" + std::string(kMaxTriggerBytes, ' ')),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("at most 1024 bytes")));
}

// 100000 texts made of pieces of the grammar and of any bytes: none crashes,
// each is refused at a column inside the text or one past it, or round-trips.
TEST(TriggerTest, AnyBytesAreRefusedOrRoundTrip) {
  base::Prng prng(1);
  int accepted = 0;
  for (int i = 0; i < 100000; ++i) {
    const std::string text = RandomText(&prng);
    const absl::StatusOr<Trigger> trigger = ParseTrigger(text);
    if (!trigger.ok()) {
      const int column = ColumnOf(trigger.status());
      ASSERT_GE(column, 1) << text;
      ASSERT_LE(column, static_cast<int>(text.size()) + 1) << text;
      continue;
    }
    ++accepted;
    const std::string canonical = PrintTrigger(*trigger);
    const absl::StatusOr<Trigger> again = ParseTrigger(canonical);
    ASSERT_THAT(again, IsOk()) << text << "\n" << canonical;
    ASSERT_EQ(*again, *trigger) << text << "\n" << canonical;
    ASSERT_EQ(PrintTrigger(*again), canonical);
  }
  EXPECT_GT(accepted, 1000);
}

TEST(TriggerTest, RandomTriggersRoundTrip) {
  base::Prng prng(2);
  for (int i = 0; i < 20000; ++i) {
    const Trigger trigger = RandomTrigger(&prng);
    const std::string text = PrintTrigger(trigger);
    const absl::StatusOr<Trigger> parsed = ParseTrigger(text);
    ASSERT_THAT(parsed, IsOk()) << text;
    ASSERT_EQ(*parsed, trigger) << text;
  }
}

// --- Rules -----------------------------------------------------------------

TEST(MakeRuleTest, TakesThePointAndTheTerms) {
  const absl::StatusOr<Rule> rule =
      MakeRule("kernel/kmalloc/alloc", "when=3 error(-ENOMEM) -> yield");
  ASSERT_THAT(rule, IsOk());
  EXPECT_EQ(rule->point, Point::kKmalloc);
  ASSERT_EQ(rule->terms.size(), 2U);
  EXPECT_EQ(rule->terms[0].action, (Action{ActionKind::kError, 12}));
  EXPECT_EQ(rule->terms[0].when, (When{3, 3, 1}));
  EXPECT_EQ(rule->task, -1);
}

TEST(MakeRuleTest, SuggestsTheNearestPoint) {
  EXPECT_THAT(MakeRule("kernel/kmaloc/alloc", "off"),
              StatusIs(absl::StatusCode::kNotFound,
                       HasSubstr("the nearest is \"kernel/kmalloc/alloc\"")));
  EXPECT_THAT(MakeRule(std::string(100000, 'x'), "off"),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST(MakeRuleTest, RefusesWhatThePointDoesNotHave) {
  const absl::Status wrong =
      MakeRule("kernel/kmalloc/alloc", "off -> error(EPERM)").status();
  EXPECT_THAT(wrong, StatusIs(absl::StatusCode::kInvalidArgument,
                              "kernel/kmalloc/alloc cannot fail with EPERM; "
                              "what can come from there: ENOMEM"));
  EXPECT_EQ(ColumnOf(wrong), 0);
  EXPECT_THAT(MakeRule("mm/exit_mmap/enter", "error(ENOMEM)"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("no error comes from there")));
  EXPECT_THAT(MakeRule("notifier/mm_lock/vma", "hold"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("a task cannot stop at")));
  EXPECT_THAT(MakeRule("notifier/mm_lock/vma", "signal(9)"), IsOk());
}

// Messages are on their way at two points; answers at one of them.
TEST(MakeRuleTest, MessagesAreWhereTheyAre) {
  constexpr char kDeliver[] = "notifier/callback/deliver";
  constexpr char kAck[] = "notifier/callback/ack";
  for (const char* trigger : {"drop", "duplicate", "reorder(2)", "disconnect",
                              "delay(1ms)", "hold(1h)", "yield", "crash"}) {
    EXPECT_THAT(MakeRule(kDeliver, trigger), IsOk()) << trigger;
    EXPECT_THAT(MakeRule(kAck, trigger), IsOk()) << trigger;
  }
  EXPECT_THAT(MakeRule(kAck, "corrupt(0)"), IsOk());
  EXPECT_THAT(MakeRule(kDeliver, "corrupt(0)"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("no answer is on its way at")));
  for (const char* trigger : {"drop", "duplicate", "off -> reorder"}) {
    EXPECT_THAT(MakeRule("device/callback/enter", trigger),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("no callback is on its way at")));
  }
  EXPECT_THAT(MakeRule("kernel/kmalloc/alloc", "disconnect"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("there is no client to disconnect at")));
  EXPECT_THAT(MakeRule("notifier/mm_lock/vma", "delay(1s)"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("a task cannot stop at")));
}

TEST(MakeRuleTest, AMalformedTriggerHasItsColumn) {
  const absl::StatusOr<Rule> rule = MakeRule("kernel/kmalloc/alloc", "1*eror");
  EXPECT_EQ(ColumnOf(rule.status()), 3);
}

TEST(MakeSweepRuleTest, ActsAtTheHitOnly) {
  const absl::StatusOr<Rule> rule =
      MakeSweepRule("kernel/kmalloc/alloc", "error(ENOMEM)", 7);
  ASSERT_THAT(rule, IsOk());
  EXPECT_EQ(rule->terms[0].when, (When{7, 7, 1}));
  for (const char* text :
       {"when=3 off", "1*off", "5%off", "off -> off", "if(task==0) off"}) {
    EXPECT_THAT(MakeSweepRule("kernel/kmalloc/alloc", text, 1),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("an action alone")))
        << text;
  }
}

}  // namespace
}  // namespace mmfault::faults
