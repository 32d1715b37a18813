// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "faults/trigger/action.h"

#include <array>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "faults/trigger/duration.h"
#include "faults/trigger/names.h"
#include "faults/trigger/trigger.h"

namespace mmfault::faults {
namespace {

// Numbers that have names: errnos, signals.
struct Named {
  const char* kind;  // for messages
  const char* what;
  int64_t max;
  std::optional<int64_t> (*find)(std::string_view name);
  std::span<const std::string_view> names;
};

Named Errnos() {
  return {.kind = "error",
          .what = "an errno",
          .max = kMaxErrno,
          .find = ErrnoOf,
          .names = ErrnoNames()};
}

// -12 as printf %#x and %u show it, in 32 bits or 64: 12. Others stay.
uint64_t Magnitude(uint64_t value) {
  constexpr uint64_t kTop32 = uint64_t{1} << 32;
  constexpr auto kMax = static_cast<uint64_t>(kMaxErrno);
  if (value < kTop32 && value >= kTop32 - kMax) {
    return kTop32 - value;
  }
  return value >= uint64_t{0} - kMax ? uint64_t{0} - value : value;
}

bool ParseNumberOrName(Lexer* lexer, const Named& named, int64_t* value) {
  const size_t start = lexer->Start();
  if (lexer->LetterHere()) {
    const std::string_view word = lexer->Word();
    const std::optional<int64_t> number = named.find(word);
    *value = number.value_or(0);
    return number.has_value() ||
           lexer->FailUnknown(start, named.kind, word, named.names);
  }
  uint64_t number = 0;
  if (!lexer->Bits(named.what, &number)) {
    return false;
  }
  if (named.find == ErrnoOf) {
    number = Magnitude(number);
  }
  *value = static_cast<int64_t>(number);
  return (number >= 1 && number <= static_cast<uint64_t>(named.max)) ||
         lexer->Fail(start, absl::StrCat(named.what, " is 1 to ", named.max));
}

// Alone it is the only error that its point has, which is looked up where the
// point is known; 0 until then.
bool ParseError(Lexer* lexer, Action* action) {
  action->kind = ActionKind::kError;
  if (!lexer->Take("(")) {
    return true;
  }
  if (lexer->At("\"")) {
    return lexer->FailHere("what a point returns is an errno, not a text");
  }
  lexer->Take("-");  // -ENOMEM is how the kernel spells it
  return ParseNumberOrName(lexer, Errnos(), &action->arg) &&
         lexer->Expect(")", "the argument");
}

bool ParseSignal(Lexer* lexer, Action* action) {
  action->kind = ActionKind::kSignal;
  return lexer->Expect("(", "signal") &&
         ParseNumberOrName(lexer,
                           {.kind = "signal",
                            .what = "a signal",
                            .max = kMaxSignal,
                            .find = SignalOf,
                            .names = SignalNames()},
                           &action->arg) &&
         lexer->Expect(")", "the argument");
}

bool ParseHold(Lexer* lexer, Action* action) {
  action->kind = ActionKind::kHold;
  return !lexer->Take("(") || (ParseDuration(lexer, &action->arg) &&
                               lexer->Expect(")", "the argument"));
}

bool ParseDelays(Lexer* lexer, Action* action) {
  if (!ParseDuration(lexer, &action->arg)) {
    return false;
  }
  if (!lexer->Take("..")) {
    return true;
  }
  const size_t start = lexer->Start();
  if (!ParseDuration(lexer, &action->arg2)) {
    return false;
  }
  if (action->arg2 < action->arg) {
    return lexer->Fail(start, "the longest delay is below the shortest");
  }
  if (action->arg2 == action->arg) {
    action->arg2 = 0;  // one spelling for one meaning
  }
  return true;
}

bool ParseDelay(Lexer* lexer, Action* action) {
  action->kind = ActionKind::kDelay;
  return lexer->Expect("(", "delay") && ParseDelays(lexer, action) &&
         lexer->Expect(")", "the argument");
}

// sleep(10) is milliseconds to all who have it; sleep("10s") says its unit.
bool ParseSleep(Lexer* lexer, Action* action) {
  action->kind = ActionKind::kDelay;
  if (!lexer->Expect("(", "sleep")) {
    return false;
  }
  if (lexer->Take("\"")) {
    return ParseDuration(lexer, &action->arg) &&
           lexer->Expect("\"", "a duration") &&
           lexer->Expect(")", "the argument");
  }
  const size_t start = lexer->Start();
  uint64_t milliseconds = 0;
  if (!lexer->Unsigned("milliseconds", &milliseconds)) {
    return false;
  }
  if (milliseconds < 1 || milliseconds > uint64_t{kMaxDurationNs} / 1'000'000) {
    return lexer->Fail(start, "a duration is 1ns to 1000h");
  }
  action->arg = static_cast<int64_t>(milliseconds) * 1'000'000;
  return lexer->Expect(")", "the argument");
}

// A count in parentheses, which may be left out when it is 1.
bool ParseCount(Lexer* lexer, const char* what, int64_t most,
                const std::string& range, int64_t* count) {
  *count = 1;
  if (!lexer->Take("(")) {
    return true;
  }
  const size_t start = lexer->Start();
  uint64_t number = 0;
  if (!lexer->Unsigned(what, &number)) {
    return false;
  }
  *count = static_cast<int64_t>(number);
  if (number < 1 || number > static_cast<uint64_t>(most)) {
    return lexer->Fail(start, range);
  }
  return lexer->Expect(")", "the argument");
}

bool ParseYield(Lexer* lexer, Action* action) {
  action->kind = ActionKind::kYield;
  return ParseCount(
      lexer, "a number of scheduling points", kMaxYield,
      absl::StrCat("yield gives away 1 to ", kMaxYield, " scheduling points"),
      &action->arg);
}

bool ParseReorder(Lexer* lexer, Action* action) {
  action->kind = ActionKind::kReorder;
  return ParseCount(
      lexer, "a number of callbacks", kMaxReorder,
      absl::StrCat("1 to ", kMaxReorder, " callbacks overtake another"),
      &action->arg);
}

// Names of errors are negative, as a method returns them.
bool ParseAnswer(Lexer* lexer, int64_t* answer) {
  const size_t start = lexer->Start();
  const bool minus = lexer->Take("-");
  lexer->Start();
  if (lexer->LetterHere()) {
    const bool known = ParseNumberOrName(lexer, Errnos(), answer);
    *answer = -*answer;
    return known;
  }
  uint64_t number = 0;
  if (!lexer->Bits("an errno or a number", &number)) {
    return false;
  }
  const uint64_t magnitude = Magnitude(number);
  *answer =
      static_cast<int64_t>(magnitude) * (minus || magnitude != number ? -1 : 1);
  return magnitude <= uint64_t{kMaxErrno} ||
         lexer->Fail(start, absl::StrCat("an answer is -", kMaxErrno, " to ",
                                         kMaxErrno));
}

bool ParseCorrupt(Lexer* lexer, Action* action) {
  action->kind = ActionKind::kCorrupt;
  return lexer->Expect("(", "corrupt") && ParseAnswer(lexer, &action->arg) &&
         lexer->Expect(")", "the argument");
}

bool ParseTeardown(Lexer* lexer, Action* action) {
  if (!lexer->Expect("(", "teardown")) {
    return false;
  }
  const size_t start = lexer->Start();
  const std::string_view word = lexer->Word();
  if (word != "kill" && word != "force") {
    constexpr std::array<std::string_view, 2> kKinds = {"kill", "force"};
    return lexer->FailUnknown(start, "teardown", word, kKinds);
  }
  action->kind =
      word == "kill" ? ActionKind::kTeardownKill : ActionKind::kTeardownForce;
  return lexer->Expect(")", "the argument");
}

// Words that take an argument; pause, return and sleep are fail(9)'s.
struct Reader {
  std::string_view word;
  bool (*read)(Lexer* lexer, Action* action);
};
constexpr std::array<Reader, 11> kReaders = {{{"error", ParseError},
                                              {"return", ParseError},
                                              {"signal", ParseSignal},
                                              {"hold", ParseHold},
                                              {"pause", ParseHold},
                                              {"yield", ParseYield},
                                              {"delay", ParseDelay},
                                              {"sleep", ParseSleep},
                                              {"reorder", ParseReorder},
                                              {"corrupt", ParseCorrupt},
                                              {"teardown", ParseTeardown}}};

// Words that are an action by themselves; panic is fail(9)'s.
struct Alone {
  std::string_view word;
  ActionKind kind;
};
constexpr std::array<Alone, 7> kAlone = {
    {{"off", ActionKind::kNone},
     {"drop_capability", ActionKind::kDropCapability},
     {"drop", ActionKind::kDrop},
     {"duplicate", ActionKind::kDuplicate},
     {"disconnect", ActionKind::kDisconnect},
     {"crash", ActionKind::kCrash},
     {"panic", ActionKind::kCrash}}};

// Words of fail(9) that nothing here stands for, and why.
constexpr std::array<std::pair<std::string_view, std::string_view>, 2> kNot = {
    {{"print",
      "nothing is printed here: every rule counts its passes and fires, and "
      "\"off\" only counts"},
     {"break", "there is no debugger here: \"hold\" stops a task"}}};

}  // namespace

bool ParseAction(Lexer* lexer, Action* action) {
  const size_t start = lexer->Start();
  const std::string_view word = lexer->Word();
  for (const Alone& alone : kAlone) {
    if (alone.word == word) {
      action->kind = alone.kind;
      return !lexer->At("(") || lexer->FailHere(absl::StrCat(
                                    std::string(word), " takes no argument"));
    }
  }
  for (const Reader& reader : kReaders) {
    if (reader.word == word) {
      return reader.read(lexer, action);
    }
  }
  for (const auto& [other, why] : kNot) {
    if (other == word) {
      return lexer->Fail(start, why);
    }
  }
  return lexer->FailUnknown(start, "action", word, ActionNames());
}

}  // namespace mmfault::faults
