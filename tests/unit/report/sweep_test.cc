// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: a sweep's cells add up in every form, and the verdict over them is what
// is expected of them. Method: one made up by hand.

#include "server/report/sweep.h"

#include <gmock/gmock.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string>

namespace mmfault::report {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using v1::SweepCell;

SweepCell Single(int64_t group, const std::string& point, int64_t hit,
                 SweepCell::Outcome outcome) {
  SweepCell cell;
  cell.set_group(group);
  cell.set_kind(SweepCell::KIND_SINGLE);
  v1::SweptFault* fault = cell.add_faults();
  fault->set_point(point);
  fault->set_action("signal(SIGKILL)");
  fault->set_hit(hit);
  cell.set_outcome(outcome);
  cell.set_schedule_count(10);
  return cell;
}

void Break(const std::string& checker, v1::Verdict verdict, SweepCell* cell) {
  v1::SweepFinding* finding = cell->add_findings();
  finding->set_checker(checker);
  finding->set_verdict(verdict);
  finding->mutable_violation()->set_replay_line("mmfault run <" + checker +
                                                ">");
}

// Two points; the second one is broken at its first pass.
Sweep Sample() {
  Sweep sweep;
  v1::SweepCase& info = sweep.cases.emplace_back();
  info.set_scenario("s");
  info.set_protocol("6.1");
  info.set_seed(7);
  info.set_applicable(true);
  info.set_group_count(3);
  for (const auto& [name, hits] :
       {std::pair{"a/b/c", 2}, {"d/e/f", 1}, {"never/passed/here", 0}}) {
    v1::SweepPoint* point = info.add_points();
    point->set_point(name);
    point->set_hit_count(hits);
  }
  SweepCell& none = sweep.cells.emplace_back();
  none.set_kind(SweepCell::KIND_FAULT_FREE);
  none.set_outcome(SweepCell::OUTCOME_HOLDS);
  none.set_schedule_count(10);
  for (const int64_t hit : {1, 2}) {
    sweep.cells.push_back(Single(1, "a/b/c", hit, SweepCell::OUTCOME_HOLDS));
  }
  sweep.cells.push_back(Single(1, "a/b/c", 3, SweepCell::OUTCOME_NOT_FIRED));
  sweep.cells.push_back(Single(2, "d/e/f", 1, SweepCell::OUTCOME_VIOLATED));
  Break("locks_balanced", v1::VIOLATED, &sweep.cells.back());
  Break("lock_order", v1::TOLERATED, &sweep.cells.back());
  sweep.cells.push_back(Single(2, "d/e/f", 2, SweepCell::OUTCOME_NOT_FIRED));
  return sweep;
}

void Expect(const std::string& checker, v1::Verdict verdict, Sweep* sweep) {
  v1::SweepExpectation* expectation = sweep->cases[0].add_expectations();
  expectation->set_checker(checker);
  expectation->set_verdict(verdict);
}

TEST(SweepTest, CellsAddUp) {
  const Sweep sweep = Sample();
  const std::vector<SweepTable> tables = TablesOf(sweep);
  ASSERT_EQ(tables.size(), 1U);
  ASSERT_EQ(tables[0].rows.size(), 3U);
  SweepTotals rows;
  size_t cells = 0;
  for (const SweepRow& row : tables[0].rows) {
    rows.Add(row.totals);
    cells += row.cells.size();
    EXPECT_EQ(row.totals.cells(), static_cast<int64_t>(row.cells.size()));
  }
  EXPECT_EQ(cells, sweep.cells.size());
  EXPECT_EQ(rows.by_outcome, tables[0].totals.by_outcome);
  EXPECT_EQ(tables[0].totals.cells(), static_cast<int64_t>(cells));
  EXPECT_EQ(TotalsText(tables[0].totals),
            "6 cells: 3 hold, 1 violated, 0 tolerated, 2 not fired, 0 "
            "inconclusive");
}

TEST(SweepTest, IsJudgedByTheWorstOfAllCells) {
  Sweep sweep = Sample();
  EXPECT_THAT(TablesOf(sweep)[0].unmet,
              ElementsAre("locks_balanced: VIOLATED, expected HOLDS"));
  EXPECT_EQ(StandingOf(TablesOf(sweep)), Standing::kUnmet);
  Expect("locks_balanced", v1::VIOLATED, &sweep);
  EXPECT_EQ(StandingOf(TablesOf(sweep)), Standing::kMet);
  Expect("no_deadlock", v1::VIOLATED, &sweep);
  EXPECT_THAT(TablesOf(sweep)[0].unmet,
              ElementsAre("no_deadlock: HOLDS, expected VIOLATED"));
}

TEST(SweepTest, WhatIsNotCompleteIsInconclusive) {
  Sweep sweep = Sample();
  Expect("locks_balanced", v1::VIOLATED, &sweep);
  sweep.cells.pop_back();  // the end of the second chain
  const std::vector<SweepTable> tables = TablesOf(sweep);
  EXPECT_EQ(tables[0].done_groups, 2);
  EXPECT_EQ(StandingOf(tables), Standing::kInconclusive);
  EXPECT_THAT(tables[0].unmet,
              ElementsAre(HasSubstr("2 of 3 groups are complete")));
}

// A shard need not show what is expected of the whole; what it shows counts.
TEST(SweepTest, AShardIsJudgedByItsOwnGroups) {
  Sweep sweep = Sample();
  Expect("locks_balanced", v1::VIOLATED, &sweep);
  Expect("no_deadlock", v1::VIOLATED, &sweep);
  sweep.shard_count = 2;
  std::erase_if(sweep.cells,
                [](const SweepCell& cell) { return cell.group() == 1; });
  EXPECT_EQ(StandingOf(TablesOf(sweep)), Standing::kMet);
  sweep.cases[0].clear_expectations();
  EXPECT_EQ(StandingOf(TablesOf(sweep)), Standing::kUnmet);
}

TEST(SweepTest, PartsInAnyOrderAreTheWhole) {
  const Sweep sweep = Sample();
  Sweep parts;
  parts.cases = {sweep.cases[0], sweep.cases[0]};
  parts.cells.assign(sweep.cells.rbegin(), sweep.cells.rend());
  parts.cells.push_back(sweep.cells[2]);
  Sort(&parts);
  EXPECT_EQ(RenderSweepText(parts), RenderSweepText(sweep));
  EXPECT_EQ(RenderSweepJson(parts), RenderSweepJson(sweep));
  EXPECT_EQ(RenderSweepHtml(parts), RenderSweepHtml(sweep));
}

TEST(SweepTextTest, IsATableWithReplayLines) {
  EXPECT_EQ(RenderSweepText(Sample()),
            R"(. holds  X violated  T tolerated  - not fired  ? inconclusive

s under 6.1, seed 7: NOT MET
  POINT     ACTION           HITS  HIT 1, 2, ...
  no fault                         .
  a/b/c     signal(SIGKILL)     2  . . -
  d/e/f     signal(SIGKILL)     1  X -
  6 cells: 3 hold, 1 violated, 0 tolerated, 2 not fired, 0 inconclusive
  locks_balanced: VIOLATED, expected HOLDS
  never passed: never/passed/here
  X d/e/f signal(SIGKILL) at hit 1: locks_balanced
      mmfault run <locks_balanced>
  X d/e/f signal(SIGKILL) at hit 1: lock_order
      mmfault run <lock_order>

1 case, 6 cells: 3 hold, 1 violated, 0 tolerated, 2 not fired, 0 inconclusive
)");
}

TEST(SweepTextTest, LongRowsAreCounted) {
  Sweep sweep = Sample();
  sweep.cells.resize(1);
  for (int64_t hit = 1; hit <= 400; ++hit) {
    sweep.cells.push_back(Single(
        1, "a/b/c", hit,
        hit == 7 ? SweepCell::OUTCOME_TOLERATED : SweepCell::OUTCOME_HOLDS));
  }
  EXPECT_THAT(RenderSweepText(sweep), HasSubstr("  .x6 T .x393\n"));
}

TEST(SweepJsonTest, IsJsonAndAddsUp) {
  google::protobuf::Struct parsed;
  const std::string text = RenderSweepJson(Sample());
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(text, &parsed).ok())
      << text;
  const auto& totals = parsed.fields().at("totals").struct_value().fields();
  EXPECT_EQ(totals.at("cells").number_value(), 6);
  EXPECT_EQ(totals.at("HOLDS").number_value() +
                totals.at("VIOLATED").number_value() +
                totals.at("TOLERATED").number_value() +
                totals.at("NOT_FIRED").number_value() +
                totals.at("INCONCLUSIVE").number_value(),
            6);
  const auto& cases = parsed.fields().at("cases").list_value().values(0);
  EXPECT_EQ(
      cases.struct_value().fields().at("cells").list_value().values_size(), 6);
}

