// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// sweep_html.cc: a sweep in a browser.
//
// No outcome is told by colour alone, and every broken cell leads to what was
// broken and to its replay line.

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "server/report/html_page.h"
#include "server/report/sweep.h"
#include "server/report/wording.h"
#include "server/report/xml.h"

namespace mmfault::report {
namespace {

using v1::SweepCell;

constexpr std::string_view kTitle = "mmfault: every fault in turn";
constexpr std::string_view kStyle =
    R"(body { margin: 1.5rem auto; padding: 0 1rem 3rem; max-width: 90rem;
  background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
a { color: var(--link); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: 0 0 1rem; font-size: 0.875rem; }
th, td { border: 1px solid var(--line); padding: 0.0625rem 0.375rem;
  text-align: center; }
th[scope=row], td.text { text-align: left; white-space: nowrap; }
th[scope=row] { position: sticky; left: 0; background: var(--page);
  font-weight: 400; }
td a { color: inherit; }
.violated { background: var(--bad); color: var(--bad-ink); font-weight: 700; }
.tolerated { background: var(--lives); color: var(--lives-ink);
  font-weight: 700; }
.holds { background: var(--good); color: var(--good-ink); }
.inconclusive { background: var(--open); color: var(--open-ink); }
.notfired { color: var(--faint); }
h2 { font-size: 1.125rem; margin: 2rem 0 0.25rem; }
p { margin: 0.25rem 0; }
li:target { outline: 2px solid var(--link); outline-offset: 2px; }
code { font-size: 0.875rem; overflow-wrap: anywhere; }
)";

constexpr std::string_view kIntroduction =
    R"(<h1>Every fault in turn</h1>
<p>A row is one action at one point, a column one pass of it: there the fault acts, and nowhere else.
<b>.</b> holds, <b>X</b> violated, <b>T</b> tolerated: the design lives with it, <b>-</b> not fired: there is no such pass,
<b>?</b> inconclusive. Choose a cell that is broken for what was broken and for the command that shows it again.</p>
)";

// As in the style sheet.
std::string ClassOf(SweepCell::Outcome outcome) {
  std::string name(WordOf(outcome));
  name.erase(std::remove(name.begin(), name.end(), ' '), name.end());
  return name;
}

std::string AnchorOf(const SweepCell& cell) {
  const int64_t hit = cell.faults().empty() ? 0 : cell.faults(0).hit();
  return "c" + std::to_string(cell.case_index()) + "-" +
         std::to_string(cell.group()) + "-" + std::to_string(hit);
}

std::string CellHtml(const SweepCell& cell) {
  const std::string sign(1, SignOf(cell.outcome()));
  std::string body = sign;
  if (!cell.findings().empty()) {
    std::string checkers;
    for (const v1::SweepFinding& finding : cell.findings()) {
      checkers += (checkers.empty() ? "" : ", ") + finding.checker();
    }
    body = "<a href=\"#" + AnchorOf(cell) + "\" title=\"" +
           XmlEscape(checkers) + "\">" + sign + "</a>";
  }
  return "<td class=\"" + ClassOf(cell.outcome()) + "\">" + body + "</td>";
}

std::string RowHtml(const SweepRow& row, size_t columns) {
  std::string out =
      "<tr><th scope=\"row\">" + XmlEscape(row.point) +
      "</th><td class=\"text\">" + XmlEscape(row.action) + "</td><td>" +
      (row.kind == SweepCell::KIND_SINGLE ? std::to_string(row.hits) : "") +
      "</td>";
  for (const SweepCell* cell : row.cells) out += CellHtml(*cell);
  for (size_t i = row.cells.size(); i < columns; ++i) out += "<td></td>";
  return out + "</tr>\n";
}

std::string FindingHtml(const v1::SweepFinding& finding) {
  const v1::Violation& violation = finding.violation();
  std::string out = "<b>" + XmlEscape(finding.checker()) + "</b> (" +
                    v1::Verdict_Name(finding.verdict()) +
                    "): " + XmlEscape(violation.explanation());
  for (const std::string& line : FaultLines(violation)) {
    out += "<br>" + XmlEscape(line);
  }
  return out + "<br><code>" + XmlEscape(violation.replay_line()) +
         "</code><br>";
}

std::string FindingsHtml(const SweepTable& table) {
  std::string out;
  for (const SweepRow& row : table.rows) {
    for (const SweepCell* cell : row.cells) {
      if (cell->findings().empty()) continue;
      out += "<li id=\"" + AnchorOf(*cell) + "\">" +
             XmlEscape(NameOf(*cell, row)) + "<br>";
      for (const v1::SweepFinding& finding : cell->findings()) {
        out += FindingHtml(finding);
      }
      out += "</li>\n";
    }
  }
  return out.empty() ? "" : "<ul>\n" + out + "</ul>\n";
}

std::string TableHtml(const SweepTable& table) {
  const v1::SweepCase& info = *table.info;
  std::string out =
      "<h2>" + XmlEscape(info.scenario() + " under " + info.protocol());
  for (const std::string& mutant : info.mutants()) {
    out += XmlEscape(", with " + mutant);
  }
  if (!info.applicable()) return out + ": not applicable</h2>\n";
  out += ": " + StandingWord(table.standing) + "</h2>\n<p>" +
         XmlEscape(TotalsText(table.totals)) + "; seed " +
         std::to_string(info.seed()) + "</p>\n";
  for (const std::string& line : table.unmet) {
    out += "<p>" + XmlEscape(line) + "</p>\n";
  }
  size_t columns = 1;
  for (const SweepRow& row : table.rows) {
    columns = std::max(columns, row.cells.size());
  }
  out +=
      "<div class=\"wide\">\n<table>\n<thead><tr><th scope=\"col\">point"
      "</th><th scope=\"col\">action</th><th scope=\"col\">hits</th>";
  for (size_t i = 1; i <= columns; ++i) {
    out += "<th scope=\"col\">" + std::to_string(i) + "</th>";
  }
  out += "</tr></thead>\n<tbody>\n";
  for (const SweepRow& row : table.rows) out += RowHtml(row, columns);
  return out + "</tbody>\n</table>\n</div>\n" + FindingsHtml(table);
}

}  // namespace

std::string RenderSweepHtml(const Sweep& sweep) {
  const std::vector<SweepTable> tables = TablesOf(sweep);
  SweepTotals totals;
  for (const SweepTable& table : tables) totals.Add(table.totals);
  std::string out = HtmlHead(kTitle, kStyle) + std::string(kIntroduction);
  out += "<p>" + CasesText(static_cast<int64_t>(tables.size())) + ", " +
         XmlEscape(TotalsText(totals)) + "</p>\n<main>\n";
  for (const SweepTable& table : tables) out += TableHtml(table);
  return out + "</main>\n</body>\n</html>\n";
}

}  // namespace mmfault::report
