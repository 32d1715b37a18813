// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// A recursive descent over the grammar of trigger.h. Parse functions return
// false once failed_ is set; the first error is the one that is told.

#include <array>
#include <charconv>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "faults/nearest.h"
#include "faults/trigger/names.h"
#include "faults/trigger/trigger.h"

namespace mmfault::faults {
namespace {

// The parts of a term, in their order.
enum class Part : uint8_t { kNothing, kIf, kWhen, kPercent, kTimes };
constexpr std::array<const char*, 5> kPartNames = {"", "if", "when=", "p%",
                                                   "n*"};

// Words of other failpoint dialects, and what they are called here.
constexpr std::array<std::pair<std::string_view, std::string_view>, 8>
    kForeign = {{{"return", "error"},
                 {"pause", "hold"},
                 {"break", "hold"},
                 {"delay", "yield"},
                 {"sleep", "yield"},
                 {"kill", "teardown"},
                 {"capability", "drop_capability"},
                 {"nothing", "off"}}};

constexpr uint32_t kPpmPerPercent = 10000;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsWord(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

std::string Quoted(std::string_view text) {
  return absl::StrCat("\"", absl::CHexEscape({text.data(), text.size()}), "\"");
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  absl::StatusOr<Trigger> Parse();

 private:
  // Lexing. Each of these skips blanks first.
  void SkipBlanks();
  bool AtEnd();
  bool At(std::string_view token);
  bool Take(std::string_view token);
  bool Expect(std::string_view token, std::string_view after);
  std::string_view Word();  // letters, digits and _; "" when there is none
  std::string Here();       // what stands here, for messages

  // Both report at `start`, a byte offset, and return false.
  bool Fail(size_t start, std::string text);
  bool FailUnknown(size_t start, std::string_view kind, std::string_view word,
                   std::span<const std::string_view> known);

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
  bool ParseYield(Action* action);
  bool ParseTeardown(Action* action);
  bool ParseUnsigned(std::string_view what, uint64_t* value);
  bool ParseInteger(std::string_view what, int64_t* value);

  std::string_view text_;
  size_t at_ = 0;
  bool failed_ = false;
  std::string error_;
};

// --- Lexing ----------------------------------------------------------------

void Parser::SkipBlanks() {
  while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) {
    ++at_;
  }
}

bool Parser::AtEnd() {
  SkipBlanks();
  return at_ == text_.size();
}

bool Parser::At(std::string_view token) {
  SkipBlanks();
  return text_.substr(at_, token.size()) == token;
}

bool Parser::Take(std::string_view token) {
  if (!At(token)) {
    return false;
  }
  at_ += token.size();
  return true;
}

bool Parser::Expect(std::string_view token, std::string_view after) {
  if (Take(token)) {
    return true;
  }
  return Fail(at_, absl::StrCat("expected ", Quoted(token), " after ",
                                std::string(after), ", not ", Here()));
}

std::string_view Parser::Word() {
  SkipBlanks();
  size_t end = at_;
  while (end < text_.size() &&
         (IsWord(text_[end]) || (end > at_ && IsDigit(text_[end])))) {
    ++end;
  }
  const std::string_view word = text_.substr(at_, end - at_);
  at_ = end;
  return word;
}

std::string Parser::Here() {
  return AtEnd() ? "the end" : Quoted(text_.substr(at_, 1));
}

bool Parser::Fail(size_t start, std::string text) {
  if (!failed_) {
    failed_ = true;
    error_ = absl::StrCat("column ", start + 1, ": ", text);
  }
  return false;
}

bool Parser::FailUnknown(size_t start, std::string_view kind,
                         std::string_view word,
                         std::span<const std::string_view> known) {
  std::string_view nearest = NearestName(known, word);
  for (const auto& [foreign, ours] : kForeign) {
    if (foreign == word && kind == "action") {
      nearest = ours;
    }
  }
  std::string hint = absl::StrCat("; did you mean ", Quoted(nearest), "?");
  if (nearest.empty()) {
    hint = "; known are ";
    for (const std::string_view name : known) {
      absl::StrAppend(&hint, name == known.front() ? "" : ", ",
                      std::string(name));
    }
  }
  return Fail(start, absl::StrCat("unknown ", std::string(kind), " ",
                                  Quoted(word), hint));
}

bool Parser::ParseUnsigned(std::string_view what, uint64_t* value) {
  SkipBlanks();
  const char* begin = text_.data() + at_;
  const char* end = text_.data() + text_.size();
  const auto [rest, error] = std::from_chars(begin, end, *value);
  if (error == std::errc::invalid_argument) {
    return Fail(at_,
                absl::StrCat("expected ", std::string(what), ", not ", Here()));
  }
  // kForEver means no limit, so it is no number that can be written.
  if (error != std::errc() || *value == kForEver) {
    return Fail(at_, absl::StrCat(std::string(what), " is too large"));
  }
  at_ += static_cast<size_t>(rest - begin);
  return true;
}

bool Parser::ParseInteger(std::string_view what, int64_t* value) {
  SkipBlanks();
  const char* begin = text_.data() + at_;
  const char* end = text_.data() + text_.size();
  const auto [rest, error] = std::from_chars(begin, end, *value);
  if (error == std::errc::invalid_argument) {
    return Fail(at_,
                absl::StrCat("expected ", std::string(what), ", not ", Here()));
  }
  if (error != std::errc()) {
    return Fail(at_, absl::StrCat(std::string(what), " is out of range"));
  }
  at_ += static_cast<size_t>(rest - begin);
  return true;
}

// --- Terms -----------------------------------------------------------------

absl::StatusOr<Trigger> Parser::Parse() {
  Trigger trigger;
  if (text_.size() > kMaxTriggerBytes) {
    Fail(kMaxTriggerBytes,
         absl::StrCat("a trigger has at most ", kMaxTriggerBytes, " bytes"));
  }
  while (!failed_) {
    const size_t start = at_;
    Term term;
    if (!ParseTerm(&term)) {
      break;
    }
    trigger.terms.push_back(std::move(term));
    if (trigger.terms.size() > kMaxTerms) {
      Fail(start, absl::StrCat("a trigger has at most ", kMaxTerms, " terms"));
    }
    if (AtEnd()) {
      break;
    }
    Expect("->", "an action");
  }
  if (failed_) {
    return absl::InvalidArgumentError(error_);
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
  SkipBlanks();
  const size_t start = at_;
  if (at_ < text_.size() && IsDigit(text_[at_])) {
    return ParsePercentOrTimes(start, last, term);
  }
  const std::string_view word = Word();
  if (word == "if") {
    return InOrder(start, Part::kIf, last) && ParseConditions(term);
  }
  if (word == "when") {
    return InOrder(start, Part::kWhen, last) && ParseWhen(&term->when);
  }
  if (word.empty()) {
    return Fail(start, absl::StrCat("expected an action, not ", Here()));
  }
  at_ = start;
  *is_action = true;
  return true;
}

bool Parser::InOrder(size_t start, Part part, Part* last) {
  const char* name = kPartNames[static_cast<size_t>(part)];
  if (part == *last) {
    return Fail(start, absl::StrCat(name, " is given twice"));
  }
  if (part < *last) {
    return Fail(start,
                absl::StrCat(name, " must stand before ",
                             kPartNames[static_cast<size_t>(*last)],
                             "; the order is if, when=, p%, n*, action"));
  }
  *last = part;
  return true;
}

bool Parser::ParseConditions(Term* term) {
  if (!Expect("(", "if")) {
    return false;
  }
  do {
    SkipBlanks();
    if (term->conditions.size() == kMaxConditions) {
      return Fail(at_, absl::StrCat("a term has at most ", kMaxConditions,
                                    " conditions"));
    }
    if (!ParseCondition(&term->conditions.emplace_back())) {
      return false;
    }
  } while (Take("&&"));
  return Expect(")", "a condition");
}

bool Parser::ParseCondition(Condition* condition) {
  SkipBlanks();
  const size_t start = at_;
  const std::string_view word = Word();
  const std::optional<Variable> variable = FindVariable(word);
  if (!variable.has_value()) {
    std::array<std::string_view, kVariableCount> known;
    for (int i = 0; i < kVariableCount; ++i) {
      known[static_cast<size_t>(i)] = VariableName(static_cast<Variable>(i));
    }
    return FailUnknown(start, "variable", word, known);
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
    if (Take(spelling)) {
      condition->comparison = comparison;
      return ParseInteger("an integer", &condition->value);
    }
  }
  return Fail(at_,
              absl::StrCat("expected ==, !=, <, <=, > or >=, not ", Here()));
}

bool Parser::ParseWhen(When* when) {
  if (!Expect("=", "when")) {
    return false;
  }
  SkipBlanks();
  const size_t start = at_;
  if (!ParseUnsigned("the first hit", &when->first)) {
    return false;
  }
  if (when->first == 0) {
    return Fail(start, "hits are counted from 1");
  }
  when->last = when->first;
  if (Take("..")) {
    SkipBlanks();
    const size_t last = at_;
    if (!ParseUnsigned("the last hit", &when->last)) {
      return false;
    }
    if (when->last < when->first) {
      return Fail(last, "the last hit comes before the first");
    }
  } else if (At("+")) {
    when->last = kForEver;
  }
  if (!Take("+")) {
    return true;
  }
  // The step must touch its +: `when=3+ 5*off` is the third hit and all after.
  if (at_ < text_.size() && IsDigit(text_[at_])) {
    const size_t step = at_;
    if (!ParseUnsigned("the step", &when->step)) {
      return false;
    }
    if (when->step == 0) {
      return Fail(step, "a step of 0 never gets anywhere");
    }
  }
  if (when->last == when->first) {
    when->step = 1;  // one spelling for one meaning
  }
  return true;
}

bool Parser::ParsePercentOrTimes(size_t start, Part* last, Term* term) {
  uint64_t number = 0;
  if (!ParseUnsigned("the number", &number)) {
    return false;
  }
  if (At(".") || At("%")) {
    if (number > 100) {
      return Fail(start, "a percentage is at most 100");
    }
    uint64_t ppm = number * kPpmPerPercent;
    if (!ParseDecimals(&ppm) || !Expect("%", "a percentage")) {
      return false;
    }
    if (ppm > kAlwaysPpm) {
      return Fail(start, "a percentage is at most 100");
    }
    term->probability_ppm = static_cast<uint32_t>(ppm);
    return InOrder(start, Part::kPercent, last);
  }
  if (!Take("*")) {
    return Fail(at_,
                absl::StrCat("expected % or * after a number, not ", Here()));
  }
  if (number == 0) {
    return Fail(start, "a count is at least 1; leave the term out instead");
  }
  term->times = number;
  return InOrder(start, Part::kTimes, last);
}

bool Parser::ParseDecimals(uint64_t* ppm) {
  if (at_ == text_.size() || text_[at_] != '.') {
    return true;
  }
  ++at_;
  const size_t start = at_;
  uint64_t unit = kPpmPerPercent / 10;
  while (at_ < text_.size() && IsDigit(text_[at_])) {
    if (unit == 0) {
      return Fail(at_, "a percentage has at most four decimals");
    }
    *ppm += unit * static_cast<uint64_t>(text_[at_] - '0');
    unit /= 10;
    ++at_;
  }
  return at_ > start ||
         Fail(at_, absl::StrCat("expected a decimal, not ", Here()));
}

// --- Actions ---------------------------------------------------------------

bool Parser::ParseAction(Action* action) {
  SkipBlanks();
  const size_t start = at_;
  const std::string_view word = Word();
  if (word == "off" || word == "hold" || word == "drop_capability") {
    action->kind = word == "off"    ? ActionKind::kNone
                   : word == "hold" ? ActionKind::kHold
                                    : ActionKind::kDropCapability;
    return !At("(") ||
           Fail(at_, absl::StrCat(std::string(word), " takes no argument"));
  }
  if (word == "yield") {
    return ParseYield(action);
  }
  if (word != "error" && word != "signal" && word != "teardown") {
    return FailUnknown(start, "action", word, ActionNames());
  }
  return Expect("(", word) && ParseArgument(word, action) &&
         Expect(")", "the argument");
}

bool Parser::ParseArgument(std::string_view word, Action* action) {
  if (word == "error") {
    return ParseErrno(action);
  }
  return word == "signal" ? ParseSignal(action) : ParseTeardown(action);
}

bool Parser::ParseErrno(Action* action) {
  action->kind = ActionKind::kError;
  Take("-");
  SkipBlanks();
  const size_t start = at_;
  if (at_ < text_.size() && IsWord(text_[at_])) {
    const std::string_view word = Word();
    const std::optional<int64_t> number = ErrnoOf(word);
    action->arg = number.value_or(0);
    return number.has_value() ||
           FailUnknown(start, "error", word, ErrnoNames());
  }
  uint64_t number = 0;
  if (!ParseUnsigned("an errno", &number)) {
    return false;
  }
  action->arg = static_cast<int64_t>(number);
  return (number >= 1 && number <= uint64_t{kMaxErrno}) ||
         Fail(start, absl::StrCat("an errno is 1 to ", kMaxErrno));
}

bool Parser::ParseSignal(Action* action) {
  action->kind = ActionKind::kSignal;
  SkipBlanks();
  const size_t start = at_;
  if (at_ < text_.size() && IsWord(text_[at_])) {
    const std::string_view word = Word();
    const std::optional<int64_t> number = SignalOf(word);
    action->arg = number.value_or(0);
    return number.has_value() ||
           FailUnknown(start, "signal", word, SignalNames());
  }
  uint64_t number = 0;
  if (!ParseUnsigned("a signal", &number)) {
    return false;
  }
  action->arg = static_cast<int64_t>(number);
  return (number >= 1 && number <= uint64_t{kMaxSignal}) ||
         Fail(start, absl::StrCat("a signal is 1 to ", kMaxSignal));
}

bool Parser::ParseYield(Action* action) {
  *action = {ActionKind::kYield, 1};
  if (!Take("(")) {
    return true;
  }
  SkipBlanks();
  const size_t start = at_;
  uint64_t points = 0;
  if (!ParseUnsigned("a number of scheduling points", &points)) {
    return false;
  }
  action->arg = static_cast<int64_t>(points);
  if (points < 1 || points > uint64_t{kMaxYield}) {
    return Fail(start, absl::StrCat("yield gives away 1 to ", kMaxYield,
                                    " scheduling points"));
  }
  return Expect(")", "the argument");
}

bool Parser::ParseTeardown(Action* action) {
  SkipBlanks();
  const size_t start = at_;
  const std::string_view word = Word();
  if (word != "kill" && word != "force") {
    constexpr std::array<std::string_view, 2> kKinds = {"kill", "force"};
    return FailUnknown(start, "teardown", word, kKinds);
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
