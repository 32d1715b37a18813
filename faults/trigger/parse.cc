// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// A recursive descent over the grammar of trigger.h, a function a rule. Each
// returns false once the lexer has an error.

#include <array>
#include <charconv>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "faults/trigger/duration.h"
#include "faults/trigger/lexer.h"
#include "faults/trigger/names.h"
#include "faults/trigger/trigger.h"

namespace mmfault::faults {
namespace {

// The parts of a term, in their order.
enum class Part : uint8_t { kNothing, kIf, kWhen, kPercent, kTimes };
constexpr std::array<const char*, 5> kPartNames = {"", "if", "when=", "p%",
                                                   "n*"};

constexpr uint32_t kPpmPerPercent = 10000;

// Numbers that have names: errnos, signals.
struct Named {
  const char* kind;  // for messages
  const char* what;
  int64_t max;
  std::optional<int64_t> (*find)(std::string_view name);
  std::span<const std::string_view> names;
};

class Parser {
 public:
  explicit Parser(std::string_view text) : size_(text.size()), lex_(text) {}

  absl::StatusOr<Trigger> Parse();

 private:
  bool ParseTerm(Term* term);
  bool ParseModifier(Part* last, Term* term, bool* is_action);
  bool InOrder(size_t start, Part part, Part* last);
  bool ParseConditions(Term* term);
  bool ParseCondition(Condition* condition);
  bool ParseWhen(When* when);
  bool ParsePercentOrTimes(size_t start, Part* last, Term* term);
  bool ParseDecimals(uint64_t* ppm);
  bool ParseAction(Action* action);
  bool ParseArgument(std::string_view word, Action* action);
  bool ParseErrno(Action* action);
  bool ParseSignal(Action* action);
  bool ParseNumberOrName(const Named& named, int64_t* value);
  bool ParseYield(Action* action);
  bool ParseHold(Action* action);
  bool ParseDelay(Action* action);
  bool ParseReorder(Action* action);
  bool ParseCorrupt(Action* action);
  bool ParseTeardown(Action* action);