TEST(SweepHtmlTest, BrokenCellsLeadToTheirReplayLine) {
  const std::string html = RenderSweepHtml(Sample());
  EXPECT_THAT(html, HasSubstr("href=\"#c0-2-1\""));
  EXPECT_THAT(html, HasSubstr("<li id=\"c0-2-1\">"));
  EXPECT_THAT(html, HasSubstr("mmfault run &lt;locks_balanced&gt;"));
  EXPECT_THAT(html, Not(HasSubstr("<script")));
  EXPECT_THAT(html, Not(HasSubstr("src=")));
}

// --- JUnit -----------------------------------------------------------------

TEST(SweepJunitTest, ACellThatBreaksWhatItMayNotFails) {
  const std::string document = RenderSweepJunit(Sample());
  // Six cells and the case; the broken one, and so the case.
  EXPECT_THAT(document, HasSubstr("<testsuite name=\"s under 6.1\" tests=\"7\" "
                                  "failures=\"2\" errors=\"0\" skipped=\"2\""));
  EXPECT_THAT(document,
              HasSubstr("<testcase classname=\"mmfault.sweep.s\" "
                        "name=\"6.1: d/e/f signal(SIGKILL) at hit 1\""));
  EXPECT_THAT(document,
              HasSubstr("<failure message=\"locks_balanced: VIOLATED, expected "
                        "HOLDS\" type=\"unmet\">"));
  EXPECT_THAT(document,
              HasSubstr("replay: mmfault run &lt;locks_balanced&gt;"));
  EXPECT_THAT(document, HasSubstr("name=\"6.1: all cells together\""));
}

