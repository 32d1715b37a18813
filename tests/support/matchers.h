// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// matchers.h: gMock matchers for absl::Status and absl::StatusOr.
//
// Debian's abseil is older than absl/status/status_matchers.h; names and
// meaning are the same, so that switching later is a matter of one include.
//
//   EXPECT_THAT(status, IsOk());
//   EXPECT_THAT(status, StatusIs(absl::StatusCode::kNotFound));
//   EXPECT_THAT(status, StatusIs(absl::StatusCode::kNotFound,
//                                HasSubstr("mm0")));
//   EXPECT_THAT(status_or, IsOkAndHolds(Eq(3)));
//
// The matchers look at what they are given and keep nothing of it.

#ifndef MMFAULT_TESTS_SUPPORT_MATCHERS_H_
#define MMFAULT_TESTS_SUPPORT_MATCHERS_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mmfault::testing_support {

// The status of either form; a copy is a counted pointer.
inline absl::Status StatusOf(const absl::Status& status) { return status; }
template <typename T>
absl::Status StatusOf(const absl::StatusOr<T>& status_or) {
  return status_or.status();
}

// Implementation of StatusIs(): matches code and message, each by a matcher.
class StatusIsMatcher {
 public:
  using is_gtest_matcher = void;

  StatusIsMatcher(::testing::Matcher<absl::StatusCode> code,
                  ::testing::Matcher<const std::string&> message)
      : code_(std::move(code)), message_(std::move(message)) {}

  template <typename StatusLike>
  bool MatchAndExplain(const StatusLike& value,
                       ::testing::MatchResultListener* listener) const {
    const absl::Status status = StatusOf(value);
    *listener << "which is " << status.ToString();
    return code_.Matches(status.code()) &&
           message_.Matches(std::string(status.message()));
  }

  void DescribeTo(std::ostream* os) const {
    *os << "has a status code that ";
    code_.DescribeTo(os);
    *os << " and a message that ";
    message_.DescribeTo(os);
  }

  void DescribeNegationTo(std::ostream* os) const {
    *os << "has a status code or message other than: ";
    DescribeTo(os);
  }

 private:
  ::testing::Matcher<absl::StatusCode> code_;
  ::testing::Matcher<const std::string&> message_;
};

// Matches a Status or StatusOr whose code and message match.
inline StatusIsMatcher StatusIs(
    ::testing::Matcher<absl::StatusCode> code,
    ::testing::Matcher<const std::string&> message = ::testing::_) {
  return StatusIsMatcher(std::move(code), std::move(message));
}

// Matches an OK Status, or a StatusOr that holds a value.
inline StatusIsMatcher IsOk() { return StatusIs(absl::StatusCode::kOk); }

// Implementation of IsOkAndHolds().
template <typename Inner>
class IsOkAndHoldsMatcher {
 public:
  using is_gtest_matcher = void;

  explicit IsOkAndHoldsMatcher(Inner inner) : inner_(std::move(inner)) {}

  template <typename T>
  bool MatchAndExplain(const absl::StatusOr<T>& value,
                       ::testing::MatchResultListener* listener) const {
    if (!value.ok()) {
      *listener << "which is " << value.status().ToString();
      return false;
    }
    const auto matcher = ::testing::SafeMatcherCast<const T&>(inner_);
    return matcher.MatchAndExplain(*value, listener);
  }

  void DescribeTo(std::ostream* os) const {
    *os << "is OK and holds the expected value";
  }
  void DescribeNegationTo(std::ostream* os) const {
    *os << "is not OK, or holds another value";
  }

 private:
  Inner inner_;
};

// Matches a StatusOr that holds a value which `inner` (a matcher or a plain
// value) matches.
template <typename Inner>
IsOkAndHoldsMatcher<std::decay_t<Inner>> IsOkAndHolds(Inner&& inner) {
  return IsOkAndHoldsMatcher<std::decay_t<Inner>>(std::forward<Inner>(inner));
}

}  // namespace mmfault::testing_support

// Fails the test, at this line, unless `expr` is OK; ASSERT_ returns from it.
#define EXPECT_OK(expr) EXPECT_THAT((expr), ::mmfault::testing_support::IsOk())
#define ASSERT_OK(expr) ASSERT_THAT((expr), ::mmfault::testing_support::IsOk())

#endif  // MMFAULT_TESTS_SUPPORT_MATCHERS_H_
