// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "faults/trigger/comparison.h"

#include <array>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace mmfault::faults {
namespace {

// Longer spellings first: < is the beginning of <=.
constexpr std::array<std::pair<const char*, Comparison>, 6> kSpellings = {
    {{"==", Comparison::kEqual},
     {"!=", Comparison::kNotEqual},
     {"<=", Comparison::kLessOrEqual},
     {">=", Comparison::kGreaterOrEqual},
     {"<", Comparison::kLess},
     {">", Comparison::kGreater}}};

}  // namespace

bool ParseComparison(Lexer* lexer, Comparison* comparison) {
  for (const auto& [spelling, value] : kSpellings) {
    if (lexer->Take(spelling)) {
      *comparison = value;
      return true;
    }
  }
  return lexer->FailHere(
      absl::StrCat("expected ==, !=, <, <=, > or >=, not ", lexer->Seen()));
}

const char* ComparisonText(Comparison comparison) {
  for (const auto& [spelling, value] : kSpellings) {
    if (value == comparison) {
      return spelling;
    }
  }
  return "";
}

}  // namespace mmfault::faults
