// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// What a probe asks is parsed whole, or refused at its column.

#include "server/scenario/predicate.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "faults/trigger/trigger.h"
#include "server/base/prng.h"

namespace mmfault::scenario {
namespace {

TEST(PredicateTest, TakesEveryValue) {
  for (const char* text :
       {"mm_users(m0) == 0", "mm_count(m0)>=1", "map_count(m-0) != 2",
        "alive(m0) == 1", "registered(kvm) == 1",
        "callbacks(kvm, release) == 1",
        "callbacks(kvm,invalidate_range_start) >= 3", "mappings(kvm) < 4",
        "rc(t0) == -EINTR", "rc(t0) == -4", "rc(t0) != EINTR", "done(t0) > 1",
        "held() == 0", "held(t0) == 1", "passes(mm/exit_mmap/enter) <= 1",
        "faults >= 1", "faults >= 1 && held()==0 && mm_users(m0) == 1"}) {
    EXPECT_TRUE(Predicate::Parse(text).ok())
        << text << ": " << Predicate::Parse(text).status();
  }
}

struct Refused {
  const char* text;
  int column;
  const char* message;
};

constexpr std::array<Refused, 14> kRefused = {{
    {"", 1, "unknown value"},
    {"mm_user(m0) == 0", 1, "did you mean \"mm_users\"?"},
    {"mm_users == 0", 10, "expected \"(\" after mm_users"},
    {"mm_users() == 0", 10, "expected a name"},
    {"mm_users(m0 == 0", 13, "expected \")\""},
    {"mm_users(m0) = 0", 14, "expected ==, !=, <, <=, > or >="},
    {"mm_users(m0) == x", 17, "unknown error \"x\""},
    {"rc(t0) == -EINTT", 12, "did you mean \"EINTR\"?"},
    {"callbacks(n0) == 1", 13, "expected \",\" after the notifier"},
    {"callbacks(n0, releas) == 1", 15, "did you mean \"release\"?"},
    {"passes(mm/exit_map/enter) == 1", 8, "did you mean \"mm/exit_mmap/enter"},
    {"faults >= 1 && ", 16, "unknown value"},
    {"faults >= 1 faults", 13, "expected && or the end"},
    {"held() == 0 || faults == 0", 13, "expected && or the end"},
}};

TEST(PredicateTest, SaysWhereAndWhy) {
  for (const Refused& refused : kRefused) {
    const absl::Status status = Predicate::Parse(refused.text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument)
        << refused.text;
    EXPECT_EQ(faults::ColumnOf(status), refused.column) << refused.text;
    EXPECT_NE(std::string(status.message()).find(refused.message),
              std::string::npos)
        << status;
  }
}

TEST(PredicateTest, LimitsAreLimits) {
  std::string eight = "faults >= 0";
  for (int i = 1; i < 8; ++i) {
    eight += " && faults >= 0";
  }
  EXPECT_TRUE(Predicate::Parse(eight).ok());
  EXPECT_FALSE(Predicate::Parse(eight + " && faults >= 0").ok());
  EXPECT_FALSE(Predicate::Parse("faults >= 0" + std::string(1024, ' ')).ok());
}

// 50000 texts, a right one with a byte changed or pieces of the grammar and any
// bytes: each is taken, or refused at a column inside of it or one past it.
TEST(PredicateTest, AnyBytesAreTakenOrRefused) {
  constexpr std::array<const char*, 24> kPieces = {
      "mm_users",  "(",   "m0",    ")",
      "==",        "0",   "&&",    " ",
      "callbacks", ",",   "rc",    "release",
      "-EINTR",    "-",   ">=",    "faults",
      "held()",    "n0",  "<",     "passes(",
      "done",      "mm/", "enter", "18446744073709551616"};
  base::Prng prng(7);
  int taken = 0;
  for (int i = 0; i < 50000; ++i) {
    std::string text;
    if (i % 2 == 0) {
      text = "callbacks(n0, release) >= 1 && rc(t0) == -EINTR";
      text[prng.Below(static_cast<uint32_t>(text.size()))] =
          static_cast<char>(prng.Below(256));
    }
    for (uint32_t n = i % 2 == 0 ? 0 : prng.Below(12); n > 0; --n) {
      text += prng.Below(20) == 0
                  ? std::string(1, static_cast<char>(prng.Below(256)))
                  : kPieces[prng.Below(kPieces.size())];
    }
    const absl::Status status = Predicate::Parse(text).status();
    if (status.ok()) {
      ++taken;
      continue;
    }
    ASSERT_GE(faults::ColumnOf(status), 1) << text;
    ASSERT_LE(faults::ColumnOf(status), static_cast<int>(text.size()) + 1)
        << text;
  }
  EXPECT_GT(taken, 500);
}

}  // namespace
}  // namespace mmfault::scenario
