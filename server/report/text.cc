// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/report/text.h"

#include <algorithm>
#include <set>
#include <vector>

#include "server/kernel/errno.h"
#include "server/report/wording.h"

namespace mmfault::report {
namespace {

constexpr int kResultWidth = 12;
constexpr int kScheduleWidth = 9;
// Named in a row; --output json has all.
constexpr int kCheckersInRow = 3;

std::string Left(std::string text, int width) {
  if (static_cast<int>(text.size()) < width) text.resize(width, ' ');
  return text + "  ";
}

std::string Right(const std::string& text, int width) {
  const int missing = width - static_cast<int>(text.size());
  return missing > 0 ? std::string(missing, ' ') + text : text;
}

std::string Row(const TableLayout& layout, const std::string& scenario,
                const std::string& protocol, const std::string& result,
                const std::string& schedules, const std::string& verdict) {
  return Left(scenario, layout.scenario_width) +
         Left(protocol, layout.protocol_width) + Left(result, kResultWidth) +
         Right(schedules, kScheduleWidth) + "  " + verdict + "\n";
}

// `    text`, each line of it.
std::string Indented(const std::string& text) {
  std::string out = "    ";
  for (const char c : text) {
    out += c;
    if (c == '\n') out += "    ";
  }
  return out + "\n";
}

// The first violation of each checker: later ones say the same thing again.
std::string ReplayLines(const v1::CaseResult& result) {
  std::string out;
  std::set<std::string> seen;
  for (const v1::Violation& violation : result.violations()) {
    const std::string& line = violation.replay_line();
    if (line.empty() || !seen.insert(violation.checker()).second) continue;
    out += Indented(violation.checker() + ": " + line);
    for (const std::string& fault : FaultLines(violation)) {
      out += Indented("  " + fault);
    }
  }
  return out;
}

std::string IdleLines(const v1::CaseResult& result) {
  std::string out;
  // Those that are required are told as what is not met.
  const std::string unmet = UnmetText(result);
  for (const std::string& line : IdleRules(result)) {
    if (unmet.find(line) == std::string::npos) out += Indented(line);
  }
  return out;
}

// What the seed of all this asks: how many VMAs may pass between two looks at
// pending signals, and how the calls that look ended.
std::string SignalLine(const v1::CaseResult& result) {
  const bool asked =
      std::any_of(result.checkers().begin(), result.checkers().end(),
                  [](const v1::CheckerResult& checker) {
                    return checker.checker() == "signal_latency";
                  });
  if (!asked) return "";
  std::string text = "signals: at most " +
                     Grouped(result.unchecked_vma_visit_max()) +
                     " VMA visits between two looks, " +
                     Grouped(result.vma_count()) + " VMAs;";
  for (const v1::RcCount& rc : result.rc_counts()) {
    if (rc.operation() == "register" || rc.operation() == "unregister") {
      text += " " + rc.operation() + " " + kernel::ErrnoText(rc.rc()) + " x" +
              Grouped(rc.count());
    }
  }
  return Indented(text);
}

std::string_view OutcomeText(v1::ExploreReport::Outcome outcome) {
  switch (outcome) {
    case v1::ExploreReport::OUTCOME_COMPLETE:
      return "complete: there is no other interleaving";
    case v1::ExploreReport::OUTCOME_EXECUTION_BUDGET:
      return "cut by its number of executions";
    case v1::ExploreReport::OUTCOME_STEP_BUDGET:
      return "cut by its number of steps";
    case v1::ExploreReport::OUTCOME_DECIDED:
      return "ended when all that is expected had been seen";
    case v1::ExploreReport::OUTCOME_CUT_EXECUTIONS:
      return "complete but for executions that were too long";
    default:
      return "stopped";
  }
}

// What the search went through on its way.
std::string CoverageLine(const v1::ExploreReport& explore) {
  std::string text = "coverage: " + Grouped(explore.fault_points_size()) +
                     " fault points passed";
  if (explore.conflict_pair_count() > 0) {
    text += ", " + Grouped(explore.reversed_pair_count()) + " of " +
            Grouped(explore.conflict_pair_count()) +
            " pairs of conflicting operations seen in both orders";
  }
  return Indented(text);
}

// How far a search of every interleaving came.
std::string ExploreLine(const v1::CaseResult& result) {
  if (!result.has_explore()) return "";
  const v1::ExploreReport& explore = result.explore();
  std::string text = explore.strategy() + ": " +
                     std::string(OutcomeText(explore.outcome())) + "; " +
                     Grouped(explore.execution_count()) + " executions, " +
                     Grouped(explore.terminal_state_count()) + " ends, " +
                     Grouped(explore.step_count()) + " steps";
  if (explore.state_count() > 0) {
    text += ", " + Grouped(explore.state_count()) + " states";
  }
  if (!explore.reason().empty()) text += " (" + explore.reason() + ")";
  return Indented(text) + CoverageLine(explore);
}

// Those that are met; the others are in UnmetText().
std::string ProbeLines(const v1::CaseResult& result) {
  std::string out;
  for (const v1::ProbeResult& probe : result.probes()) {
    if (probe.met()) {
      out += Indented(ProbeText(probe));
    } else if (!probe.replay_line().empty()) {
      out += Indented("probe " + probe.id() + ": " + probe.replay_line());
    }
  }
  return out;
}

struct Totals {
  int met = 0;
  int unmet = 0;
  int inconclusive = 0;
  int64_t schedules = 0;
  std::string first_replay;
};

std::vector<std::string> ReplaysOf(const v1::CaseResult& result) {
  std::vector<std::string> lines;
  for (const v1::ProbeResult& probe : result.probes()) {
    lines.push_back(probe.replay_line());
  }
  for (const v1::Violation& violation : result.violations()) {
    lines.push_back(violation.replay_line());
  }
  return lines;
}

Totals TotalsOf(const v1::Run& run) {
  Totals totals;
  // That of an unmet case is wanted first, whichever came before.
  bool has_unmet_replay = false;
  for (const v1::CaseResult& result : run.results()) {
    const Standing standing = StandingOf(result);
    totals.met += standing == Standing::kMet ? 1 : 0;
    totals.unmet += standing == Standing::kUnmet ? 1 : 0;
    totals.inconclusive += standing == Standing::kInconclusive ? 1 : 0;
    totals.schedules += result.schedule_count();
    for (const std::string& line : ReplaysOf(result)) {
      const bool is_first = standing == Standing::kUnmet
                                ? !has_unmet_replay
                                : totals.first_replay.empty();
      if (line.empty() || !is_first) continue;
      totals.first_replay = line;
      has_unmet_replay = standing == Standing::kUnmet;
    }
  }
  return totals;
}

std::string NextStep(const Totals& totals) {
  std::string text;
  if (totals.inconclusive > 0) {
    text += "next: for inconclusive cases, raise --schedules\n";
  }
  if (!totals.first_replay.empty()) {
    text += "next: " + totals.first_replay + "\n";
  }
  return text;
}

}  // namespace

TableLayout LayoutFor(const v1::Run& run) {
  TableLayout layout{.scenario_width = 8, .protocol_width = 8};
  for (const v1::CaseResult& result : run.results()) {
    layout.scenario_width = std::max(
        layout.scenario_width, static_cast<int>(result.scenario().size()));
    layout.protocol_width = std::max(
        layout.protocol_width, static_cast<int>(result.protocol().size()));
  }
  return layout;
}

std::string RenderHeader(const TableLayout& layout) {
  return Row(layout, "SCENARIO", "PROTOCOL", "RESULT", "SCHEDULES",
             "VERDICT (CHECKER)");
}

std::string RenderCase(const v1::CaseResult& result,
                       const TableLayout& layout) {
  std::string text =
      Row(layout, result.scenario(), result.protocol(),
          StandingWord(StandingOf(result)), Grouped(result.schedule_count()),
          VerdictText(result, kCheckersInRow));
  const std::string unmet = UnmetText(result);
  if (!unmet.empty()) text += Indented(unmet);
  return text + IdleLines(result) + ExploreLine(result) + SignalLine(result) +
         ProbeLines(result) + ReplayLines(result);
}

std::string RenderFooter(const v1::Run& run) {
  const Totals totals = TotalsOf(run);
  std::string text = "\n" + CasesText(run.results_size()) + ": " +
                     std::to_string(totals.met) + " met, " +
                     std::to_string(totals.unmet) + " not met, " +
                     std::to_string(totals.inconclusive) + " inconclusive; " +
                     Grouped(totals.schedules) + " schedules";
  if (run.options().remote()) text += ", notifiers in another process";
  if (run.options().seed() != 0) {
    text += "; seed " + std::to_string(run.options().seed());
  }
  text += "\n";
  if (!run.failure().empty()) text += run.failure() + "\n";
  return text + NextStep(totals);
}

std::string RenderText(const v1::Run& run) {
  const TableLayout layout = LayoutFor(run);
  std::string text = RenderHeader(layout);
  for (const v1::CaseResult& result : run.results()) {
    text += RenderCase(result, layout);
  }
  return text + RenderFooter(run);
}

}  // namespace mmfault::report
