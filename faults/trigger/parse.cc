// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// A recursive descent over the grammar of trigger.h, a function a rule. Each
// returns false once the lexer has an error.

#include <array>
#include <charconv>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "faults/trigger/action.h"
#include "faults/trigger/comparison.h"
#include "faults/trigger/lexer.h"
#include "faults/trigger/trigger.h"

namespace mmfault::faults {
namespace {

// The parts of a term, in their order.
enum class Part : uint8_t {
  kNothing,
  kIf,
  kWhen,
  kMask,
  kSpace,
  kInterval,
  kPercent,
  kTimes
};
constexpr std::array<const char*, 8> kPartNames = {
    "", "if", "when=", "mask=", "space=", "interval=", "p%", "n*"};

constexpr uint32_t kPpmPerPercent = 10000;
constexpr int64_t kMaxPid = 4194304;  // the kernel's PID_MAX_LIMIT

// A space or an interval of 1 is as good as none.
bool OneSpelling(uint64_t* number) {
  *number = *number <= 1 ? 0 : *number;
  return true;
}

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
  bool ParseMask(uint64_t* mask);
  bool ParseNumbered(size_t start, Part* last, Term* term);
  bool ParseLinux(size_t start, uint64_t interval, Part* last, Term* term);
  bool ParseLinuxTimes(Term* term);
  bool ParsePercent(size_t start, uint64_t number, Term* term);
  bool ParseDecimals(uint64_t* ppm);
  bool ParsePid(Term* term);

  size_t size_;
  Lexer lex_;
  bool four_numbers_ = false;  // just read
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
    // The kernel's four numbers alone: the point fails as it does.
    if (four_numbers_ && (lex_.AtEnd() || lex_.At("->") || lex_.At("["))) {
      four_numbers_ = false;
      term->action = {ActionKind::kError};
      return ParsePid(term);
    }
    four_numbers_ = false;
  }
  return ParseAction(&lex_, &term->action) && ParsePid(term);
}

// fail(9)'s `[pid 3]`.
bool Parser::ParsePid(Term* term) {
  if (!lex_.Take("[")) {
    return true;
  }
  const size_t start = lex_.Start();
  if (lex_.Word() != "pid") {
    return lex_.Fail(start, "expected pid and the number of a task");
  }
  const size_t number = lex_.Start();
  uint64_t task = 0;
  if (!lex_.Unsigned("the number of a task", &task)) {
    return false;
  }
  if (task > uint64_t{kMaxPid}) {
    return lex_.Fail(number, absl::StrCat("a task is at most ", kMaxPid));
  }
  if (term->conditions.size() == kMaxConditions) {
    return lex_.Fail(start, absl::StrCat("a term has at most ", kMaxConditions,
                                         " conditions"));
  }
  term->conditions.push_back(
      {Variable::kTask, Comparison::kEqual, static_cast<int64_t>(task)});
  return lex_.Expect("]", "the task");
}

// Parses one modifier, or finds that an action comes next.
bool Parser::ParseModifier(Part* last, Term* term, bool* is_action) {
  const size_t start = lex_.Start();
  if (lex_.DigitHere()) {
    return ParseNumbered(start, last, term);
  }
  const std::string_view word = lex_.Word();
  if (word == "if") {
    return InOrder(start, Part::kIf, last) && ParseConditions(term);
  }
  if (word == "when") {
    return InOrder(start, Part::kWhen, last) && ParseWhen(&term->when);
  }
  if (word == "mask") {
    return InOrder(start, Part::kMask, last) && ParseMask(&term->mask);
  }
  if (word == "space" || word == "interval") {
    const bool space = word == "space";
    uint64_t* number = space ? &term->space : &term->interval;
    return InOrder(start, space ? Part::kSpace : Part::kInterval, last) &&
           lex_.Expect("=", word) &&
           lex_.Unsigned("a number of hits", number) && OneSpelling(number);
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
                                  "; the order is if, when=, mask=, space=, "
                                  "interval=, p%, n*, action"));
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
  return ParseComparison(&lex_, &condition->comparison) &&
         lex_.Integer("an integer", &condition->value);
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

bool Parser::ParseMask(uint64_t* mask) {
  if (!lex_.Expect("=", "mask")) {
    return false;
  }
  const size_t start = lex_.Start();
  return lex_.Bits("a mask", mask) &&
         (*mask != 0 || lex_.Fail(start, "a mask of 0 never acts"));
}

// What begins with a number: `10%`, `250ppm`, `3*`, `1,10,0,-1`.
bool Parser::ParseNumbered(size_t start, Part* last, Term* term) {
  uint64_t number = 0;
  if (!lex_.Unsigned("the number", &number)) {
    return false;
  }
  if (lex_.At(",")) {
    return ParseLinux(start, number, last, term);
  }
  if (lex_.At(".") || lex_.At("%") || lex_.At("ppm")) {
    return ParsePercent(start, number, term) &&
           InOrder(start, Part::kPercent, last);
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

// `<interval>,<probability>,<space>,<times>`, as setup_fault_attr() reads it.
bool Parser::ParseLinux(size_t start, uint64_t interval, Part* last,
                        Term* term) {
  if (*last >= Part::kSpace) {
    return lex_.Fail(
        start, absl::StrCat("interval,probability,space,times "
                            "says all that ",
                            kPartNames[static_cast<size_t>(*last)], " does"));
  }
  uint64_t percent = 0;
  if (!lex_.Expect(",", "the interval")) {
    return false;
  }
  const size_t percent_start = lex_.Start();
  if (!lex_.Unsigned("a percentage", &percent)) {
    return false;
  }
  if (percent > 100) {
    return lex_.Fail(percent_start, "a percentage is at most 100");
  }
  if (!lex_.Expect(",", "the probability") ||
      !lex_.Unsigned("the space", &term->space) ||
      !lex_.Expect(",", "the space")) {
    return false;
  }
  term->interval = interval;
  term->probability_ppm = static_cast<uint32_t>(percent) * kPpmPerPercent;
  *last = Part::kTimes;
  four_numbers_ = true;
  return OneSpelling(&term->interval) && OneSpelling(&term->space) &&
         ParseLinuxTimes(term);
}

// -1 is no limit; 0 is never, which is how 0% says it.
bool Parser::ParseLinuxTimes(Term* term) {
  const bool minus = lex_.Take("-");
  const size_t start = lex_.Start();
  uint64_t times = 0;
  if (!lex_.Unsigned("how often, -1 for no limit", &times)) {
    return false;
  }
  if (minus && times != 1) {
    return lex_.Fail(start, "-1 is no limit; nothing else is below 0");
  }
  if (times == 0) {
    term->probability_ppm = 0;
  } else if (!minus) {
    term->times = times;
  }
  return true;
}

bool Parser::ParsePercent(size_t start, uint64_t number, Term* term) {
  if (lex_.Take("ppm")) {
    term->probability_ppm = static_cast<uint32_t>(number);
    return number <= kAlwaysPpm ||
           lex_.Fail(start, absl::StrCat("at most ", kAlwaysPpm, " ppm"));
  }
  if (number > 100) {
    return lex_.Fail(start, "a percentage is at most 100");
  }
  uint64_t ppm = number * kPpmPerPercent;
  if (!ParseDecimals(&ppm) || !lex_.Expect("%", "a percentage")) {
    return false;
  }
  term->probability_ppm = static_cast<uint32_t>(ppm);
  return ppm <= kAlwaysPpm || lex_.Fail(start, "a percentage is at most 100");
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
