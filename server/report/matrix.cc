// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/report/matrix.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "server/check/catalogue.h"
#include "server/notifier/protocols.h"

namespace mmfault::report {
namespace {

bool IsViolation(v1::Verdict verdict) {
  return verdict == v1::VIOLATED || verdict == v1::TOLERATED;
}

// Which verdict decides; higher wins.
int Rank(v1::Verdict verdict) {
  switch (verdict) {
    case v1::VIOLATED:
      return 5;
    case v1::TOLERATED:
      return 4;
    case v1::INCONCLUSIVE:
      return 3;
    case v1::HOLDS:
      return 2;
    case v1::NOT_APPLICABLE:
      return 1;
    default:
      return 0;
  }
}

int PositionOf(const std::vector<std::string>& names, const std::string& name) {
  const auto found = std::find(names.begin(), names.end(), name);
  return found == names.end() ? -1 : static_cast<int>(found - names.begin());
}

void AddName(const std::string& name, std::vector<std::string>* names) {
  if (PositionOf(*names, name) < 0) names->push_back(name);
}

std::vector<std::string> ProtocolsIn(const v1::Run& run) {
  std::vector<std::string> seen;
  for (const v1::CaseResult& result : run.results()) {
    AddName(result.protocol(), &seen);
  }
  std::vector<std::string> ordered;
  for (const notifier::Protocol* protocol : notifier::AllProtocols()) {
    const std::string id(protocol->id);
    if (PositionOf(seen, id) >= 0) ordered.push_back(id);
  }
  for (const std::string& id : seen) AddName(id, &ordered);
  return ordered;
}

std::vector<std::string> EntriesIn(const v1::Run& run) {
  std::vector<std::string> entries;
  for (const check::CatalogueEntry& entry : check::Catalogue()) {
    entries.emplace_back(entry.id);
  }
  for (const v1::CaseResult& result : run.results()) {
    for (const v1::CheckerResult& checker : result.checkers()) {
      for (const std::string& entry : checker.catalogue()) {
        AddName(entry, &entries);
      }
    }
  }
  return entries;
}

std::string ReplayLineOf(const v1::CaseResult& result,
                         const std::string& checker) {
  for (const v1::Violation& violation : result.violations()) {
    if (violation.checker() == checker && !violation.replay_line().empty()) {
      return violation.replay_line();
    }
  }
  return "";
}

MatrixEvidence EvidenceOf(const v1::CaseResult& result,
                          const v1::CheckerResult& checker) {
  return {.verdict = checker.verdict(),
          .scenario = result.scenario(),
          .checker = checker.checker(),
          .replay_line = ReplayLineOf(result, checker.checker()),
          .mutants = {result.mutants().begin(), result.mutants().end()},
          .preemptions = result.preemptions()};
}

// A planted mistake counts once a case, however many checkers are to see it.
void CountPlanted(const v1::CaseResult& result, const std::string& entry,
                  MatrixCell* cell) {
  bool wanted = false;
  bool found = false;
  for (const v1::CheckerResult& checker : result.checkers()) {
    if (std::find(checker.catalogue().begin(), checker.catalogue().end(),
                  entry) == checker.catalogue().end()) {
      continue;
    }
    found = found || IsViolation(checker.verdict());
    wanted = wanted || IsViolation(checker.expected());
  }
  cell->planted_count += wanted || found ? 1 : 0;
  cell->found_count += found ? 1 : 0;
}

bool Decides(const MatrixEvidence& left, const MatrixEvidence& right) {
  if (left.mutants.empty() != right.mutants.empty()) {
    return left.mutants.empty();
  }
  return Rank(left.verdict) > Rank(right.verdict);
}

// What decides the cell stands first, otherwise the order of the run.
void AddEvidence(MatrixEvidence evidence, MatrixCell* cell) {
  const auto at = std::upper_bound(cell->evidence.begin(), cell->evidence.end(),
                                   evidence, Decides);
  cell->evidence.insert(at, std::move(evidence));
}

void AddCase(const v1::CaseResult& result, Matrix* matrix) {
  const int row = PositionOf(matrix->protocols, result.protocol());
  std::vector<std::string> named;
  for (const v1::CheckerResult& checker : result.checkers()) {
    for (const std::string& entry : checker.catalogue()) {
      const int column = PositionOf(matrix->entries, entry);
      MatrixCell& cell = matrix->cells[row][column];
      AddEvidence(EvidenceOf(result, checker), &cell);
      if (result.mutants().empty() &&
          Rank(checker.verdict()) > Rank(cell.verdict)) {
        cell.verdict = checker.verdict();
      }
      AddName(entry, &named);
    }
  }
  if (result.mutants().empty()) return;
  for (const std::string& entry : named) {
    const int column = PositionOf(matrix->entries, entry);
    CountPlanted(result, entry, &matrix->cells[row][column]);
  }
}

}  // namespace

const MatrixCell* Matrix::Find(const std::string& protocol,
                               const std::string& entry) const {
  const int row = PositionOf(protocols, protocol);
  const int column = PositionOf(entries, entry);
  return row < 0 || column < 0 ? nullptr : &cells[row][column];
}

bool Matrix::IsStaged(size_t column) const {
  return std::any_of(cells.begin(), cells.end(), [column](const auto& row) {
    return !row[column].evidence.empty();
  });
}

std::vector<MatrixPart> PartsOf(const Matrix& matrix) {
  std::vector<MatrixPart> parts;
  for (size_t column = 0; column < matrix.entries.size(); ++column) {
    const check::CatalogueEntry* known =
        check::FindCatalogueEntry(matrix.entries[column]);
    const std::string name(
        known == nullptr ? "Others" : check::SectionName(known->section));
    if (parts.empty() || parts.back().name != name) {
      parts.push_back({name, {}});
    }
    parts.back().columns.push_back(column);
  }
  return parts;
}

Matrix MatrixOf(const v1::Run& run) {
  Matrix matrix;
  matrix.protocols = ProtocolsIn(run);
  matrix.entries = EntriesIn(run);
  matrix.cells.assign(matrix.protocols.size(),
                      std::vector<MatrixCell>(matrix.entries.size()));
  for (const v1::CaseResult& result : run.results()) AddCase(result, &matrix);
  return matrix;
}

std::string CellText(const MatrixCell& cell) {
  std::string text;
  switch (cell.verdict) {
    case v1::VIOLATED:
      text = "X";
      break;
    case v1::TOLERATED:
      text = "T";
      break;
    case v1::INCONCLUSIVE:
      text = "?";
      break;
    case v1::HOLDS:
      text = "ok";
      break;
    case v1::NOT_APPLICABLE:
      text = "-";
      break;
    default:
      break;
  }
  if (cell.planted_count == 0) return text;
  return text + (cell.found_count == cell.planted_count ? "+" : "!");
}

}  // namespace mmfault::report
