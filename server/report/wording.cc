// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/report/wording.h"

#include <algorithm>
#include <cstdio>
#include <string_view>
#include <utility>
#include <vector>

namespace mmfault::report {
namespace {

// What a reader wants to see first.
int Rank(const v1::CheckerResult& result) {
  const bool is_cut = result.verdict() == v1::INCONCLUSIVE;
  if (!result.met() && !is_cut) return 0;
  if (is_cut) return 1;
  if (result.verdict() == v1::VIOLATED) return 2;
  return result.verdict() == v1::TOLERATED ? 3 : 4;
}

// The checker and, where its promise is broken, the catalogue rows that it
// leads to.
std::string CheckerText(const v1::CheckerResult& result) {
  std::string text = result.checker();
  if (result.verdict() == v1::VIOLATED || result.verdict() == v1::TOLERATED) {
    for (const std::string& row : result.catalogue()) text += " " + row;
  }
  return text;
}

v1::Verdict ExpectedOf(const v1::CheckerResult& result) {
  return result.expected() == v1::VERDICT_UNSPECIFIED ? v1::HOLDS
                                                      : result.expected();
}

bool IsIdle(const v1::RuleReport& rule) {
  return rule.state() != v1::RuleReport::STATE_FIRED &&
         rule.state() != v1::RuleReport::STATE_COUNTS;
}

std::string RuleName(const v1::RuleReport& rule) {
  return (rule.sweep() != 0 ? "sweep " + std::to_string(rule.sweep()) + ", "
                            : std::string("rule ")) +
         rule.point() + ": " + rule.trigger();
}

std::string Decimal(double number) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", number);
  return text;
}

std::string IdleText(const v1::RuleReport& rule) {
  const bool holds = rule.trigger().find("hold") != std::string::npos;
  std::string text =
      RuleName(rule) + (holds ? " was never reached: " : " never acted: ");
  switch (rule.state()) {
    case v1::RuleReport::STATE_NOT_PASSED:
      return text + "nothing that it admits has passed the point";
    case v1::RuleReport::STATE_NOT_DRAWN:
      return text + "its probability gave it " +
             Decimal(rule.expected_fire_count()) +
             " times in all executions, so that what is expected of it is void";
    default:
      return text + "at most " + Grouped(rule.hit_count_max()) +
             " passes in an execution, and it was due at none";
  }
}

// Like `driver in mm_lock: signal_test m0`.
std::string EventText(const v1::Event& event) {
  std::string text =
      event.task() + " in " + event.function() + ": " + event.detail();
  if (!event.object().empty()) text += " " + event.object();
  if (event.rc() != 0) text += " rc " + std::to_string(event.rc());
  return text;
}

std::string DivergenceText(const v1::Divergence& divergence) {
  const std::string without =
      divergence.twin_violates()
          ? "; without the faults the same promise is broken"
          : "; without the faults the promise holds";
  if (!divergence.differs()) {
    return "the faults have changed nothing before it" + without;
  }
  std::string text = "first difference: ";
  if (divergence.has_event()) {
    text += "step " + std::to_string(divergence.event().step()) + ", " +
            EventText(divergence.event());
  } else {
    text += "this execution is over";
  }
  text += divergence.has_twin_event()
              ? " (without faults " + EventText(divergence.twin_event()) + ")"
              : " (without faults the execution is over)";
  return text + without;
}

}  // namespace

bool IsRepeatable(const v1::CaseResult& result) {
  const std::string& again = result.recheck_event_hash();
  return again.empty() || again == result.event_hash();
}

Standing StandingOf(const v1::CaseResult& result) {
  if (result.met()) return Standing::kMet;
  if (!IsRepeatable(result)) return Standing::kUnmet;
  for (const v1::ProbeResult& probe : result.probes()) {
    if (!probe.met()) return Standing::kUnmet;
  }
  for (const v1::CheckerResult& checker : result.checkers()) {
    if (!checker.met() && checker.verdict() != v1::INCONCLUSIVE) {
      return Standing::kUnmet;
    }
  }
  for (const v1::RuleReport& rule : result.rules()) {
    if (rule.required() && IsIdle(rule)) return Standing::kUnmet;
  }
  // Something unexpected may have been reported without an entry of its own.
  return result.inconclusive_cause().empty() ? Standing::kUnmet
                                             : Standing::kInconclusive;
}

std::string StandingWord(Standing standing) {
  switch (standing) {
    case Standing::kMet:
      return "met";
    case Standing::kUnmet:
      return "NOT MET";
    case Standing::kInconclusive:
      return "inconclusive";
  }
  return "";
}

