// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: a rule is said to let steps commute only where no order of other tasks'
// steps can change what it does. Method: a table, both ways.

#include "faults/commute.h"

#include <string>

#include "faults/trigger/rule.h"
#include "gtest/gtest.h"

namespace mmfault::faults {
namespace {

bool Commutes(const std::string& point, const std::string& trigger,
              bool one_task) {
  const auto rule = MakeRule(point, trigger);
  EXPECT_TRUE(rule.ok()) << rule.status();
  return rule.ok() && LetsStepsCommute(*rule, one_task);
}

constexpr char kAlloc[] = "kernel/kmalloc/alloc";
constexpr char kEnter[] = "notifier/register/enter";
constexpr char kDeliver[] = "notifier/callback/deliver";

// Whoever passes, at each of its passes.
TEST(CommuteTest, WhatCountsNothingDoes) {
  for (const char* trigger :
       {"off", "error(ENOMEM)", "signal(9)", "if(task==1) error(ENOMEM)",
        "if(call==2) off -> signal(9)", "drop_capability", "yield(3)"}) {
    EXPECT_TRUE(Commutes(kAlloc, trigger, false)) << trigger;
  }
}

// Which task has the second pass depends on the order of both.
TEST(CommuteTest, WhatCountsDoesForOneTaskOnly) {
  for (const char* trigger :
       {"when=2 error(ENOMEM)", "1*error(ENOMEM)", "50%error(ENOMEM)",
        "mask=0x2 error(ENOMEM)", "space=3 error(ENOMEM)",
        "interval=2 error(ENOMEM)", "4*off -> error(ENOMEM)"}) {
    EXPECT_FALSE(Commutes(kAlloc, trigger, false)) << trigger;
    EXPECT_TRUE(Commutes(kAlloc, trigger, true)) << trigger;
  }
}

TEST(CommuteTest, WhatOthersSeeDoesNot) {
  for (const char* trigger :
       {"teardown(kill)", "teardown(force)", "if(mm_users==1) signal(9)",
        "if(step>9) signal(9)"}) {
    EXPECT_FALSE(Commutes(kEnter, trigger, true)) << trigger;
  }
  EXPECT_FALSE(Commutes(kDeliver, "reorder(1)", true));
  EXPECT_FALSE(Commutes(kDeliver, "duplicate", true));
  EXPECT_TRUE(Commutes(kDeliver, "drop", true));
  EXPECT_FALSE(Commutes("sched/task/step", "signal(9)", true));
  EXPECT_TRUE(Commutes("sched/task/step", "when=3 off", false));  // looks on
}

}  // namespace
}  // namespace mmfault::faults
