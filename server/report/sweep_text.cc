// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// sweep_text.cc: a sweep for a terminal.

#include <algorithm>
#include <string>
#include <vector>

#include "server/report/sweep.h"
#include "server/report/wording.h"

namespace mmfault::report {
namespace {

using v1::SweepCell;

// Signs in a row that are told one by one.
constexpr size_t kSignsMax = 40;

std::string Left(std::string text, size_t width) {
  if (text.size() < width) text.resize(width, ' ');
  return text + "  ";
}

// `. . X -`; what is long is counted: `.x380 X .x19 -`.
std::string Signs(const SweepRow& row) {
  std::string text;
  const bool counted = row.cells.size() > kSignsMax;
  for (size_t i = 0; i < row.cells.size();) {
    const SweepCell::Outcome outcome = row.cells[i]->outcome();
    size_t end = i + 1;
    while (counted && end < row.cells.size() &&
           row.cells[end]->outcome() == outcome) {
      ++end;
    }
    text += std::string(text.empty() ? "" : " ") + SignOf(outcome);
    if (end - i > 1) text += "x" + std::to_string(end - i);
    i = end;
  }
  return text;
}

struct Widths {
  size_t point = 5;
  size_t action = 6;
};

Widths WidthsOf(const SweepTable& table) {
  Widths widths;
  for (const SweepRow& row : table.rows) {
    widths.point = std::max(widths.point, row.point.size());
    widths.action = std::max(widths.action, row.action.size());
  }
  return widths;
}

std::string RowText(const SweepRow& row, const Widths& widths) {
  std::string hits = row.kind == SweepCell::KIND_SINGLE
                         ? std::to_string(row.hits)
                         : std::string();
  if (hits.size() < 4) hits.insert(0, 4 - hits.size(), ' ');
  return "  " + Left(row.point, widths.point) +
         Left(row.action, widths.action) + hits + "  " + Signs(row) + "\n";
}

// What was broken where, and how to see it.
std::string FindingsText(const SweepTable& table) {
  std::string text;
  for (const SweepRow& row : table.rows) {
    for (const SweepCell* cell : row.cells) {
      for (const v1::SweepFinding& finding : cell->findings()) {
        text += "  " + std::string(1, SignOf(cell->outcome())) + " " +
                NameOf(*cell, row) + ": " + finding.checker() + "\n      " +
                finding.violation().replay_line() + "\n";
      }
      if (!cell->inconclusive_cause().empty()) {
        text += "  ? " + NameOf(*cell, row) + ": " +
                cell->inconclusive_cause() + "\n";
      }
    }
  }
  return text;
}

// Points that the scenario does not come to: a reader may miss them.
std::string NotPassedText(const v1::SweepCase& info) {
  std::string text;
  for (const v1::SweepPoint& point : info.points()) {
    if (point.hit_count() == 0) {
      text += (text.empty() ? "" : ", ") + PlaceText(point);
    }
  }
  return text.empty() ? "" : "  never passed: " + text + "\n";
}

std::string TableText(const SweepTable& table) {
  const v1::SweepCase& info = *table.info;
  std::string text = info.scenario() + " under " + info.protocol();
  for (const std::string& mutant : info.mutants()) text += ", with " + mutant;
  if (!info.applicable()) {
    return text + ": not applicable\n\n";
  }
  text += ", seed " + std::to_string(info.seed()) + ": " +
          StandingWord(table.standing) + "\n";
  const Widths widths = WidthsOf(table);
  text += "  " + Left("POINT", widths.point) + Left("ACTION", widths.action) +
          "HITS  HIT 1, 2, ...\n";
  for (const SweepRow& row : table.rows) text += RowText(row, widths);
  text += "  " + TotalsText(table.totals) + "\n";
  for (const std::string& line : table.unmet) text += "  " + line + "\n";
  return text + NotPassedText(info) + FindingsText(table) + "\n";
}

}  // namespace

std::string RenderSweepText(const Sweep& sweep) {
  std::string text =
      ". holds  X violated  T tolerated  - not fired  ? inconclusive\n\n";
  SweepTotals totals;
  const std::vector<SweepTable> tables = TablesOf(sweep);
  for (const SweepTable& table : tables) {
    text += TableText(table);
    totals.Add(table.totals);
  }
  text += CasesText(static_cast<int64_t>(tables.size())) + ", " +
          TotalsText(totals);
  if (sweep.shard_count > 1) {
    text += "; shard " + std::to_string(sweep.shard_index) + "/" +
            std::to_string(sweep.shard_count);
  }
  return text + "\n";
}

}  // namespace mmfault::report
