// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/report/sweep.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

namespace mmfault::report {
namespace {

using v1::SweepCell;

int64_t HitOf(const SweepCell& cell) {
  return cell.kind() == SweepCell::KIND_SINGLE ? cell.faults(0).hit() : 0;
}

auto PlaceOf(const SweepCell& cell) {
  return std::tuple(cell.case_index(), cell.group(), HitOf(cell));
}

// Whether a group has no further cell behind this one.
bool IsLast(const SweepCell& cell) {
  return cell.kind() != SweepCell::KIND_SINGLE ||
         cell.outcome() == SweepCell::OUTCOME_NOT_FIRED ||
         cell.schedule_count() == 0;  // cut: it was not run
}

int64_t HitsAt(const v1::SweepCase& info, const std::string& place) {
  for (const v1::SweepPoint& known : info.points()) {
    if (PlaceText(known) == place) return known.hit_count();
  }
  return 0;
}

SweepRow RowOf(const v1::SweepCase& info, const SweepCell& cell) {
  SweepRow row;
  row.kind = cell.kind();
  switch (cell.kind()) {
    case SweepCell::KIND_SINGLE:
      row.point = PlaceText(cell.faults(0));
      row.action = cell.faults(0).action();
      row.hits = HitsAt(info, row.point);
      break;
    case SweepCell::KIND_PAIR:
      for (const v1::SweptFault& fault : cell.faults()) {
        row.point += (row.point.empty() ? "" : " + ") + PlaceText(fault) +
                     " #" + std::to_string(fault.hit());
        row.action += (row.action.empty() ? "" : " + ") + fault.action();
      }
      break;
    case SweepCell::KIND_SWARM:
      row.point = "swarm, seed " + std::to_string(cell.seed());
      for (const std::string& family : cell.families()) {
        row.action += (row.action.empty() ? "" : "+") + family;
      }
      break;
    default:
      row.point = "no fault";
      break;
  }
  return row;
}

// The worst that a checker has in any cell.
std::map<std::string, v1::Verdict> WorstOf(const SweepTable& table) {
  std::map<std::string, v1::Verdict> worst;
  for (const SweepRow& row : table.rows) {
    for (const SweepCell* cell : row.cells) {
      for (const v1::SweepFinding& finding : cell->findings()) {
        v1::Verdict& verdict = worst[finding.checker()];
        if (verdict != v1::VIOLATED) verdict = finding.verdict();
      }
    }
  }
  return worst;
}

// What all cells together say of what is expected.
void Judge(SweepTable* table) {
  const std::map<std::string, v1::Verdict> worst = WorstOf(*table);
  const bool open = table->done_groups < table->wanted_groups ||
                    table->totals.of(SweepCell::OUTCOME_INCONCLUSIVE) != 0;
  // A shard alone need not show what is expected of the whole.
  const bool part = table->wanted_groups < table->info->group_count();
  bool unmet = false;
  std::set<std::string> named;
  for (const v1::SweepExpectation& expect : table->info->expectations()) {
    named.insert(expect.checker());
    const auto found = worst.find(expect.checker());
    const v1::Verdict verdict =
        found == worst.end() ? v1::HOLDS : found->second;
    if (verdict == expect.verdict() ||
        (verdict == v1::HOLDS && (open || part))) {
      continue;
    }
    unmet = true;
    table->unmet.push_back(expect.checker() + ": " + v1::Verdict_Name(verdict) +
                           ", expected " + v1::Verdict_Name(expect.verdict()));
  }
  for (const auto& [checker, verdict] : worst) {
    if (verdict == v1::VIOLATED && named.count(checker) == 0) {
      unmet = true;
      table->unmet.push_back(checker + ": VIOLATED, expected HOLDS");
    }
  }
  if (open) {
    table->unmet.push_back(
        "inconclusive: " + std::to_string(table->done_groups) + " of " +
        std::to_string(table->wanted_groups) + " groups are complete, " +
        std::to_string(table->totals.of(SweepCell::OUTCOME_INCONCLUSIVE)) +
        " cells are inconclusive");
  }
  table->standing = unmet  ? Standing::kUnmet
                    : open ? Standing::kInconclusive
                           : Standing::kMet;
}

int64_t WantedGroups(const Sweep& sweep, const v1::SweepCase& info) {
  int64_t wanted = 0;
  for (int64_t group = 0; group < info.group_count(); ++group) {
    wanted +=
        (info.index() + group) % sweep.shard_count == sweep.shard_index ? 1 : 0;
  }
  return wanted;
}

SweepTable TableOf(const Sweep& sweep, const v1::SweepCase& info) {
  SweepTable table;
  table.info = &info;
  table.wanted_groups = WantedGroups(sweep, info);
  int64_t group = -1;
  for (const SweepCell& cell : sweep.cells) {
    if (cell.case_index() != info.index()) continue;
    if (cell.group() != group) {
      table.rows.push_back(RowOf(info, cell));
      group = cell.group();
    }
    SweepRow& row = table.rows.back();
    row.cells.push_back(&cell);
    row.totals.Add(cell.outcome());
    table.done_groups += IsLast(cell) ? 1 : 0;
  }
  for (const SweepRow& row : table.rows) table.totals.Add(row.totals);
  Judge(&table);
  return table;
}

template <typename T, typename Key>
void SortOnce(std::vector<T>* all, Key key) {
  std::sort(all->begin(), all->end(),
            [&key](const T& a, const T& b) { return key(a) < key(b); });
  all->erase(
      std::unique(all->begin(), all->end(),
                  [&key](const T& a, const T& b) { return key(a) == key(b); }),
      all->end());
}

}  // namespace

void Sort(Sweep* sweep) {
  SortOnce(&sweep->cases, [](const v1::SweepCase& c) { return c.index(); });
  SortOnce(&sweep->cells, [](const SweepCell& c) { return PlaceOf(c); });
}

void SweepTotals::Add(const SweepTotals& other) {
  for (size_t i = 0; i < by_outcome.size(); ++i) {
    by_outcome[i] += other.by_outcome[i];
  }
}

int64_t SweepTotals::cells() const {
  int64_t sum = 0;
  for (const int64_t count : by_outcome) sum += count;
  return sum;
}

std::string TotalsText(const SweepTotals& totals) {
  return Grouped(totals.cells()) +
         " cells: " + Grouped(totals.of(SweepCell::OUTCOME_HOLDS)) + " hold, " +
         Grouped(totals.of(SweepCell::OUTCOME_VIOLATED)) + " violated, " +
         Grouped(totals.of(SweepCell::OUTCOME_TOLERATED)) + " tolerated, " +
         Grouped(totals.of(SweepCell::OUTCOME_NOT_FIRED)) + " not fired, " +
         Grouped(totals.of(SweepCell::OUTCOME_INCONCLUSIVE)) + " inconclusive";
}

std::vector<SweepTable> TablesOf(const Sweep& sweep) {
  std::vector<SweepTable> tables;
  tables.reserve(sweep.cases.size());
  for (const v1::SweepCase& info : sweep.cases) {
    tables.push_back(TableOf(sweep, info));
  }
  return tables;
}

Standing StandingOf(const std::vector<SweepTable>& tables) {
  Standing worst = Standing::kMet;
  for (const SweepTable& table : tables) {
    if (table.standing == Standing::kUnmet) return Standing::kUnmet;
    if (table.standing == Standing::kInconclusive) worst = table.standing;
  }
  return worst;
}

std::string NameOf(const SweepCell& cell, const SweepRow& row) {
  std::string name = row.point;
  if (!row.action.empty()) name += " " + row.action;
  if (cell.kind() == SweepCell::KIND_SINGLE) {
    name += " at hit " + std::to_string(cell.faults(0).hit());
  }
  return name;
}

char SignOf(SweepCell::Outcome outcome) {
  switch (outcome) {
    case SweepCell::OUTCOME_HOLDS:
      return '.';
    case SweepCell::OUTCOME_VIOLATED:
      return 'X';
    case SweepCell::OUTCOME_TOLERATED:
      return 'T';
    case SweepCell::OUTCOME_NOT_FIRED:
      return '-';
    default:
      return '?';
  }
}

std::string_view WordOf(SweepCell::Outcome outcome) {
  switch (outcome) {
    case SweepCell::OUTCOME_HOLDS:
      return "holds";
    case SweepCell::OUTCOME_VIOLATED:
      return "violated";
    case SweepCell::OUTCOME_TOLERATED:
      return "tolerated";
    case SweepCell::OUTCOME_NOT_FIRED:
      return "not fired";
    default:
      return "inconclusive";
  }
}

}  // namespace mmfault::report
