// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/report/wording.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/report/sample_run.h"

namespace mmfault::report {
namespace {

TEST(StandingTest, CutIsNeitherMetNorUnmet) {
  const v1::Run run = SampleRun();
  EXPECT_EQ(StandingOf(run.results(0)), Standing::kMet);
  EXPECT_EQ(StandingOf(run.results(1)), Standing::kUnmet);
  EXPECT_EQ(StandingOf(run.results(2)), Standing::kInconclusive);
}

TEST(StandingTest, AViolationOutweighsACut) {
  v1::CaseResult result = SampleRun().results(1);
  result.set_inconclusive_cause("step budget");
  EXPECT_EQ(StandingOf(result), Standing::kUnmet);
}

TEST(StandingTest, ACaseThatDoesNotRepeatIsUnmetAndSaysBothHashes) {
  v1::CaseResult result = SampleRun().results(0);
  result.set_event_hash("00000000000000aa");
  result.set_recheck_event_hash("00000000000000aa");
  EXPECT_EQ(StandingOf(result), Standing::kMet);
  result.set_recheck_event_hash("00000000000000ab");
  result.set_met(false);
  result.set_inconclusive_cause("step budget");
  EXPECT_EQ(StandingOf(result), Standing::kUnmet);
  EXPECT_EQ(UnmetText(result),
            "not repeatable: event hash 00000000000000aa, the second time "
            "00000000000000ab");
}

TEST(VerdictTextTest, WhatIsUnmetComesFirst) {
  EXPECT_EQ(VerdictText(SampleRun().results(1)),
            "VIOLATED (no_deadlock), HOLDS (locks_balanced)");
}

TEST(VerdictTextTest, ALongListIsCut) {
  EXPECT_EQ(VerdictText(SampleRun().results(1), 1),
            "VIOLATED (no_deadlock, +1)");
}

TEST(VerdictTextTest, CheckersOfOneVerdictShareIt) {
  v1::CaseResult result = SampleRun().results(1);
  *result.add_checkers() = result.checkers(0);
  EXPECT_EQ(VerdictText(result),
            "VIOLATED (no_deadlock), HOLDS (locks_balanced, locks_balanced)");
}

TEST(VerdictTextTest, NothingExpectedAndNothingReportedHolds) {
  EXPECT_EQ(VerdictText({}), "HOLDS (all checkers)");
}

TEST(UnmetTextTest, ACutNamesItsCause) {
  EXPECT_EQ(UnmetText(SampleRun().results(2)),
            "no_deadlock: INCONCLUSIVE, expected HOLDS (cut by: step budget)");
}

v1::RuleReport Rule(v1::RuleReport::State state) {
  v1::RuleReport rule;
  rule.set_point("notifier/register/enter");
  rule.set_trigger("when=7 signal(SIGKILL)");
  rule.set_state(state);
  rule.set_hit_count_max(2);
  return rule;
}

TEST(IdleRulesTest, SaysWhichNeverActedAndWhy) {
  v1::CaseResult result;
  *result.add_rules() = Rule(v1::RuleReport::STATE_FIRED);
  *result.add_rules() = Rule(v1::RuleReport::STATE_COUNTS);
  EXPECT_THAT(IdleRules(result), ::testing::IsEmpty());
  *result.add_rules() = Rule(v1::RuleReport::STATE_NOT_DUE);
  *result.add_rules() = Rule(v1::RuleReport::STATE_NOT_PASSED);
  result.mutable_rules(3)->set_sweep(1);
  *result.add_rules() = Rule(v1::RuleReport::STATE_NOT_DRAWN);
  result.mutable_rules(4)->set_trigger("0.1%hold");
  result.mutable_rules(4)->set_expected_fire_count(0.05);
  EXPECT_THAT(
      IdleRules(result),
      ::testing::ElementsAre(
          "rule notifier/register/enter: when=7 signal(SIGKILL) never acted: "
          "at most 2 passes in an execution, and it was due at none",
          "sweep 1, notifier/register/enter: when=7 signal(SIGKILL) never "
          "acted: nothing that it admits has passed the point",
          "rule notifier/register/enter: 0.1%hold was never reached: its "
          "probability gave it 0.05 times in all executions, so that what is "
          "expected of it is void"));
}

// One that has acted by luck is told too: another seed may not have it.
TEST(IdleRulesTest, ALuckyOneIsTold) {
  v1::CaseResult result;
  *result.add_rules() = Rule(v1::RuleReport::STATE_FIRED);
  result.mutable_rules(0)->set_expected_fire_count(0.5);
  ASSERT_EQ(IdleRules(result).size(), 1U);
  result.mutable_rules(0)->set_expected_fire_count(5);
  EXPECT_TRUE(IdleRules(result).empty());
}

TEST(IdleRulesTest, OneThatIsRequiredMakesTheCaseUnmet) {
  v1::CaseResult result;
  *result.add_rules() = Rule(v1::RuleReport::STATE_NOT_DUE);
  result.set_inconclusive_cause("step budget");
  EXPECT_EQ(StandingOf(result), Standing::kInconclusive);
  EXPECT_EQ(UnmetText(result), "");
  result.mutable_rules(0)->set_required(true);
  EXPECT_EQ(StandingOf(result), Standing::kUnmet);
  EXPECT_THAT(UnmetText(result), ::testing::HasSubstr("never acted"));
}

TEST(FaultLinesTest, FaultsThenTheFirstDifference) {
  v1::Violation violation;
  EXPECT_THAT(FaultLines(violation), ::testing::IsEmpty());
  v1::FiredFault* fault = violation.add_faults_fired();
  fault->set_point("a/b/c");
  fault->set_trigger("signal(SIGKILL)");
  fault->set_task("driver");
  fault->set_step(12);
  v1::Divergence* divergence = violation.mutable_divergence();
  divergence->set_differs(true);
  v1::Event* event = divergence->mutable_event();
  event->set_step(14);
  event->set_task("driver");
  event->set_function("mm_lock");
  event->set_object("m0");
  event->set_detail("unlock");
  *divergence->mutable_twin_event() = *event;
  divergence->mutable_twin_event()->set_detail("lock");
  EXPECT_THAT(FaultLines(violation),
              ::testing::ElementsAre(
                  "after the fault a/b/c: signal(SIGKILL) on driver at step 12",
                  "first difference: step 14, driver in mm_lock: unlock m0 "
                  "(without faults driver in mm_lock: lock m0); without the "
                  "faults the promise holds"));
  divergence->Clear();
  divergence->set_twin_violates(true);
  EXPECT_EQ(FaultLines(violation)[1],
            "the faults have changed nothing before it; without the faults the "
            "same promise is broken");
}

TEST(ProbeTextTest, AProbeThatIsNotMetIsUnmet) {
  const v1::CaseResult result = ProbedCase();
  EXPECT_EQ(StandingOf(result), Standing::kUnmet);
  EXPECT_EQ(UnmetText(result),
            "probe users: ALWAYS, NOT MET: at step 12 mm_users(m0) was 0\n"
            "probe freed: REACHABLE, NOT MET: never came in 40 executions");
  EXPECT_EQ(ProbeText(result.probes(0)),
            "probe retried: SOMETIMES, met: at step 9 faults was 1");
}

TEST(ProbeTextTest, ACutDoesNotExcuseAProbe) {
  v1::CaseResult result = ProbedCase();
  result.set_inconclusive_cause("step budget");
  EXPECT_EQ(StandingOf(result), Standing::kUnmet);
}

TEST(GroupedTest, Thousands) {
  EXPECT_EQ(Grouped(0), "0");
  EXPECT_EQ(Grouped(999), "999");
  EXPECT_EQ(Grouped(1000), "1,000");
  EXPECT_EQ(Grouped(-1234567), "-1,234,567");
}

TEST(ElapsedTest, SecondsAndMinutes) {
  google::protobuf::Duration elapsed;
  elapsed.set_nanos(420'000'000);
  EXPECT_EQ(Elapsed(elapsed), "0.4 s");
  elapsed.set_seconds(125);
  EXPECT_EQ(Elapsed(elapsed), "2 min 5 s");
}

}  // namespace
}  // namespace mmfault::report
