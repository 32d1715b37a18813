// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: rules made from text act at the passes that the documented order says:
// filter, if, when, mask, space, interval, p%, n*, action, and on to the next
// term. Method: what each pass of a point gives, spelled out for small
// triggers; oracle_test.cc compares random ones with the kernel's code.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "faults/registry.h"
#include "faults/trigger/rule.h"
#include "faults/trigger/trigger.h"
#include "tests/unit/faults/fake_source.h"

namespace mmfault::faults {
namespace {

constexpr Point kPoint = Point::kKmalloc;

Rule RuleOf(const std::string& text) {
  const absl::StatusOr<Rule> rule = MakeRule(InfoOf(kPoint).name, text);
  EXPECT_TRUE(rule.ok()) << rule.status();
  return rule.ok() ? *rule : Rule{.point = kPoint};
}

class ChainTest : public ::testing::Test {
 protected:
  // One letter a pass: E, Y, S and H for what happened, `.` for nothing.
  std::string Passes(int count, const PointContext& context = {}) {
    std::string story;
    for (int i = 0; i < count; ++i) {
      const Action action = registry_.Evaluate(kPoint, context);
      story += ".ESHYDKF"[static_cast<int>(action.kind)];
    }
    return story;
  }
  const Rule& Arm(const std::string& text) {
    return *registry_.Find(registry_.Arm(RuleOf(text)));
  }

