// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/faults/random_trigger.h"

#include <array>
#include <utility>

namespace mmfault::faults {
namespace {

Action RandomAction(base::Prng* prng) {
  const auto kind = static_cast<ActionKind>(prng->Below(15));
  switch (kind) {
    case ActionKind::kError:
      return {kind, 1 + prng->Below(600)};
    case ActionKind::kSignal:
      return {kind, 1 + prng->Below(64)};
    case ActionKind::kYield:
      return {kind, 1 + prng->Below(4)};
    case ActionKind::kHold:
      return {kind, prng->Below(3) * 500'000};
    case ActionKind::kDelay: {
      const int64_t least = 1 + prng->Below(5000);
      return {kind, least,
              prng->Below(2) == 0 ? 0 : least + 1 + prng->Below(9)};
    }
    case ActionKind::kReorder:
      return {kind, 1 + prng->Below(64)};
    case ActionKind::kCorrupt:
      return {kind, static_cast<int64_t>(prng->Below(600)) - 300};
    default:
      return {kind, 0};
  }
}

When RandomWhen(base::Prng* prng) {
  When when = {.first = 1 + prng->Below(6)};
  if (prng->Below(2) == 0) {
    when.last = when.first + prng->Below(8);
  }
  if (when.last != when.first) {
    when.step = 1 + prng->Below(3);
  }
  return when;
}

Term RandomTerm(base::Prng* prng) {
  Term term;
  for (uint32_t i = prng->Below(3); i > 0; --i) {
    term.conditions.push_back(
        {static_cast<Variable>(prng->Below(kVariableCount)),
         static_cast<Comparison>(prng->Below(6)),
         static_cast<int64_t>(prng->Below(5)) - 1});
  }
  if (prng->Below(2) == 0) {
    term.when = RandomWhen(prng);
  }
  if (prng->Below(4) == 0) {
    term.mask = 1 + prng->Below(255);
    term.mask |= prng->Below(8) == 0 ? uint64_t{1} << 63 : 0;
  }
  if (prng->Below(4) == 0) {
    term.space = 2 + prng->Below(4);
  }
  if (prng->Below(4) == 0) {
    term.interval = 2 + prng->Below(3);
  }
  if (prng->Below(2) == 0) {
    term.probability_ppm = prng->Below(kAlwaysPpm + 1);
  }
  if (prng->Below(2) == 0) {
    term.times = 1 + prng->Below(4);
  }
  term.action = RandomAction(prng);
  return term;
}

constexpr std::array<const char*, 54> kPieces = {"if(",
                                                 "mm_users",
                                                 "==",
                                                 "0",
                                                 ")",
                                                 "&&",
                                                 "task",
                                                 "<=",
                                                 "when=",
                                                 "3",
                                                 "..",
                                                 "7",
                                                 "+",
                                                 "2",
                                                 "10%",
                                                 "0.5%",
                                                 "4*",
                                                 "1*",
                                                 "error(",
                                                 "ENOMEM",
                                                 "-",
                                                 "12",
                                                 "signal(9)",
                                                 "hold",
                                                 "yield",
                                                 "(",
                                                 "off",
                                                 "->",
                                                 " ",
                                                 "teardown(kill)",
                                                 "->",
                                                 "off",
                                                 "drop_capability",
                                                 "delay(",
                                                 "10ms",
                                                 "h",
                                                 "reorder(",
                                                 "corrupt(",
                                                 "drop",
                                                 "mask=",
                                                 "0x15",
                                                 "space=",
                                                 "interval=",
                                                 "1,10,0,-1",
                                                 ",",
                                                 "ppm",
                                                 "[pid 3]",
                                                 "return",
                                                 "0xfffffff4",
                                                 "sleep(",
                                                 "error",
                                                 "18446744073709551615",
                                                 ".",
                                                 "%"};

}  // namespace

Trigger RandomTrigger(base::Prng* prng) {
  Trigger trigger;
  for (uint32_t i = 1 + prng->Below(4); i > 0; --i) {
    trigger.terms.push_back(RandomTerm(prng));
  }
  return trigger;
}

std::string RandomText(base::Prng* prng) {
  // Half of the texts are triggers with a few bytes changed.
  if (prng->Below(2) == 0) {
    std::string text = PrintTrigger(RandomTrigger(prng));
    for (uint32_t i = prng->Below(3); i > 0; --i) {
      text[prng->Below(static_cast<uint32_t>(text.size()))] =
          static_cast<char>(prng->Below(256));
    }
    return text;
  }
  std::string text;
  for (uint32_t i = prng->Below(41); i > 0; --i) {
    if (prng->Below(16) == 0) {
      text += static_cast<char>(prng->Below(256));
    } else {
      text += kPieces[prng->Below(kPieces.size())];
    }
  }
  return text;
}

}  // namespace mmfault::faults
