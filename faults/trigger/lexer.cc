// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "faults/trigger/lexer.h"

#include <array>
#include <charconv>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "faults/nearest.h"
#include "faults/term.h"

namespace mmfault::faults {
namespace {

// Words of other failpoint dialects, and what they are called here.
constexpr std::array<std::pair<std::string_view, std::string_view>, 4>
    kForeign = {{{"latency", "delay"},
                 {"kill", "teardown"},
                 {"capability", "drop_capability"},
                 {"nothing", "off"}}};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsWord(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

std::string Quoted(std::string_view text) {
  return absl::StrCat("\"", absl::CHexEscape({text.data(), text.size()}), "\"");
}

}  // namespace

size_t Lexer::Start() {
  while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) {
    ++at_;
  }
  return at_;
}

bool Lexer::AtEnd() { return Start() == text_.size(); }

bool Lexer::At(std::string_view token) {
  return text_.substr(Start(), token.size()) == token;
}

bool Lexer::Take(std::string_view token) {
  if (!At(token)) {
    return false;
  }
  at_ += token.size();
  return true;
}

bool Lexer::Expect(std::string_view token, std::string_view after) {
  if (Take(token)) {
    return true;
  }
  return Fail(at_, absl::StrCat("expected ", Quoted(token), " after ",
                                std::string(after), ", not ", Seen()));
}

std::string_view Lexer::Word() {
  size_t end = Start();
  while (end < text_.size() &&
         (IsWord(text_[end]) || (end > at_ && IsDigit(text_[end])))) {
    ++end;
  }
  const std::string_view word = text_.substr(at_, end - at_);
  at_ = end;
  return word;
}

std::string_view Lexer::Name() {
  size_t end = Start();
  while (end < text_.size() && (IsWord(text_[end]) || IsDigit(text_[end]) ||
                                text_[end] == '-' || text_[end] == '/')) {
    ++end;
  }
  const std::string_view name = text_.substr(at_, end - at_);
  at_ = end;
  return name;
}

std::string Lexer::Seen() {
  return AtEnd() ? "the end" : Quoted(text_.substr(at_, 1));
}

bool Lexer::DigitHere() const {
  return at_ < text_.size() && IsDigit(text_[at_]);
}

bool Lexer::LetterHere() const {
  return at_ < text_.size() && IsWord(text_[at_]);
}

bool Lexer::TakeHere(char c) {
  const bool is = at_ < text_.size() && text_[at_] == c;
  at_ += is ? 1 : 0;
  return is;
}

bool Lexer::Fail(size_t start, std::string_view message) {
  if (!failed()) {
    error_ = absl::StrCat("column ", start + 1, ": ", std::string(message));
  }
  return false;
}

bool Lexer::FailUnknown(size_t start, std::string_view kind,
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

bool Lexer::Unsigned(std::string_view what, uint64_t* value) {
  const char* begin = text_.data() + Start();
  const char* end = text_.data() + text_.size();
  const auto [rest, error] = std::from_chars(begin, end, *value);
  if (error == std::errc::invalid_argument) {
    return Fail(at_,
                absl::StrCat("expected ", std::string(what), ", not ", Seen()));
  }
  // kForEver means no limit, so it is no number that can be written.
  if (error != std::errc() || *value == kForEver) {
    return Fail(at_, absl::StrCat(std::string(what), " is too large"));
  }
  at_ += static_cast<size_t>(rest - begin);
  return true;
}

bool Lexer::Integer(std::string_view what, int64_t* value) {
  const char* begin = text_.data() + Start();
  const char* end = text_.data() + text_.size();
  const auto [rest, error] = std::from_chars(begin, end, *value);
  if (error == std::errc::invalid_argument) {
    return Fail(at_,
                absl::StrCat("expected ", std::string(what), ", not ", Seen()));
  }
  if (error != std::errc()) {
    return Fail(at_, absl::StrCat(std::string(what), " is out of range"));
  }
  at_ += static_cast<size_t>(rest - begin);
  return true;
}

bool Lexer::Bits(std::string_view what, uint64_t* value) {
  Start();
  const bool hex = text_.substr(at_, 2) == "0x" || text_.substr(at_, 2) == "0X";
  const char* begin = text_.data() + at_ + (hex ? 2 : 0);
  const char* end = text_.data() + text_.size();
  const auto [rest, error] = std::from_chars(begin, end, *value, hex ? 16 : 10);
  if (error == std::errc::invalid_argument) {
    return Fail(at_,
                absl::StrCat("expected ", std::string(what), ", not ", Seen()));
  }
  if (error != std::errc()) {
    return Fail(at_, absl::StrCat(std::string(what), " has at most 64 bits"));
  }
  at_ = static_cast<size_t>(rest - text_.data());
  return true;
}

}  // namespace mmfault::faults