  FakeSource source_;
  Registry registry_{&source_};
};

TEST_F(ChainTest, OffMatchesAndStops) {
  Arm("4*off -> 1*error(ENOMEM)");
  EXPECT_EQ(Passes(8), "....E...");
}

TEST_F(ChainTest, AnyTermThatDeclinesFallsThrough) {
  Arm("2*error(ENOMEM) -> 1*signal(9) -> yield");
  EXPECT_EQ(Passes(6), "EESYYY");
}

TEST_F(ChainTest, AHitIsTheSameHitForEveryTerm) {
  Arm("when=3 error(ENOMEM) -> when=5 yield -> when=3..6 signal(9)");
  EXPECT_EQ(Passes(8), "..ESYS..");
}

TEST_F(ChainTest, AMissedDrawUsesUpNoCount) {
  Arm("50%3*error(ENOMEM)");
  int fires = 0;
  std::string expected;
  for (uint64_t hit = 1; hit <= 40; ++hit) {
    const bool fire = DrawAt(hit) % kAlwaysPpm < 500000 && fires < 3;
    fires += fire ? 1 : 0;
    expected += fire ? 'E' : '.';
  }
  EXPECT_EQ(Passes(40), expected);
  EXPECT_EQ(fires, 3);
}

TEST_F(ChainTest, WhenCountsOnlyWhereTheConditionHolds) {
  Arm("if(call==2) when=2 error(ENOMEM)");
  EXPECT_EQ(Passes(3, {.scope = 1}), "...");
  EXPECT_EQ(Passes(3, {.scope = 2}), ".E.");
}

TEST_F(ChainTest, ConditionsAskTheWorld) {
  Arm("if(mm_users==0 && locks_held>1) error(ENOMEM)");
  source_.values = {{Variable::kMmUsers, 1}, {Variable::kLocksHeld, 2}};
  EXPECT_EQ(Passes(1), ".");
  source_.values[Variable::kMmUsers] = 0;
  EXPECT_EQ(Passes(1), "E");
  source_.values[Variable::kLocksHeld] = 1;
  EXPECT_EQ(Passes(1), ".");
}

TEST_F(ChainTest, NoValueIsNoMatchWhateverTheComparison) {
  Arm("if(mm_users!=0) error(ENOMEM) -> if(mm_users==0) yield");
  EXPECT_EQ(Passes(2), "..");
}

TEST_F(ChainTest, TheFirstRuleThatActsWinsAndTheOthersCount) {
  Arm("when=2 yield");
  const uint32_t second = Arm("when=3 error(ENOMEM)").id;
  EXPECT_EQ(Passes(4), ".YE.");
  EXPECT_EQ(source_.Hits(registry_.Find(second)->counter), 4U);
  EXPECT_EQ(source_.Fires(registry_.Find(second)->counter), 1U);
}

// A rule that only counts must not switch off somebody else's.
TEST_F(ChainTest, OffDoesNotSilenceOtherRules) {
  const uint32_t counting = Arm("off").id;
  Arm("when=2 error(ENOMEM)");
  EXPECT_EQ(Passes(3), ".E.");
  EXPECT_EQ(source_.Hits(registry_.Find(counting)->counter), 3U);
  EXPECT_EQ(source_.Fires(registry_.Find(counting)->counter), 0U);
}

TEST_F(ChainTest, FiltersDecideWhatIsCounted) {
  Rule rule = RuleOf("when=2 error(ENOMEM)");
  rule.task = 1;
  rule.mm = 7;
  registry_.Arm(rule);
  EXPECT_EQ(Passes(3, {.task = 0, .mm = 7}), "...");
  EXPECT_EQ(Passes(3, {.task = 1, .mm = 6}), "...");
  EXPECT_EQ(Passes(3, {.task = 1, .mm = 7}), ".E.");
}

TEST_F(ChainTest, AMaskIsABitAHit) {
  Arm("mask=0x15 error(ENOMEM)");
  EXPECT_EQ(Passes(8), "E.E.E...");
  EXPECT_EQ(Passes(64), std::string(64, '.'));
}

TEST_F(ChainTest, AMaskCountsWhatWhenLetsThrough) {
  Arm("when=2+2 mask=0x5 error(ENOMEM)");
  EXPECT_EQ(Passes(9), ".E...E...");
}

TEST_F(ChainTest, TheLastBitOfAMaskIsHit64) {
  Arm("mask=0x8000000000000000 error(ENOMEM)");
  EXPECT_EQ(Passes(65), std::string(63, '.') + "E.");
}

TEST_F(ChainTest, SpaceGoesByOnce) {
  Arm("space=3 error(ENOMEM)");
  EXPECT_EQ(Passes(5), "..EEE");
}

TEST_F(ChainTest, IntervalCountsWhatSpaceLetsThrough) {
  Arm("space=3 interval=2 error(ENOMEM)");
  EXPECT_EQ(Passes(8), "...E.E.E");
}

// failslab=3,100,0,2: every third one, twice.
TEST_F(ChainTest, TheKernelsFourNumbers) {
  Arm("3,100,0,2");
  EXPECT_EQ(Passes(12), "..E..E......");
}

TEST_F(ChainTest, TermsAndRulesDrawApart) {
  Arm("0%yield -> 0%yield");
  Arm("0%yield");
  Passes(1);
  EXPECT_EQ(source_.scope_count(), 3U);
}

// What was armed before, or beside it and never acts, changes no draw.
TEST_F(ChainTest, DrawsDependOnWhatTheRuleSays) {
  const std::string text = "30%error(ENOMEM)";
  const uint64_t alone = Arm(text).draw_scope;
  const uint64_t twin = Arm(text).draw_scope;
  EXPECT_NE(alone, twin);
  EXPECT_NE(alone, Arm("31%error(ENOMEM)").draw_scope);
  const uint64_t spaced = Arm("space=9 30%error(ENOMEM)").draw_scope;
  EXPECT_NE(alone, spaced);
  EXPECT_NE(spaced, Arm("interval=9 30%error(ENOMEM)").draw_scope);
  EXPECT_NE(spaced, Arm("mask=9 30%error(ENOMEM)").draw_scope);
  registry_.DisarmAll();
  EXPECT_EQ(source_.freed(), 12U);
  Arm("0%yield");
  EXPECT_EQ(Arm(text).draw_scope, alone);
  EXPECT_EQ(Arm(text).draw_scope, twin);
}

TEST_F(ChainTest, QuietPassesAreThoseBeforeTheNextAction) {
  const auto quiet = [this](const std::string& text) {
    registry_.DisarmAll();
    Arm(text);
    return registry_.QuietPasses(kPoint);
  };
  EXPECT_EQ(quiet("when=5 yield"), 4U);
  EXPECT_EQ(quiet("when=5..9+2 yield -> when=3 off"), 2U);
  EXPECT_EQ(quiet("0%yield"), kForEver);
  EXPECT_EQ(quiet("1%yield"), 0U);
  EXPECT_EQ(quiet("if(task==9) yield"), 0U);
  EXPECT_EQ(quiet("when=2..4+2 1*yield"), 1U);
  EXPECT_EQ(Passes(2), ".Y");
  EXPECT_EQ(registry_.QuietPasses(kPoint), kForEver);  // used up
  EXPECT_EQ(quiet("when=7 mask=0x1 yield"), 6U);
  EXPECT_EQ(quiet("when=7 interval=2 yield"), kForEver);
  EXPECT_EQ(quiet("when=2+3 interval=2 yield"), 4U);
  EXPECT_EQ(quiet("space=9 yield"), 1U);  // a bound, and not the best one
  EXPECT_EQ(quiet("when=2..5+3 yield"), 1U);
  Passes(2);
  EXPECT_EQ(registry_.QuietPasses(kPoint), 2U);
  Passes(3);
  EXPECT_EQ(registry_.QuietPasses(kPoint), kForEver);  // behind the last
}

}  // namespace
}  // namespace mmfault::faults
