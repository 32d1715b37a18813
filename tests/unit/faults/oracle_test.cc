// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: random rules act as Linux would have them act. Method: every pass of a
// point under random triggers, compared with lib/fault-inject.c:
// should_fail_ex() kept word for word: counters that go down, where ours are
// functions of the hit. What Linux does not have stands around it.

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "faults/registry.h"
#include "faults/trigger/trigger.h"
#include "server/base/prng.h"
#include "tests/unit/faults/fake_source.h"
#include "tests/unit/faults/random_trigger.h"

namespace mmfault::faults {
namespace {

constexpr Point kPoint = Point::kKmalloc;
using Values = std::map<Variable, int64_t>;

// struct fault_attr, and before it strace's when and sled's mask.
class Attr {
 public:
  explicit Attr(const Term& term)
      : term_(term),
        mask_(term.mask),
        space_(term.space),
        times_(term.times == kForEver ? -1 : static_cast<int64_t>(term.times)) {
  }

  // Whether the term has matched; then it may act once less. A pass that an
  // earlier term has taken is a hit all the same.
  bool ShouldFail(const Values& values, bool taken) {
    for (const Condition& c : term_.conditions) {
      const auto it = values.find(c.variable);
      if (it == values.end() || !c.HoldsFor(it->second)) return false;
    }
    const uint64_t hit = ++hits_;
    if (hit < term_.when.first || hit > term_.when.last) return false;
    if ((hit - term_.when.first) % term_.when.step != 0) return false;
    if (term_.mask != 0) {
      const bool bit = (mask_ & 1) != 0;
      mask_ >>= 1;
      if (!bit) return false;
    }
    // From here on it is should_fail_ex() with a size of 1.
    if (times_ == 0) return false;
    if (space_ > 1) {
      space_ -= 1;
      return false;
    }
    if (term_.interval > 1) {
      count_++;
      if (count_ % term_.interval != 0) return false;
    }
    if (term_.probability_ppm <= DrawAt(hit) % kAlwaysPpm) return false;
    if (taken) return false;
    if (times_ != -1) times_ -= 1;
    return true;
  }

 private:
  Term term_;
  uint64_t hits_ = 0;
  uint64_t mask_;
  uint64_t space_;
  uint64_t count_ = 0;
  int64_t times_;
};

class Oracle {
 public:
  explicit Oracle(const std::vector<Trigger>& rules) {
    for (const Trigger& rule : rules) {
      for (const Term& term : rule.terms) {
        terms_.emplace_back(Attr(term), term.action);
        rule_ends_.push_back(false);
      }
      rule_ends_.back() = true;
    }
  }

  Action Pass(const Values& values) {
    Action action;
    bool matched = false;
    for (size_t i = 0; i < terms_.size(); ++i) {
      if (terms_[i].first.ShouldFail(values, matched)) {
        matched = true;
        action = terms_[i].second;
      }
      // `off` ends its own rule's turn and nobody else's.
      if (rule_ends_[i]) matched = action.kind != ActionKind::kNone;
    }
    return action;
  }

 private:
  std::vector<std::pair<Attr, Action>> terms_;
  std::vector<bool> rule_ends_;
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
