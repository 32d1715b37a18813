// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: an execution survives being written down. Method: text there and back,
// malformed text with its column, fingerprints that differ in one step.

#include "server/scenario/decisions.h"

#include "gtest/gtest.h"

namespace mmfault::scenario {
namespace {

TEST(DecisionsTest, ThereAndBack) {
  for (const char* text :
       {"", "0:1", "0:12,1:3,1=1,0:2", "63:1", "2=0,2=255,2:1"}) {
    const auto schedule = ParseDecisions(text);
    ASSERT_TRUE(schedule.ok()) << text << schedule.status().message();
    const auto again = ParseDecisions(DecisionsText(*schedule));
    ASSERT_TRUE(again.ok());
    EXPECT_EQ(again->size(), schedule->size()) << text;
    EXPECT_EQ(DecisionsText(*again), DecisionsText(*schedule)) << text;
  }
  EXPECT_EQ(ParseDecisions("0:12,1:3,1=1,0:2")->size(), 18U);
  EXPECT_EQ(SwitchesOf(*ParseDecisions("0:12,1:3,1=1,0:2")), 2);
}

// What goes round is written once.
TEST(DecisionsTest, ALoopAtTheEnd) {
  const char* text = "0:4,(1:2,0:3,1=1)*100";
  const auto schedule = ParseDecisions(text);
  ASSERT_TRUE(schedule.ok()) << schedule.status().message();
  EXPECT_EQ(schedule->size(), 604U);
  EXPECT_EQ(DecisionsText(*schedule), text);
  EXPECT_EQ(ParseDecisions("(1:2,0:3)*100")->size(), 500U);
  EXPECT_EQ(DecisionsText(*ParseDecisions("(1:1,0:1)*3")),
            "1:1,0:1,1:1,0:1,1:1,0:1");
  for (const char* wrong :
       {"()*3", "(0:1", "(0:1)", "(0:1)*", "(0:1)*0", "(0:1)*2,0:1",
        "(0:1;1:1)*2", "(0:1000)*100000", "((0:1)*2)*2"}) {
    EXPECT_FALSE(ParseDecisions(wrong).ok()) << wrong;
  }
}

TEST(DecisionsTest, SaysWhereItIsMalformed) {
  const auto message = [](const char* text) {
    return std::string(ParseDecisions(text).status().message());
  };
  EXPECT_NE(message("x").find("column 1"), std::string::npos);
  EXPECT_NE(message("0").find("column 2"), std::string::npos);
  EXPECT_NE(message("0:").find("column 3"), std::string::npos);
  EXPECT_NE(message("0:0").find("column 3"), std::string::npos);
  EXPECT_NE(message("0:1;1:1").find("column 4"), std::string::npos);
  EXPECT_NE(message("64:1").find("column 1"), std::string::npos);
  EXPECT_NE(message("0=256").find("column 3"), std::string::npos);
  EXPECT_NE(message("0:9999999,0:2").find("column 13"), std::string::npos);
}

TEST(DecisionsTest, FindsTheFirstStepThatDiffers) {
  EXPECT_EQ(FirstDifference("0011", "0011"), 0U);
  EXPECT_EQ(FirstDifference("0011ab", "0012ab"), 2U);
  EXPECT_EQ(FirstDifference("0011", "001122"), 3U);
  EXPECT_EQ(FirstDifference("", ""), 0U);
}

}  // namespace
}  // namespace mmfault::scenario