std::string VerdictText(const v1::CaseResult& result, int checker_max) {
  // Ranks with positions: equal ranks keep the order of the expectations.
  std::vector<std::pair<int, int>> order;
  order.reserve(static_cast<size_t>(result.checkers_size()));
  for (int i = 0; i < result.checkers_size(); ++i) {
    order.emplace_back(Rank(result.checkers(i)), i);
  }
  std::sort(order.begin(), order.end());
  std::string text;
  v1::Verdict open = v1::VERDICT_UNSPECIFIED;
  int named = 0;
  for (const auto& [rank, index] : order) {
    const v1::CheckerResult& checker = result.checkers(index);
    if (checker_max != 0 && named == checker_max) {
      text += ", +" + std::to_string(order.size() - named);
      break;
    }
    if (checker.verdict() == open) {
      text += ", ";
    } else {
      if (named > 0) text += "), ";
      text += v1::Verdict_Name(checker.verdict()) + " (";
      open = checker.verdict();
    }
    text += CheckerText(checker);
    ++named;
  }
  return text.empty() ? "HOLDS (all checkers)" : text + ")";
}

std::string UnmetText(const v1::CaseResult& result) {
  std::string text;
  for (const v1::CheckerResult& checker : result.checkers()) {
    if (checker.met()) continue;
    if (!text.empty()) text += "\n";
    text += checker.checker() + ": " + v1::Verdict_Name(checker.verdict()) +
            ", expected " + v1::Verdict_Name(ExpectedOf(checker));
    if (checker.verdict() == v1::INCONCLUSIVE &&
        !result.inconclusive_cause().empty()) {
      text += " (cut by: " + result.inconclusive_cause() + ")";
    }
  }
  if (!IsRepeatable(result)) {
    if (!text.empty()) text += "\n";
    text += "not repeatable: event hash " + result.event_hash() +
            ", the second time " + result.recheck_event_hash();
  }
  for (const v1::RuleReport& rule : result.rules()) {
    if (!rule.required() || !IsIdle(rule)) continue;
    text += (text.empty() ? "" : "\n") + IdleText(rule);
  }
  for (const v1::ProbeResult& probe : result.probes()) {
    if (probe.met()) continue;
    if (!text.empty()) text += "\n";
    text += ProbeText(probe);
  }
  return text;
}

std::vector<std::string> IdleRules(const v1::CaseResult& result) {
  std::vector<std::string> lines;
  for (const v1::RuleReport& rule : result.rules()) {
    if (IsIdle(rule)) {
      lines.push_back(IdleText(rule));
    } else if (rule.expected_fire_count() > 0 &&
               rule.expected_fire_count() < 1) {
      lines.push_back(RuleName(rule) + " has acted, which was to be expected " +
                      Decimal(rule.expected_fire_count()) + " times");
    }
  }
  return lines;
}

std::vector<std::string> FaultLines(const v1::Violation& violation) {
  std::vector<std::string> lines;
  for (const v1::FiredFault& fault : violation.faults_fired()) {
    lines.push_back("after the fault " + fault.point() + ": " +
                    fault.trigger() + " on " + fault.task() + " at step " +
                    std::to_string(fault.step()));
  }
  if (violation.has_divergence()) {
    lines.push_back(DivergenceText(violation.divergence()));
  }
  return lines;
}

std::string ProbeText(const v1::ProbeResult& probe) {
  constexpr std::string_view kPrefix = "PROPERTY_";
  const std::string property =
      v1::Probe::Property_Name(probe.property()).substr(kPrefix.size());
  return "probe " + probe.id() + ": " + property +
         (probe.met() ? ", met: " : ", NOT MET: ") + probe.finding();
}

std::string Grouped(int64_t number) {
  std::string digits = std::to_string(number);
  const int first = number < 0 ? 1 : 0;
  for (int at = static_cast<int>(digits.size()) - 3; at > first; at -= 3) {
    digits.insert(static_cast<size_t>(at), ",");
  }
  return digits;
}

std::string CasesText(int64_t count) {
  return std::to_string(count) + (count == 1 ? " case" : " cases");
}

std::string Elapsed(const google::protobuf::Duration& elapsed) {
  const double seconds =
      static_cast<double>(elapsed.seconds()) + elapsed.nanos() / 1e9;
  char text[48];
  if (seconds < 100) {
    std::snprintf(text, sizeof(text), "%.1f s", seconds);
  } else {
    std::snprintf(text, sizeof(text), "%lld min %lld s",
                  static_cast<long long>(elapsed.seconds() / 60),
                  static_cast<long long>(elapsed.seconds() % 60));
  }
  return text;
}

}  // namespace mmfault::report
