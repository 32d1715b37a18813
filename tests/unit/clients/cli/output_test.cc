// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/output.h"

#include <gtest/gtest.h>

#include "mmfault/v1/resources.pb.h"

namespace mmfault::cli {
namespace {

TEST(TableTest, ColumnsAreAsWideAsTheirWidestCell) {
  Table table({"A", "LONG", "C"});
  table.Add({"wide", "x", "y"});
  EXPECT_EQ(table.ToString(), "A     LONG  C\nwide  x     y\n");
}

TEST(OutputTest, JsonHasTheProtosOwnNames) {
  v1::Mm mm;
  mm.set_mm_users(2);
  EXPECT_NE(ToJson(mm).find("\"mm_users\""), std::string::npos);
}

TEST(OutputTest, Words) {
  EXPECT_EQ(Lower("STATE_WAITING_FOR_ACK", "STATE_"), "waiting_for_ack");
  EXPECT_EQ(Joined({}), "-");
  EXPECT_EQ(Joined({"a", "b"}), "a, b");
  EXPECT_EQ(Hex(0x1000), "0x1000");
  EXPECT_EQ(LastPart("worlds/w0/mms/m0"), "m0");
}

}  // namespace
}  // namespace mmfault::cli
