// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "faults/trigger/duration.h"

#include <array>

#include "absl/strings/str_cat.h"
#include "faults/trigger/trigger.h"

namespace mmfault::faults {
namespace {

struct Unit {
  std::string_view name;
  int64_t ns;
};
constexpr std::array<Unit, 6> kUnits = {{{"ns", 1},
                                         {"us", 1'000},
                                         {"ms", 1'000'000},
                                         {"s", 1'000'000'000},
                                         {"m", 60'000'000'000},
                                         {"h", 3'600'000'000'000}}};

}  // namespace

bool ParseDuration(Lexer* lexer, int64_t* duration_ns) {
  const size_t start = lexer->Start();
  uint64_t number = 0;
  if (!lexer->Unsigned("a duration, as 10ms", &number)) {
    return false;
  }
  const size_t at = lexer->Start();
  const std::string_view word = lexer->Word();
  for (const Unit& unit : kUnits) {
    if (unit.name != word) {
      continue;
    }
    const auto most = static_cast<uint64_t>(kMaxDurationNs / unit.ns);
    *duration_ns = number > most ? 0 : static_cast<int64_t>(number) * unit.ns;
    return *duration_ns != 0 ||
           lexer->Fail(start, "a duration is 1ns to 1000h");
  }
  return lexer->Fail(at, "a duration has a unit: ns, us, ms, s, m or h");
}

std::string PrintDuration(int64_t duration_ns) {
  size_t best = 0;
  for (size_t i = 0; i < kUnits.size(); ++i) {
    best = duration_ns % kUnits[i].ns == 0 ? i : best;
  }
  return absl::StrCat(duration_ns / kUnits[best].ns,
                      std::string(kUnits[best].name));
}

}  // namespace mmfault::faults
