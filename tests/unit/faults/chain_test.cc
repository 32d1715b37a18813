// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: rules made from text act at the passes that the documented order says:
// filter, if, when, p%, n*, action, and on to the next term. Method: what each
// pass of a point gives, spelled out for small triggers, and compared with a
// plain oracle for random ones.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "faults/registry.h"
#include "faults/trigger/rule.h"
#include "faults/trigger/trigger.h"
#include "server/base/prng.h"
#include "tests/unit/faults/random_trigger.h"

namespace mmfault::faults {
namespace {

constexpr Point kPoint = Point::kKmalloc;

// The same draw for every rule and term at one hit, so that an oracle needs to
// know nothing about how they are told apart.
uint64_t DrawAt(uint64_t hit) { return base::Mix64(hit); }

class FakeSource : public DecisionSource {
 public:
  CounterId NewCounter(Point /*point*/) override {
    counters_.emplace_back();
    return static_cast<CounterId>(counters_.size());
  }
  void FreeCounter(CounterId id) override { freed_ += id != 0 ? 1 : 0; }
  uint64_t CountHit(CounterId id) override { return ++counters_[id - 1].hits; }
  void CountFire(CounterId id) override { ++counters_[id - 1].fires; }
  uint64_t Hits(CounterId id) const override { return counters_[id - 1].hits; }
  uint64_t Fires(CounterId id) const override {
    return counters_[id - 1].fires;
  }
  uint64_t LastFireStep(CounterId /*id*/) const override { return 0; }
  uint64_t Draw(uint64_t /*point*/, uint64_t scope,
                uint64_t hit) const override {
    scopes_[scope] += 1;
    return DrawAt(hit);
  }
  std::optional<int64_t> Value(Variable variable,
                               const PointContext& /*context*/) const override {
    const auto it = values.find(variable);
    return it == values.end() ? std::nullopt : std::optional(it->second);
  }
  size_t freed() const { return freed_; }
  size_t scope_count() const { return scopes_.size(); }

  std::map<Variable, int64_t> values;

 private:
  struct Counts {
    uint64_t hits = 0;
    uint64_t fires = 0;
  };
  std::vector<Counts> counters_;
  size_t freed_ = 0;
  mutable std::map<uint64_t, int> scopes_;
};

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
  registry_.DisarmAll();
  EXPECT_EQ(source_.freed(), 6U);
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
  EXPECT_EQ(quiet("when=2..5+3 yield"), 1U);
  Passes(2);
  EXPECT_EQ(registry_.QuietPasses(kPoint), 2U);
  Passes(3);
  EXPECT_EQ(registry_.QuietPasses(kPoint), kForEver);  // behind the last
}

// --- Against an oracle -----------------------------------------------------

// The documented order, said once more in the plainest way.
class Oracle {
 public:
  explicit Oracle(const std::vector<Trigger>& rules) : rules_(rules) {}

  Action Pass(const std::map<Variable, int64_t>& values) {
    Action action;
    for (size_t r = 0; r < rules_.size(); ++r) {
      bool taken = action.kind != ActionKind::kNone;
      for (size_t t = 0; t < rules_[r].terms.size(); ++t) {
        const Term& term = rules_[r].terms[t];
        bool admitted = true;
        for (const Condition& c : term.conditions) {
          const auto it = values.find(c.variable);
          admitted = admitted && it != values.end() && c.HoldsFor(it->second);
        }
        if (!admitted) {
          continue;
        }
        const uint64_t hit = ++hits_[{r, t}];
        const bool in_when = hit >= term.when.first && hit <= term.when.last &&
                             (hit - term.when.first) % term.when.step == 0;
        const bool drawn = DrawAt(hit) % kAlwaysPpm < term.probability_ppm;
        if (!taken && in_when && drawn && fires_[{r, t}] < term.times) {
          fires_[{r, t}] += 1;
          taken = true;
          action = term.action;
        }
      }
    }
    return action;
  }

 private:
  std::vector<Trigger> rules_;
  std::map<std::pair<size_t, size_t>, uint64_t> hits_;
  std::map<std::pair<size_t, size_t>, uint64_t> fires_;
};

TEST(OracleTest, RandomRulesActAsTheOracleSays) {
  base::Prng prng(3);
  int acted = 0;
  for (int round = 0; round < 2000; ++round) {
    FakeSource source;
    Registry registry(&source);
    std::vector<Trigger> triggers;
    for (uint32_t i = 1 + prng.Below(3); i > 0; --i) {
      triggers.push_back(RandomTrigger(&prng));
      registry.Arm({.point = kPoint, .terms = triggers.back().terms});
    }
    Oracle oracle(triggers);
    for (int pass = 0; pass < 30; ++pass) {
      for (int v = 0; v < kVariableCount; ++v) {
        source.values[static_cast<Variable>(v)] = prng.Below(3);
      }
      const PointContext context = {
          .task = static_cast<int>(source.values[Variable::kTask]),
          .scope = static_cast<uint64_t>(source.values[Variable::kCall])};
      const Action action = registry.Evaluate(kPoint, context);
      Action wanted = oracle.Pass(source.values);
      if (wanted.arg2 != 0) {  // a delay within bounds
        ASSERT_GE(action.arg, wanted.arg);
        ASSERT_LE(action.arg, wanted.arg2);
        wanted = {wanted.kind, action.arg};
      }
      ASSERT_EQ(action, wanted)
          << PrintTrigger(triggers[0]) << " at pass " << pass + 1;
      acted += action.kind != ActionKind::kNone ? 1 : 0;
    }
  }
  EXPECT_GT(acted, 10000);  // the comparison is about something
}

}  // namespace
}  // namespace mmfault::faults
