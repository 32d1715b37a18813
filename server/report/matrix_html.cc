// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// matrix_html.cc: the matrix in a browser.
//
// No verdict is told by colour alone, every cell is a link that a keyboard
// reaches, and headers are tied to rows and columns.

#include <string>
#include <string_view>
#include <vector>

#include "server/check/catalogue.h"
#include "server/report/html_page.h"
#include "server/report/matrix.h"
#include "server/report/xml.h"

namespace mmfault::report {
namespace {

constexpr std::string_view kTitle = "mmfault: protocols and catalogue entries";
constexpr std::string_view kStyle =
    R"(body { margin: 1.5rem auto; padding: 0 1rem 45vh; max-width: 80rem;
  background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
a { color: var(--link); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: 0 0 1.5rem; font-size: 0.875rem; }
caption { text-align: left; font-weight: 600; font-size: 1rem;
  padding: 0.25rem 0; }
th, td { border: 1px solid var(--line); padding: 0; text-align: center;
  min-width: 2.25rem; }
th { padding: 0.25rem; font-weight: 600; vertical-align: bottom; }
th .name { display: inline-block; writing-mode: vertical-rl;
  transform: rotate(180deg); white-space: nowrap; font-weight: 400;
  padding: 0.25rem 0; }
th.unstaged { color: var(--faint); }
tbody tr:hover th, tbody tr:hover td { box-shadow: inset 0 1px var(--faint),
  inset 0 -1px var(--faint); }
th[scope=row] { text-align: left; position: sticky; left: 0; white-space: nowrap;
  background: var(--page); padding-right: 0.75rem; }
td a { display: block; padding: 0.125rem 0.25rem; color: inherit;
  text-decoration: none; }
td a:hover { text-decoration: underline; }
a:focus-visible { outline: 2px solid var(--link); outline-offset: -2px; }
.VIOLATED { background: var(--bad); color: var(--bad-ink); font-weight: 700; }
.TOLERATED { background: var(--lives); color: var(--lives-ink);
  font-weight: 700; }
.HOLDS { background: var(--good); color: var(--good-ink); }
.INCONCLUSIVE { background: var(--open); color: var(--open-ink); }
.NOT_APPLICABLE { color: var(--faint); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.25rem 0.75rem; }
dt { text-align: center; padding: 0 0.5rem; border: 1px solid var(--line); }
dd { margin: 0; }
section { display: none; }
section:target { display: block; position: fixed; inset: auto 0 0 0;
  max-height: 45vh; overflow-y: auto; padding: 0.75rem 1.5rem 1.25rem;
  background: var(--page); border-top: 3px solid var(--link);
  box-shadow: 0 -0.25rem 1rem #0004; }
section .close { float: right; }
h2 { font-size: 1.0625rem; margin: 0 0 0.25rem; }
ul { margin: 0.25rem 0; padding-left: 1.25rem; }
code { font-size: 0.875rem; overflow-wrap: anywhere; }
)";

constexpr std::string_view kIntroduction =
    R"(<h1>Protocols and catalogue entries</h1>
<dl>
<dt class="VIOLATED">X</dt><dd>VIOLATED: the promise was broken</dd>
<dt class="TOLERATED">T</dt><dd>TOLERATED: broken, and the design lives with it</dd>
<dt class="HOLDS">ok</dt><dd>HOLDS in every schedule tried</dd>
<dt class="NOT_APPLICABLE">-</dt><dd>NOT_APPLICABLE: the design has nothing it could be about</dd>
<dt class="INCONCLUSIVE">?</dt><dd>INCONCLUSIVE: cut by a budget</dd>
<dt>+</dt><dd>a planted mistake was found, <b>!</b> one was missed; this says nothing of the protocol as it was</dd>
</dl>
<p>An empty cell was not staged. Choose a cell for its scenarios, its checkers and the command that shows a violation again.
An entry about a mistake of a driver is VIOLATED where the design does not keep that mistake from doing harm.</p>
)";

std::string NameOf(const std::string& entry) {
  const check::CatalogueEntry* known = check::FindCatalogueEntry(entry);
  return known == nullptr ? entry : std::string(known->name);
}

std::string AnchorOf(size_t row, size_t column) {
  return "c" + std::to_string(row) + "-" + std::to_string(column);
}

// What a cell says, in words.
std::string WordsOf(const MatrixCell& cell) {
  std::string words = cell.verdict == v1::VERDICT_UNSPECIFIED
                          ? "planted mistakes only"
                          : v1::Verdict_Name(cell.verdict);
  if (cell.planted_count > 0) {
    words += "; planted mistakes found: " + std::to_string(cell.found_count) +
             " of " + std::to_string(cell.planted_count);
  }
  return words;
}

std::string ClassOf(const MatrixCell& cell) {
  return cell.verdict == v1::VERDICT_UNSPECIFIED
             ? ""
             : " class=\"" + v1::Verdict_Name(cell.verdict) + "\"";
}

std::string CellHtml(const Matrix& matrix, size_t row, size_t column) {
  const MatrixCell& cell = matrix.cells[row][column];
  if (cell.evidence.empty()) return "<td></td>";
  const MatrixEvidence& first = cell.evidence.front();
  std::string title = matrix.protocols[row] + " " + matrix.entries[column] +
                      ": " + WordsOf(cell) + "\n" + first.scenario + ", " +
                      first.checker;
  if (!first.replay_line.empty()) title += "\n" + first.replay_line;
  // An only staged twin of planted mistakes has no sign of its own.
  const std::string sign = CellText(cell).empty() ? "·" : CellText(cell);
  return "<td" + ClassOf(cell) + "><a href=\"#" + AnchorOf(row, column) +
         "\" title=\"" + XmlEscape(title) + "\" aria-label=\"" +
         XmlEscape(matrix.entries[column] + " " + WordsOf(cell)) + "\">" +
         XmlEscape(sign) + "</a></td>";
}

// The name stands upright over the number; one that nobody stages is faint.
std::string HeadingHtml(const Matrix& matrix, size_t column) {
  const std::string& entry = matrix.entries[column];
  return std::string("<th scope=\"col\"") +
         (matrix.IsStaged(column) ? "" : " class=\"unstaged\"") +
         "><span class=\"name\">" + XmlEscape(NameOf(entry)) + "</span><br>" +
         XmlEscape(entry) + "</th>";
}

std::string TableHtml(const Matrix& matrix, const MatrixPart& part) {
  std::string out = "<div class=\"wide\">\n<table>\n<caption>" +
                    XmlEscape(part.name) +
                    "</caption>\n<thead><tr><th scope=\"col\">protocol</th>";
  for (const size_t column : part.columns) out += HeadingHtml(matrix, column);
  out += "</tr></thead>\n<tbody>\n";
  for (size_t row = 0; row < matrix.protocols.size(); ++row) {
    out +=
        "<tr><th scope=\"row\">" + XmlEscape(matrix.protocols[row]) + "</th>";
    for (const size_t column : part.columns)
      out += CellHtml(matrix, row, column);
    out += "</tr>\n";
  }
  return out + "</tbody>\n</table>\n</div>\n";
}

std::string EvidenceHtml(const MatrixEvidence& evidence) {
  std::string out = "<li>" + XmlEscape(evidence.scenario) + ", " +
                    XmlEscape(evidence.checker) + ": " +
                    v1::Verdict_Name(evidence.verdict);
  for (const std::string& mutant : evidence.mutants) {
    out += ", planted: " + XmlEscape(mutant);
  }
  if (!evidence.replay_line.empty()) {
    out += "<br><code>" + XmlEscape(evidence.replay_line) + "</code>";
  }
  return out + "</li>\n";
}

std::string SectionHtml(const Matrix& matrix, size_t row, size_t column) {
  const MatrixCell& cell = matrix.cells[row][column];
  const std::string& entry = matrix.entries[column];
  std::string out = "<section id=\"" + AnchorOf(row, column) +
                    "\">\n<a class=\"close\" href=\"#none\">Close</a><h2>" +
                    XmlEscape(matrix.protocols[row] + ", " + entry + " " +
                              NameOf(entry) + ": " + WordsOf(cell)) +
                    "</h2>\n<ul>\n";
  for (const MatrixEvidence& evidence : cell.evidence) {
    out += EvidenceHtml(evidence);
  }
  return out + "</ul>\n</section>\n";
}

}  // namespace

std::string RenderMatrixHtml(const Matrix& matrix) {
  std::string out = HtmlHead(kTitle, kStyle) + std::string(kIntroduction);
  out += "<main>\n";
  for (const MatrixPart& part : PartsOf(matrix)) out += TableHtml(matrix, part);
  for (size_t row = 0; row < matrix.protocols.size(); ++row) {
    for (size_t column = 0; column < matrix.entries.size(); ++column) {
      if (matrix.cells[row][column].evidence.empty()) continue;
      out += SectionHtml(matrix, row, column);
    }
  }
  return out + "</main>\n</body>\n</html>\n";
}

}  // namespace mmfault::report
