// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// matrix.h: what a run says of each protocol about each catalogue entry.
//
//                     P01 P02 P03
//   emm_v1            X   X   X
//   v11               ok  ok  ok+
//
// A cell is made of the cases of its protocol whose expectations name its
// entry. VIOLATED beats TOLERATED, that beats INCONCLUSIVE, HOLDS and
// NOT_APPLICABLE, in this order. A cell that no case speaks for is empty: not
// staged, which is neither good nor bad.
//
// Cases with a mutant are counted apart. That a planted mistake is found says
// that the checkers would see it; it says nothing of the protocol as it was,
// and never makes a cell VIOLATED.
//
// Threads: pure functions; no text depends on the locale or the clock, so two
// runs of one seed make the same documents.

#ifndef MMFAULT_SERVER_REPORT_MATRIX_H_
#define MMFAULT_SERVER_REPORT_MATRIX_H_

#include <string>
#include <vector>

#include "mmfault/v1/run_service.pb.h"

namespace mmfault::report {

// What one checker of one case says.
struct MatrixEvidence {
  v1::Verdict verdict = v1::VERDICT_UNSPECIFIED;
  std::string scenario;
  std::string checker;
  // What to type to see its first violation again; empty when there is none.
  std::string replay_line;
  // Planted mistakes; empty for the protocol as it was.
  std::vector<std::string> mutants;
  // The scenario's own count of preemptions, >= 0.
  int preemptions = 0;
};

struct MatrixCell {
  // Of the cases without a mutant; unspecified: there is none.
  v1::Verdict verdict = v1::VERDICT_UNSPECIFIED;
  // Planted mistakes that should be reported, and those that were; >= 0.
  int planted_count = 0;
  int found_count = 0;
  // What decides the cell comes first; then in the order of the run.
  std::vector<MatrixEvidence> evidence;
};

struct Matrix {
  // In the order of history; those unknown to this build come last.
  std::vector<std::string> protocols;
  // The whole catalogue, then entries that only the run's scenarios know.
  std::vector<std::string> entries;
  // cells[protocol][entry].
  std::vector<std::vector<MatrixCell>> cells;

  // Null when the matrix has no such row or column.
  const MatrixCell* Find(const std::string& protocol,
                         const std::string& entry) const;
  // Whether any case speaks for the entry of that column.
  bool IsStaged(size_t column) const;
};

Matrix MatrixOf(const v1::Run& run);

// Neighbouring entries of one section of the catalogue.
struct MatrixPart {
  std::string name;             // the section's; `Others` for unknown entries
  std::vector<size_t> columns;  // never empty
};
// All columns, in order.
std::vector<MatrixPart> PartsOf(const Matrix& matrix);

// `ok`, `X`, `T`, `?`, `-`, or nothing; then `+` where every planted mistake
// was found, `!` where one was not.
std::string CellText(const MatrixCell& cell);

// For a terminal of 80 columns: a table for each part of the catalogue, with
// the entries that were staged, and a legend.
std::string RenderMatrixText(const Matrix& matrix);

// For programs: `protocols`, `entries` and `cells`; cells that are empty are
// left out. Names and verdicts are those of the API.
std::string RenderMatrixJson(const Matrix& matrix);

// One HTML document without scripts or other files: a table whose cells lead to
// scenarios, checkers and replay lines. Light or dark as the reader's system.
std::string RenderMatrixHtml(const Matrix& matrix);

}  // namespace mmfault::report

#endif  // MMFAULT_SERVER_REPORT_MATRIX_H_
