// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// sweep_json.cc: a sweep for programs.

#include <string>
#include <vector>

#include "server/report/json.h"
#include "server/report/sweep.h"

namespace mmfault::report {
namespace {

using v1::SweepCell;

std::string Without(const std::string& name, const std::string& prefix) {
  return name.starts_with(prefix) ? name.substr(prefix.size()) : name;
}

std::string OutcomeName(SweepCell::Outcome outcome) {
  return Without(SweepCell::Outcome_Name(outcome), "OUTCOME_");
}

std::string TotalsJson(const SweepTotals& totals) {
  std::string out = "{\"cells\": " + std::to_string(totals.cells());
  for (const auto outcome :
       {SweepCell::OUTCOME_HOLDS, SweepCell::OUTCOME_VIOLATED,
        SweepCell::OUTCOME_TOLERATED, SweepCell::OUTCOME_NOT_FIRED,
        SweepCell::OUTCOME_INCONCLUSIVE}) {
    out += ", " + Quoted(OutcomeName(outcome)) + ": " +
           std::to_string(totals.of(outcome));
  }
  return out + "}";
}

template <typename Items, typename Fn>
std::string ListOf(const Items& items, const std::string& indent, Fn fn) {
  std::string out;
  for (const auto& item : items) {
    out += (out.empty() ? "\n" : ",\n") + indent + fn(item);
  }
  return "[" + out + "]";
}

// For SweptFault and SweepPoint.
template <typename At>
std::string PlaceJson(const At& at) {
  std::string out = "{\"point\": " + Quoted(at.point());
  if (!at.task().empty()) out += ", \"task\": " + Quoted(at.task());
  if (!at.operation().empty()) {
    out += ", \"operation\": " + Quoted(at.operation());
  }
  return out;
}

std::string FaultJson(const v1::SweptFault& fault) {
  std::string out =
      PlaceJson(fault) + ", \"action\": " + Quoted(fault.action());
  if (fault.hit() != 0) out += ", \"hit\": " + std::to_string(fault.hit());
  return out + "}";
}

std::string FindingJson(const v1::SweepFinding& finding) {
  const v1::Violation& violation = finding.violation();
  std::string out =
      "{\"checker\": " + Quoted(finding.checker()) +
      ", \"verdict\": " + Quoted(v1::Verdict_Name(finding.verdict())) +
      ", \"step\": " + std::to_string(violation.step()) +
      ", \"explanation\": " + Quoted(violation.explanation()) +
      ", \"replay\": " + Quoted(violation.replay_line());
  if (violation.has_divergence()) {
    out += std::string(", \"without_faults\": ") +
           (violation.divergence().twin_violates() ? "\"violated too\""
                                                   : "\"holds\"");
  }
  return out + "}";
}

std::string CellJson(const SweepCell& cell) {
  std::string out =
      "{\"kind\": " +
      Quoted(Without(SweepCell::Kind_Name(cell.kind()), "KIND_")) +
      ", \"outcome\": " + Quoted(OutcomeName(cell.outcome())) +
      ", \"seed\": " + std::to_string(cell.seed()) +
      ", \"schedules\": " + std::to_string(cell.schedule_count()) +
      ", \"fired\": " + std::to_string(cell.fired_schedule_count()) +
      ", \"event_hash\": " + Quoted(cell.event_hash()) +
      ", \"faults\": " + ListOf(cell.faults(), "         ", FaultJson);
  if (!cell.families().empty()) {
    out += ", \"families\": " +
           QuotedList({cell.families().begin(), cell.families().end()});
  }
  if (!cell.inconclusive_cause().empty()) {
    out += ", \"cause\": " + Quoted(cell.inconclusive_cause());
  }
  return out + ", \"findings\": " +
         ListOf(cell.findings(), "         ", FindingJson) + "}";
}

std::string CellsJson(const SweepTable& table) {
  std::vector<const SweepCell*> cells;
  for (const SweepRow& row : table.rows) {
    cells.insert(cells.end(), row.cells.begin(), row.cells.end());
  }
  return ListOf(cells, "       ",
                [](const SweepCell* cell) { return CellJson(*cell); });
}

std::string CaseJson(const SweepTable& table) {
  const v1::SweepCase& info = *table.info;
  return "{\"scenario\": " + Quoted(info.scenario()) +
         ", \"protocol\": " + Quoted(info.protocol()) +
         ", \"seed\": " + std::to_string(info.seed()) + ", \"mutants\": " +
         QuotedList({info.mutants().begin(), info.mutants().end()}) +
         ", \"applicable\": " + (info.applicable() ? "true" : "false") +
         ", \"standing\": " + Quoted(StandingWord(table.standing)) +
         ",\n     \"unmet\": " + QuotedList(table.unmet) +
         ",\n     \"groups\": " + std::to_string(table.wanted_groups) +
         ", \"complete_groups\": " + std::to_string(table.done_groups) +
         ",\n     \"totals\": " + TotalsJson(table.totals) +
         ",\n     \"points\": " +
         ListOf(info.points(), "       ",
                [](const v1::SweepPoint& point) {
                  return PlaceJson(point) +
                         ", \"hits\": " + std::to_string(point.hit_count()) +
                         "}";
                }) +
         ",\n     \"cells\": " + CellsJson(table) + "}";
}

}  // namespace

std::string RenderSweepJson(const Sweep& sweep) {
  const std::vector<SweepTable> tables = TablesOf(sweep);
  SweepTotals totals;
  for (const SweepTable& table : tables) totals.Add(table.totals);
  return "{\n  \"standing\": " + Quoted(StandingWord(StandingOf(tables))) +
         ",\n  \"shard\": " +
         Quoted(std::to_string(sweep.shard_index) + "/" +
                std::to_string(sweep.shard_count)) +
         ",\n  \"totals\": " + TotalsJson(totals) +
         ",\n  \"cases\": " + ListOf(tables, "    ", CaseJson) + "\n}\n";
}

}  // namespace mmfault::report
