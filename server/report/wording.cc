// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/report/wording.h"

#include <algorithm>
#include <cstdio>
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

}  // namespace

bool IsRepeatable(const v1::CaseResult& result) {
  const std::string& again = result.recheck_event_hash();
  return again.empty() || again == result.event_hash();
}

Standing StandingOf(const v1::CaseResult& result) {
  if (result.met()) return Standing::kMet;
  if (!IsRepeatable(result)) return Standing::kUnmet;
  for (const v1::CheckerResult& checker : result.checkers()) {
    if (!checker.met() && checker.verdict() != v1::INCONCLUSIVE) {
      return Standing::kUnmet;
    }
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
  return text;
}

std::string Grouped(int64_t number) {
  std::string digits = std::to_string(number);
  const int first = number < 0 ? 1 : 0;
  for (int at = static_cast<int>(digits.size()) - 3; at > first; at -= 3) {
    digits.insert(static_cast<size_t>(at), ",");
  }
  return digits;
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
