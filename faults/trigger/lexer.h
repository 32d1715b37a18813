// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// lexer.h: a place in a trigger's text, and the first error found there.
//
// Functions that can fail return false once an error is set; the first one is
// the one that is told. All but the *Here() functions skip blanks first.

#ifndef MMFAULT_FAULTS_TRIGGER_LEXER_H_
#define MMFAULT_FAULTS_TRIGGER_LEXER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace mmfault::faults {

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  // The byte at which the next token begins.
  size_t Start();
  bool AtEnd();
  bool At(std::string_view token);
  // Takes the token if it is the next one.
  bool Take(std::string_view token);
  // The same, and an error if it is not.
  bool Expect(std::string_view token, std::string_view after);

  // Letters, digits and _, beginning with no digit; "" when there is none.
  std::string_view Word();
  // The same with - and /, for ids and names of points.
  std::string_view Name();
  void BackTo(size_t start) { at_ = start; }

  // A whole number; `what` names it in messages. kForEver is none.
  bool Unsigned(std::string_view what, uint64_t* value);
  bool Integer(std::string_view what, int64_t* value);
  // 64 bits, decimal or 0x...; all of them are numbers.
  bool Bits(std::string_view what, uint64_t* value);

  // What the very next byte is; skips nothing.
  bool DigitHere() const;
  bool LetterHere() const;
  bool TakeHere(char c);
  // The value of a digit, which is taken. Requires DigitHere().
  uint64_t TakeDigitHere() { return static_cast<uint64_t>(text_[at_++] - '0'); }

  // What stands here, for messages: a quoted byte or `the end`.
  std::string Seen();

  // Sets the error at a byte offset, and returns false.
  bool Fail(size_t start, std::string_view message);
  bool FailHere(std::string_view message) { return Fail(at_, message); }
  // `unknown action "eror"; did you mean "error"?`
  bool FailUnknown(size_t start, std::string_view kind, std::string_view word,
                   std::span<const std::string_view> known);

  bool failed() const { return !error_.empty(); }
  // `column 7: ...`, or "".
  const std::string& error() const { return error_; }

 private:
  std::string_view text_;
  size_t at_ = 0;
  std::string error_;
};

}  // namespace mmfault::faults

#endif  // MMFAULT_FAULTS_TRIGGER_LEXER_H_
