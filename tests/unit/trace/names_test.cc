// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Names of kinds, types and checkers: complete, distinct, and read back.

#include <set>
#include <string>

#include "gtest/gtest.h"
#include "server/trace/op.h"
#include "server/trace/violation.h"

namespace mmfault::trace {
namespace {

TEST(NamesTest, EveryKindAndTypeHasItsOwn) {
  std::set<std::string> kinds;
  for (int i = 0; i <= static_cast<int>(OpKind::kCallEnd); ++i) {
    EXPECT_TRUE(kinds.insert(OpKindName(static_cast<OpKind>(i))).second) << i;
  }
  std::set<std::string> types;
  for (int i = 0; i <= static_cast<int>(ObjType::kCookie); ++i) {
    EXPECT_TRUE(types.insert(ObjTypeName(static_cast<ObjType>(i))).second) << i;
  }
}

TEST(NamesTest, CheckersAreFoundByName) {
  for (int i = 0; i < kCheckerCount; ++i) {
    const auto checker = static_cast<Checker>(i);
    EXPECT_EQ(CheckerByName(CheckerName(checker)), checker);
  }
  EXPECT_EQ(CheckerByName("no_such_promise"), std::nullopt);
  EXPECT_EQ(CheckerByName(""), std::nullopt);
}

TEST(ObjKeyTest, KeepsItsParts) {
  const ObjKey key(ObjType::kVma, 0xfedcba98U, 0x123456U);
  EXPECT_EQ(key.type(), ObjType::kVma);
  EXPECT_EQ(key.id(), 0xfedcba98U);
  EXPECT_EQ(key.part(), 0x123456U);
  EXPECT_EQ(ObjKey(ObjType::kVma, 1, 0x1000001U).part(), 1U);
}

}  // namespace
}  // namespace mmfault::trace
