// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// matrix_json.cc: the matrix for programs.

#include <string>
#include <vector>

#include "server/check/catalogue.h"
#include "server/report/json.h"
#include "server/report/matrix.h"

namespace mmfault::report {
namespace {

std::string EntryJson(const std::string& id) {
  std::string out = "{\"id\": " + Quoted(id);
  const check::CatalogueEntry* known = check::FindCatalogueEntry(id);
  if (known != nullptr) {
    out += ", \"name\": " + Quoted(known->name) +
           ", \"section\": " + Quoted(check::SectionName(known->section));
  }
  return out + "}";
}

std::string EvidenceJson(const MatrixEvidence& evidence) {
  std::string out =
      "{\"verdict\": " + Quoted(Verdict_Name(evidence.verdict)) +
      ", \"scenario\": " + Quoted(evidence.scenario) +
      ", \"checker\": " + Quoted(evidence.checker) +
      ", \"preemptions\": " + std::to_string(evidence.preemptions);
  if (!evidence.mutants.empty()) {
    out += ", \"mutants\": " + QuotedList(evidence.mutants);
  }
  if (!evidence.replay_line.empty()) {
    out += ", \"replay\": " + Quoted(evidence.replay_line);
  }
  return out + "}";
}

std::string CellJson(const std::string& protocol, const std::string& entry,
                     const MatrixCell& cell) {
  std::string out = "    {\"protocol\": " + Quoted(protocol) +
                    ", \"entry\": " + Quoted(entry);
  if (cell.verdict != v1::VERDICT_UNSPECIFIED) {
    out += ", \"verdict\": " + Quoted(v1::Verdict_Name(cell.verdict));
  }
  out += ", \"planted\": " + std::to_string(cell.planted_count) +
         ", \"found\": " + std::to_string(cell.found_count) +
         ", \"evidence\": [";
  for (size_t i = 0; i < cell.evidence.size(); ++i) {
    out += (i == 0 ? "\n      " : ",\n      ") + EvidenceJson(cell.evidence[i]);
  }
  return out + "]}";
}

}  // namespace

std::string RenderMatrixJson(const Matrix& matrix) {
  std::string entries;
  for (const std::string& entry : matrix.entries) {
    entries += (entries.empty() ? "\n    " : ",\n    ") + EntryJson(entry);
  }
  std::string cells;
  for (size_t row = 0; row < matrix.protocols.size(); ++row) {
    for (size_t column = 0; column < matrix.entries.size(); ++column) {
      const MatrixCell& cell = matrix.cells[row][column];
      if (cell.evidence.empty()) continue;
      cells += (cells.empty() ? "\n" : ",\n") +
               CellJson(matrix.protocols[row], matrix.entries[column], cell);
    }
  }
  return "{\n  \"protocols\": " + QuotedList(matrix.protocols) +
         ",\n  \"entries\": [" + entries + "\n  ],\n  \"cells\": [" + cells +
         "\n  ]\n}\n";
}

}  // namespace mmfault::report
