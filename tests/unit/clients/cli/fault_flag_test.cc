// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: what a replay line says of a fault is the fault again, and what is none
// is refused in words.

#include "clients/cli/fault_flag.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace mmfault::cli {
namespace {

using ::testing::HasSubstr;

v1::FaultRule Parsed(const std::string& text) {
  v1::FaultRule rule;
  std::string error;
  EXPECT_TRUE(ParseFaultFlag(text, &rule, &error)) << error;
  return rule;
}

std::string ErrorOf(const std::string& text) {
  v1::FaultRule rule;
  std::string error;
  EXPECT_FALSE(ParseFaultFlag(text, &rule, &error)) << text;
  return error;
}

TEST(FaultFlagTest, PointAndTrigger) {
  const v1::FaultRule rule = Parsed("mm/exit_mmap/enter:  1*hold(1h)");
  EXPECT_EQ(rule.point(), "mm/exit_mmap/enter");
  EXPECT_EQ(rule.trigger(), "1*hold(1h)");
  EXPECT_EQ(rule.task(), "");
}

TEST(FaultFlagTest, FiltersStandBehindThePoint) {
  const v1::FaultRule rule = Parsed(
      "sched/task/step task=driver mm=m0 notifier=n0 operation=munmap: "
      "when=3 teardown(kill)");
  EXPECT_EQ(rule.point(), "sched/task/step");
  EXPECT_EQ(rule.task(), "driver");
  EXPECT_EQ(rule.mm(), "m0");
  EXPECT_EQ(rule.notifier(), "n0");
  EXPECT_EQ(rule.operation(), "munmap");
  EXPECT_EQ(rule.trigger(), "when=3 teardown(kill)");
}

TEST(FaultFlagTest, WhatIsNoneIsRefused) {
  EXPECT_THAT(ErrorOf("nonsense"), HasSubstr("POINT: TRIGGER"));
  EXPECT_THAT(ErrorOf("a/b/c: "), HasSubstr("POINT: TRIGGER"));
  EXPECT_THAT(ErrorOf("a/b/c colour=red: off"), HasSubstr("\"colour=red\""));
  EXPECT_THAT(ErrorOf("a/b/c task: off"), HasSubstr("is no filter"));
  EXPECT_THAT(ErrorOf("a/b/c task=: off"), HasSubstr("is no filter"));
}

}  // namespace
}  // namespace mmfault::cli
