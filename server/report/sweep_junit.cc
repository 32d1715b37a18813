// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// sweep_junit.cc: a sweep for CI systems.

#include <string>
#include <vector>

#include "server/report/junit.h"
#include "server/report/sweep.h"
#include "server/report/xml.h"

namespace mmfault::report {
namespace {

using v1::SweepCell;

constexpr const char* kNoTime = "0.000";

// What is expected of all cells, and so the most that one may have.
v1::Verdict ExpectedOf(const v1::SweepCase& info, const std::string& checker) {
  for (const v1::SweepExpectation& expect : info.expectations()) {
    if (expect.checker() == checker) return expect.verdict();
  }
  return v1::TOLERATED;  // what nobody names may be lived with
}

bool IsTooMuch(const v1::SweepCase& info, const v1::SweepFinding& finding) {
  const v1::Verdict expected = ExpectedOf(info, finding.checker());
  return expected != v1::VIOLATED && finding.verdict() != expected;
}

// What the cell breaks that it may not: a line each; empty for nothing.
std::string FailureOf(const v1::SweepCase& info, const SweepCell& cell) {
  std::string text;
  for (const v1::SweepFinding& finding : cell.findings()) {
    if (!IsTooMuch(info, finding)) continue;
    const v1::Verdict expected = ExpectedOf(info, finding.checker());
    text += (text.empty() ? "" : "; ") + finding.checker() + ": " +
            v1::Verdict_Name(finding.verdict()) + ", expected " +
            (expected == v1::TOLERATED ? "HOLDS" : v1::Verdict_Name(expected));
  }
  return text;
}

std::string FindingsOf(const SweepCell& cell) {
  std::string text;
  for (const v1::SweepFinding& finding : cell.findings()) {
    text += JunitViolation(finding.violation());
  }
  return text;
}

struct Counts {
  int64_t tests = 0;
  int64_t failures = 0;
  int64_t errors = 0;
  int64_t skipped = 0;

  void Add(const Counts& other) {
    tests += other.tests;
    failures += other.failures;
    errors += other.errors;
    skipped += other.skipped;
  }
};

Counts CountsOf(const SweepTable& table) {
  Counts counts;
  counts.tests = table.totals.cells() + 1;
  counts.errors = table.totals.of(SweepCell::OUTCOME_INCONCLUSIVE) +
                  (table.standing == Standing::kInconclusive ? 1 : 0);
  counts.failures = table.standing == Standing::kUnmet ? 1 : 0;
  counts.skipped = table.totals.of(SweepCell::OUTCOME_NOT_FIRED);
  for (const SweepRow& row : table.rows) {
    for (const SweepCell* cell : row.cells) {
      counts.failures += FailureOf(*table.info, *cell).empty() ? 0 : 1;
    }
  }
  return counts;
}

XmlWriter::Attributes SuiteAttributes(const std::string& name,
                                      const Counts& counts) {
  return {{"name", name},
          {"tests", std::to_string(counts.tests)},
          {"failures", std::to_string(counts.failures)},
          {"errors", std::to_string(counts.errors)},
          {"skipped", std::to_string(counts.skipped)},
          {"time", kNoTime}};
}

// `unregister_vs_exit under v12, with lost_wakeup`.
std::string SuiteName(const v1::SweepCase& info) {
  std::string name = info.scenario() + " under " + info.protocol();
  for (const std::string& mutant : info.mutants()) name += ", with " + mutant;
  return name;
}

XmlWriter::Attributes CaseAttributes(const v1::SweepCase& info,
                                     const std::string& name) {
  return {{"classname", "mmfault.sweep." + info.scenario()},
          {"name", info.protocol() + ": " + name},
          {"time", kNoTime}};
}

void WriteCell(const v1::SweepCase& info, const SweepRow& row,
               const SweepCell& cell, XmlWriter& xml) {
  xml.Open("testcase", CaseAttributes(info, NameOf(cell, row)));
  const std::string failure = FailureOf(info, cell);
  const std::string findings = FindingsOf(cell);
  if (!failure.empty()) {
    xml.Leaf("failure", {{"message", failure}, {"type", "unmet"}}, findings);
  } else if (cell.outcome() == SweepCell::OUTCOME_INCONCLUSIVE) {
    xml.Leaf("error", {{"message", cell.inconclusive_cause()},
                       {"type", "inconclusive"}});
  } else if (cell.outcome() == SweepCell::OUTCOME_NOT_FIRED) {
    xml.Leaf("skipped", {{"message", "no execution has such a pass"}});
  } else if (!findings.empty()) {
    xml.Leaf("system-out", {}, findings);
  }
  xml.Close();
}

// What is expected of all cells together.
void WriteWhole(const SweepTable& table, XmlWriter& xml) {
  const bool applies = table.info->applicable();
  xml.Open("testcase",
           CaseAttributes(*table.info,
                          applies ? "all cells together" : "not applicable"));
  std::string lines;
  for (const std::string& line : table.unmet) {
    lines += (lines.empty() ? "" : "; ") + line;
  }
  if (table.standing == Standing::kUnmet) {
    xml.Leaf("failure", {{"message", lines}, {"type", "unmet"}});
  } else if (table.standing == Standing::kInconclusive) {
    xml.Leaf("error", {{"message", lines}, {"type", "inconclusive"}});
  }
  xml.Close();
}

void WriteSuite(const SweepTable& table, XmlWriter& xml) {
  xml.Open("testsuite",
           SuiteAttributes(SuiteName(*table.info), CountsOf(table)));
  for (const SweepRow& row : table.rows) {
    for (const SweepCell* cell : row.cells) {
      WriteCell(*table.info, row, *cell, xml);
    }
  }
  WriteWhole(table, xml);
  xml.Close();
}

}  // namespace

std::string RenderSweepJunit(const Sweep& sweep) {
  const std::vector<SweepTable> tables = TablesOf(sweep);
  Counts all;
  for (const SweepTable& table : tables) all.Add(CountsOf(table));
  XmlWriter xml;
  xml.Open("testsuites", SuiteAttributes("mmfault sweep", all));
  for (const SweepTable& table : tables) WriteSuite(table, xml);
  xml.Close();
  return xml.document();
}

}  // namespace mmfault::report
