// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: somebody reading the table sees what came out, and can paste the next
// command. Method: one run with a case of each standing, looked at as text.

#include "server/report/text.h"

#include <gmock/gmock.h>

#include "tests/unit/report/sample_run.h"

namespace mmfault::report {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(RenderCaseTest, ARowNamesVerdictCheckerAndCatalogue) {
  const std::string text = RenderCase(SampleRun().results(0), {});
  EXPECT_THAT(text, HasSubstr("unregister_at_zero"));
  EXPECT_THAT(text, HasSubstr("met "));
  EXPECT_THAT(text, HasSubstr("VIOLATED (no_use_after_free P19)"));
  EXPECT_THAT(text, HasSubstr("1,234"));
}

TEST(RenderCaseTest, OneReplayLineForEachChecker) {
  const std::string text = RenderCase(SampleRun().results(0), {});
  EXPECT_THAT(text, HasSubstr("--seed 7\n"));
  EXPECT_THAT(text, Not(HasSubstr("--seed 8")));
}

TEST(RenderCaseTest, AnUnmetCaseSaysWhatWasExpected) {
  const std::string text = RenderCase(SampleRun().results(1), {});
  EXPECT_THAT(text, HasSubstr("NOT MET"));
  EXPECT_THAT(text, HasSubstr("    no_deadlock: VIOLATED, expected HOLDS\n"));
}

TEST(RenderCaseTest, ProbesSayWhatTheyFound) {
  const std::string text = RenderCase(ProbedCase(), {});
  EXPECT_THAT(text, HasSubstr("probe retried: SOMETIMES, met: at step 9"));
  EXPECT_THAT(text, HasSubstr("probe users: ALWAYS, NOT MET: at step 12"));
  EXPECT_THAT(text, HasSubstr("probe users: mmfault run p.textproto"));
  EXPECT_THAT(text, HasSubstr("probe freed: REACHABLE, NOT MET: never came"));
}

TEST(RenderFooterTest, TheNextCommandMayBeAProbes) {
  v1::Run run;
  *run.add_results() = ProbedCase();
  EXPECT_THAT(RenderFooter(run),
              HasSubstr("next: mmfault run p.textproto --seed 3\n"));
}

TEST(RenderCaseTest, ARowIsAlignedWithTheHeader) {
  const v1::Run run = SampleRun();
  const TableLayout layout = LayoutFor(run);
  const std::string header = RenderHeader(layout);
  const std::string row = RenderCase(run.results(1), layout);
  EXPECT_EQ(header.find("PROTOCOL"), row.find("6.1"));
  EXPECT_EQ(header.find("RESULT"), row.find("NOT MET"));
}

TEST(RenderFooterTest, TotalsAndTheNextCommand) {
  const std::string text = RenderFooter(SampleRun());
  EXPECT_THAT(text, HasSubstr("3 cases: 1 met, 1 not met, 1 inconclusive; "
                              "1,241 schedules; seed 7"));
  EXPECT_THAT(text, HasSubstr("next: mmfault run u.textproto --seed 9\n"));
  EXPECT_THAT(text, HasSubstr("raise --schedules"));
}

TEST(RenderFooterTest, OneCaseIsNoCases) {
  v1::Run run;
  *run.add_results() = ProbedCase();
  EXPECT_THAT(RenderFooter(run), HasSubstr("\n1 case: "));
}

TEST(RenderTextTest, AnEmptyRunIsNoSurprise) {
  EXPECT_THAT(RenderText({}), HasSubstr("0 cases"));
}

}  // namespace
}  // namespace mmfault::report
