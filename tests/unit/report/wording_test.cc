// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/report/wording.h"

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
