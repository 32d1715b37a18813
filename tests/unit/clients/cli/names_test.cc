// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/names.h"

#include <gtest/gtest.h>

namespace mmfault::cli {
namespace {

TEST(NamesTest, ShortFormsAreCompleted) {
  EXPECT_EQ(WorldName("w0"), "worlds/w0");
  EXPECT_EQ(WorldName("worlds/w0"), "worlds/w0");
  EXPECT_EQ(ChildName("w0/m0", "mms"), "worlds/w0/mms/m0");
  EXPECT_EQ(ChildName("worlds/w0/mms/m0", "mms"), "worlds/w0/mms/m0");
  EXPECT_EQ(NotifierName("w0/n0"), "worlds/w0/mms/-/notifiers/n0");
  EXPECT_EQ(NotifierName("w0/m0/n0"), "worlds/w0/mms/m0/notifiers/n0");
  EXPECT_EQ(ParentName("runs/r0"), "runs/r0");
  EXPECT_EQ(ParentName("w0"), "worlds/w0");
}

TEST(ParseAddressTest, DecimalAndHexadecimal) {
  EXPECT_EQ(ParseAddress("0x1000"), 0x1000u);
  EXPECT_EQ(ParseAddress("4096"), 4096u);
  EXPECT_EQ(ParseAddress("0xffffffffffffffff"), ~uint64_t{0});
  EXPECT_FALSE(ParseAddress("").has_value());
  EXPECT_FALSE(ParseAddress("-1").has_value());
  EXPECT_FALSE(ParseAddress("0x10g").has_value());
  EXPECT_FALSE(ParseAddress("0x10000000000000000").has_value());
}

}  // namespace
}  // namespace mmfault::cli
