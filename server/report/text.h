// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// text.h: a run as the table that `mmfault run` prints.
//
//   SCENARIO           PROTOCOL  RESULT   SCHEDULES  VERDICT (CHECKER)
//   signal_every_lock  v12       met            400  HOLDS (locks_balanced)
//
// The command line prints a row as soon as its case is over, so header, rows
// and footer are functions of their own; all of them together are RenderText().
//
// Threads: pure functions; no text depends on the locale or the clock.

#ifndef MMFAULT_SERVER_REPORT_TEXT_H_
#define MMFAULT_SERVER_REPORT_TEXT_H_

#include <string>

#include "mmfault/v1/run_service.pb.h"

namespace mmfault::report {

// Widths of the columns whose content is not known when the header is printed.
struct TableLayout {
  int scenario_width = 24;
  int protocol_width = 14;
};

// Wide enough for every result that the run has.
TableLayout LayoutFor(const v1::Run& run);

// The header. Ends with a newline, as do the others.
std::string RenderHeader(const TableLayout& layout);

// The row of a case and, below it, indented, why it is not met, what its probes
// found, and for each checker that reported the line that shows its first
// violation again.
std::string RenderCase(const v1::CaseResult& result, const TableLayout& layout);

// Totals, the seed, and what to type next.
std::string RenderFooter(const v1::Run& run);

// The whole document.
std::string RenderText(const v1::Run& run);

}  // namespace mmfault::report

#endif  // MMFAULT_SERVER_REPORT_TEXT_H_
