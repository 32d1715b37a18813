// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>

#include "clients/testing/testing.h"

namespace mmfault::testing {
namespace {

std::string Name(const v1::CaseResult& result) {
  return result.scenario() + " under " + result.protocol();
}

MATCHER(NothingIsBroken, negation ? "breaks something" : "holds") {
  if (!arg.error.empty()) {
    *result_listener << "which could not be explored: " << arg.error;
    return false;
  }
  for (const v1::CaseResult& result : arg.cases) {
    if (result.violations_size() > 0) {
      const v1::Violation& violation = result.violations(0);
      *result_listener << Name(result) << " breaks " << violation.checker()
                       << ": " << violation.explanation() << "\n"
                       << arg.story;
      return false;
    }
    if (!result.inconclusive_cause().empty()) {
      *result_listener << Name(result) << " was not explored to its end: "
                       << result.inconclusive_cause();
      return false;
    }
  }
  return true;
}

MATCHER_P(IsBroken, checker,
          (negation ? "does not break " : "breaks ") + checker) {
  if (!arg.error.empty()) {
    *result_listener << "which could not be explored: " << arg.error;
    return false;
  }
  return std::any_of(
      arg.cases.begin(), arg.cases.end(), [this](const v1::CaseResult& result) {
        return std::any_of(result.violations().begin(),
                           result.violations().end(),
                           [this](const v1::Violation& violation) {
                             return violation.checker() == checker;
                           });
      });
}

}  // namespace

::testing::Matcher<const Exploration&> Holds() { return NothingIsBroken(); }

::testing::Matcher<const Exploration&> Breaks(const std::string& checker) {
  return IsBroken(checker);
}

void PrintTo(const Exploration& exploration, std::ostream* out) {
  if (!exploration.error.empty()) {
    *out << "an exploration that failed: " << exploration.error;
    return;
  }
  for (const v1::CaseResult& result : exploration.cases) {
    *out << Name(result) << ": " << result.schedule_count() << " executions, "
         << result.violations_size() << " violations; ";
  }
}

}  // namespace mmfault::testing