  size_t size_;
  Lexer lex_;
};

// --- Terms -----------------------------------------------------------------

absl::StatusOr<Trigger> Parser::Parse() {
  Trigger trigger;
  if (size_ > kMaxTriggerBytes) {
    lex_.Fail(kMaxTriggerBytes, absl::StrCat("a trigger has at most ",
                                             kMaxTriggerBytes, " bytes"));
  }
  while (!lex_.failed()) {
    const size_t start = lex_.Start();
    Term term;
    if (!ParseTerm(&term)) {
      break;
    }
    trigger.terms.push_back(std::move(term));
    if (trigger.terms.size() > kMaxTerms) {
      lex_.Fail(start,
                absl::StrCat("a trigger has at most ", kMaxTerms, " terms"));
    }
    if (lex_.AtEnd()) {
      break;
    }
    lex_.Expect("->", "an action");
  }
  if (lex_.failed()) {
    return absl::InvalidArgumentError(lex_.error());
  }
  return trigger;
}

bool Parser::ParseTerm(Term* term) {
  Part last = Part::kNothing;
  for (bool is_action = false; !is_action;) {
    if (!ParseModifier(&last, term, &is_action)) {
      return false;
    }
  }
  return ParseAction(&term->action);
}

// Parses one modifier, or finds that an action comes next.
bool Parser::ParseModifier(Part* last, Term* term, bool* is_action) {
  const size_t start = lex_.Start();
  if (lex_.DigitHere()) {
    return ParsePercentOrTimes(start, last, term);
  }
  const std::string_view word = lex_.Word();
  if (word == "if") {
    return InOrder(start, Part::kIf, last) && ParseConditions(term);
  }
  if (word == "when") {
    return InOrder(start, Part::kWhen, last) && ParseWhen(&term->when);
  }
  if (word.empty()) {
    return lex_.Fail(start,
                     absl::StrCat("expected an action, not ", lex_.Seen()));
  }
  lex_.BackTo(start);
  *is_action = true;
  return true;
}

bool Parser::InOrder(size_t start, Part part, Part* last) {
  const char* name = kPartNames[static_cast<size_t>(part)];
  if (part == *last) {
    return lex_.Fail(start, absl::StrCat(name, " is given twice"));
  }
  if (part < *last) {
    return lex_.Fail(start,
                     absl::StrCat(name, " must stand before ",
                                  kPartNames[static_cast<size_t>(*last)],
                                  "; the order is if, when=, p%, n*, action"));
  }
  *last = part;
  return true;
}

bool Parser::ParseConditions(Term* term) {
  if (!lex_.Expect("(", "if")) {
    return false;
  }
  do {
    if (term->conditions.size() == kMaxConditions) {
      return lex_.FailHere(
          absl::StrCat("a term has at most ", kMaxConditions, " conditions"));
    }
    if (!ParseCondition(&term->conditions.emplace_back())) {
      return false;
    }
  } while (lex_.Take("&&"));
  return lex_.Expect(")", "a condition");
}

bool Parser::ParseCondition(Condition* condition) {
  const size_t start = lex_.Start();
  const std::string_view word = lex_.Word();
  const std::optional<Variable> variable = FindVariable(word);
  if (!variable.has_value()) {
    std::array<std::string_view, kVariableCount> known;
    for (int i = 0; i < kVariableCount; ++i) {
      known[static_cast<size_t>(i)] = VariableName(static_cast<Variable>(i));
    }
    return lex_.FailUnknown(start, "variable", word, known);
  }
  condition->variable = *variable;
  // Longer spellings first: < is the beginning of <=.
  constexpr std::array<std::pair<const char*, Comparison>, 6> kSpellings = {
      {{"==", Comparison::kEqual},
       {"!=", Comparison::kNotEqual},
       {"<=", Comparison::kLessOrEqual},
       {">=", Comparison::kGreaterOrEqual},
       {"<", Comparison::kLess},
       {">", Comparison::kGreater}}};
  for (const auto& [spelling, comparison] : kSpellings) {
    if (lex_.Take(spelling)) {
      condition->comparison = comparison;
      return lex_.Integer("an integer", &condition->value);
    }
  }
  return lex_.FailHere(
      absl::StrCat("expected ==, !=, <, <=, > or >=, not ", lex_.Seen()));
}

bool Parser::ParseWhen(When* when) {
  if (!lex_.Expect("=", "when")) {
    return false;
  }
  const size_t start = lex_.Start();
  if (!lex_.Unsigned("the first hit", &when->first)) {
    return false;
  }
  if (when->first == 0) {
    return lex_.Fail(start, "hits are counted from 1");
  }
  when->last = when->first;
  if (lex_.Take("..")) {
    const size_t last = lex_.Start();
    if (!lex_.Unsigned("the last hit", &when->last)) {
      return false;
    }
    if (when->last < when->first) {
      return lex_.Fail(last, "the last hit comes before the first");
    }
  } else if (lex_.At("+")) {
    when->last = kForEver;
  }
  if (!lex_.Take("+")) {
    return true;
  }
  // The step must touch its +: `when=3+ 5*off` is the third hit and all after.
  if (lex_.DigitHere()) {
    const size_t step = lex_.Start();
    if (!lex_.Unsigned("the step", &when->step)) {
      return false;
    }
    if (when->step == 0) {
      return lex_.Fail(step, "a step of 0 never gets anywhere");
    }
  }
  if (when->last == when->first) {
    when->step = 1;  // one spelling for one meaning
  }
  return true;
}

bool Parser::ParsePercentOrTimes(size_t start, Part* last, Term* term) {
  uint64_t number = 0;
  if (!lex_.Unsigned("the number", &number)) {
    return false;
  }
  if (lex_.At(".") || lex_.At("%")) {
    if (number > 100) {
      return lex_.Fail(start, "a percentage is at most 100");
    }
    uint64_t ppm = number * kPpmPerPercent;
    if (!ParseDecimals(&ppm) || !lex_.Expect("%", "a percentage")) {
      return false;
    }
    if (ppm > kAlwaysPpm) {
      return lex_.Fail(start, "a percentage is at most 100");
    }
    term->probability_ppm = static_cast<uint32_t>(ppm);
    return InOrder(start, Part::kPercent, last);
  }
  if (!lex_.Take("*")) {
    return lex_.FailHere(
        absl::StrCat("expected % or * after a number, not ", lex_.Seen()));
  }
  if (number == 0) {
    return lex_.Fail(start,
                     "a count is at least 1; leave the term out instead");
  }
  term->times = number;
  return InOrder(start, Part::kTimes, last);
}

bool Parser::ParseDecimals(uint64_t* ppm) {
  if (!lex_.TakeHere('.')) {
    return true;
  }
  if (!lex_.DigitHere()) {
    return lex_.FailHere(absl::StrCat("expected a decimal, not ", lex_.Seen()));
  }
  uint64_t unit = kPpmPerPercent / 10;
  while (lex_.DigitHere()) {
    if (unit == 0) {
      return lex_.FailHere("a percentage has at most four decimals");
    }
    *ppm += unit * lex_.TakeDigitHere();
    unit /= 10;
  }
  return true;
}

// --- Actions ---------------------------------------------------------------

// Words that are an action by themselves.
std::optional<ActionKind> AloneKind(std::string_view word) {
  constexpr std::array<std::pair<const char*, ActionKind>, 6> kAlone = {
      {{"off", ActionKind::kNone},
       {"drop_capability", ActionKind::kDropCapability},
       {"drop", ActionKind::kDrop},
       {"duplicate", ActionKind::kDuplicate},
       {"disconnect", ActionKind::kDisconnect},
       {"crash", ActionKind::kCrash}}};
  for (const auto& [name, kind] : kAlone) {
    if (word == name) {
      return kind;
    }
  }
  return std::nullopt;
}

bool Parser::ParseAction(Action* action) {
  const size_t start = lex_.Start();
  const std::string_view word = lex_.Word();
  if (const std::optional<ActionKind> alone = AloneKind(word)) {
    action->kind = *alone;
    return !lex_.At("(") ||
           lex_.FailHere(absl::StrCat(std::string(word), " takes no argument"));
  }
  if (word == "yield") {
    return ParseYield(action);
  }
  if (word == "hold") {
    return ParseHold(action);
  }
  if (word == "reorder") {
    return ParseReorder(action);
  }
  if (word != "error" && word != "signal" && word != "teardown" &&
      word != "delay" && word != "corrupt") {
    return lex_.FailUnknown(start, "action", word, ActionNames());
  }
  return lex_.Expect("(", word) && ParseArgument(word, action) &&
         lex_.Expect(")", "the argument");
}

bool Parser::ParseArgument(std::string_view word, Action* action) {
  switch (word.front()) {
    case 'e':
      return ParseErrno(action);
    case 's':
      return ParseSignal(action);
    case 'd':
      return ParseDelay(action);
    case 'c':
      return ParseCorrupt(action);
    default:
      return ParseTeardown(action);
  }
}

bool Parser::ParseHold(Action* action) {
  action->kind = ActionKind::kHold;
  return !lex_.Take("(") || (ParseDuration(&lex_, &action->arg) &&
                             lex_.Expect(")", "the argument"));
}

bool Parser::ParseDelay(Action* action) {
  action->kind = ActionKind::kDelay;
  if (!ParseDuration(&lex_, &action->arg)) {
    return false;
  }
  if (!lex_.Take("..")) {
    return true;
  }
  const size_t start = lex_.Start();
  if (!ParseDuration(&lex_, &action->arg2)) {
    return false;
  }
  if (action->arg2 < action->arg) {
    return lex_.Fail(start, "the longest delay is below the shortest");
  }
  if (action->arg2 == action->arg) {
    action->arg2 = 0;  // one spelling for one meaning
  }
  return true;
}

bool Parser::ParseReorder(Action* action) {
  *action = {ActionKind::kReorder, 1};
  if (!lex_.Take("(")) {
    return true;
  }
  const size_t start = lex_.Start();
  uint64_t callbacks = 0;
  if (!lex_.Unsigned("a number of callbacks", &callbacks)) {
    return false;
  }
  action->arg = static_cast<int64_t>(callbacks);
  if (callbacks < 1 || callbacks > uint64_t{kMaxReorder}) {
    return lex_.Fail(start, absl::StrCat("1 to ", kMaxReorder,
                                         " callbacks overtake another"));
  }
  return lex_.Expect(")", "the argument");
}

// Names of errors are negative, as a method returns them.
bool Parser::ParseCorrupt(Action* action) {
  action->kind = ActionKind::kCorrupt;
  const size_t start = lex_.Start();
  const bool minus = lex_.Take("-");
  lex_.Start();
  if (lex_.LetterHere()) {
    const bool known = ParseNumberOrName({.kind = "error",
                                          .what = "an errno",
                                          .max = kMaxErrno,
                                          .find = ErrnoOf,
                                          .names = ErrnoNames()},
                                         &action->arg);
    action->arg = -action->arg;
    return known;
  }
  uint64_t number = 0;
  if (!lex_.Unsigned("an errno or a number", &number)) {
    return false;
  }
  action->arg = static_cast<int64_t>(number) * (minus ? -1 : 1);
  return number <= uint64_t{kMaxErrno} ||
         lex_.Fail(start, absl::StrCat("an answer is -", kMaxErrno, " to ",
                                       kMaxErrno));
}

bool Parser::ParseErrno(Action* action) {
  action->kind = ActionKind::kError;
  lex_.Take("-");  // -ENOMEM is how the kernel spells it
  return ParseNumberOrName({.kind = "error",
                            .what = "an errno",
                            .max = kMaxErrno,
                            .find = ErrnoOf,
                            .names = ErrnoNames()},
                           &action->arg);
}

bool Parser::ParseSignal(Action* action) {
  action->kind = ActionKind::kSignal;
  return ParseNumberOrName({.kind = "signal",
                            .what = "a signal",
                            .max = kMaxSignal,
                            .find = SignalOf,
                            .names = SignalNames()},
                           &action->arg);
}

bool Parser::ParseNumberOrName(const Named& named, int64_t* value) {
  const size_t start = lex_.Start();
  if (lex_.LetterHere()) {
    const std::string_view word = lex_.Word();
    const std::optional<int64_t> number = named.find(word);
    *value = number.value_or(0);
    return number.has_value() ||
           lex_.FailUnknown(start, named.kind, word, named.names);
  }
  uint64_t number = 0;
  if (!lex_.Unsigned(named.what, &number)) {
    return false;
  }
  *value = static_cast<int64_t>(number);
  return (number >= 1 && number <= static_cast<uint64_t>(named.max)) ||
         lex_.Fail(start, absl::StrCat(named.what, " is 1 to ", named.max));
}

bool Parser::ParseYield(Action* action) {
  *action = {ActionKind::kYield, 1};
  if (!lex_.Take("(")) {
    return true;
  }
  const size_t start = lex_.Start();
  uint64_t points = 0;
  if (!lex_.Unsigned("a number of scheduling points", &points)) {
    return false;
  }
  action->arg = static_cast<int64_t>(points);
  if (points < 1 || points > uint64_t{kMaxYield}) {
    return lex_.Fail(start, absl::StrCat("yield gives away 1 to ", kMaxYield,
                                         " scheduling points"));
  }
  return lex_.Expect(")", "the argument");
}

bool Parser::ParseTeardown(Action* action) {
  const size_t start = lex_.Start();
  const std::string_view word = lex_.Word();
  if (word != "kill" && word != "force") {
    constexpr std::array<std::string_view, 2> kKinds = {"kill", "force"};
    return lex_.FailUnknown(start, "teardown", word, kKinds);
  }
  action->kind =
      word == "kill" ? ActionKind::kTeardownKill : ActionKind::kTeardownForce;
  return true;
}

}  // namespace

absl::StatusOr<Trigger> ParseTrigger(std::string_view text) {
  return Parser(text).Parse();
}

int ColumnOf(const absl::Status& status) {
  constexpr std::string_view kPrefix = "column ";
  const std::string_view message(status.message().data(),
                                 status.message().size());
  int column = 0;
  if (message.substr(0, kPrefix.size()) == kPrefix) {
    std::from_chars(message.data() + kPrefix.size(),
                    message.data() + message.size(), column);
  }
  return column;
}

}  // namespace mmfault::faults