TEST(SweepJunitTest, WhatIsExpectedIsNoFailure) {
  Sweep sweep = Sample();
  Expect("locks_balanced", v1::VIOLATED, &sweep);
  const std::string document = RenderSweepJunit(sweep);
  EXPECT_THAT(document, HasSubstr("failures=\"0\""));
  EXPECT_THAT(document, Not(HasSubstr("<failure")));
  // How to see it is there all the same.
  EXPECT_THAT(document, HasSubstr("<system-out>"));
  // Expected and never seen: no cell is to blame.
  Expect("no_deadlock", v1::VIOLATED, &sweep);
  EXPECT_THAT(RenderSweepJunit(sweep), HasSubstr("failures=\"1\""));
}

TEST(SweepJunitTest, WhatWasCutIsAnError) {
  Sweep sweep = Sample();
  Expect("locks_balanced", v1::VIOLATED, &sweep);
  SweepCell& cut = sweep.cells.back();
  cut.set_outcome(SweepCell::OUTCOME_INCONCLUSIVE);
  cut.set_inconclusive_cause("the sweep was cut at hit 1");
  const std::string document = RenderSweepJunit(sweep);
  EXPECT_THAT(document, HasSubstr("errors=\"2\" skipped=\"1\""));
  EXPECT_THAT(document,
              HasSubstr("<error message=\"the sweep was cut at hit 1\""));
}

// A suite without a case is not valid.
TEST(SweepJunitTest, WhatDoesNotApplyIsACaseThatPasses) {
  Sweep sweep;
  sweep.cases.emplace_back().set_scenario("s");
  EXPECT_THAT(RenderSweepJunit(sweep), HasSubstr("not applicable"));
}

// The file is for unit_report_sweep_junit_xsd_test; by itself this checks
// nothing but that it can be written.
TEST(SweepJunitTest, WritesASample) {
  const char* named = std::getenv("MMFAULT_JUNIT_SAMPLE");
  const std::string path =
      named != nullptr ? named
                       : ::testing::TempDir() + "sweep-junit-sample.xml";
  Sweep sweep = Sample();
  sweep.cells[1].set_outcome(SweepCell::OUTCOME_INCONCLUSIVE);
  sweep.cells[1].set_inconclusive_cause("cut");
  std::ofstream file(path);
  file << RenderSweepJunit(sweep);
  file.close();
  EXPECT_TRUE(file.good());
}

}  // namespace
}  // namespace mmfault::report
