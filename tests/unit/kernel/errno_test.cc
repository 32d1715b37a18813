// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/kernel/errno.h"

#include "gtest/gtest.h"

namespace mmfault::kernel {
namespace {

TEST(ErrnoTest, NamesAreWrittenAndRead) {
  EXPECT_EQ(ErrnoText(-EINTR), "-EINTR");
  EXPECT_EQ(ErrnoText(0), "0");
  EXPECT_EQ(ErrnoText(-4242), "-4242");
  EXPECT_EQ(ErrnoText(EINTR), "4");
  for (const char* text : {"EINTR", "-EINTR", "4", "-4"}) {
    EXPECT_EQ(ParseErrno(text), EINTR) << text;
  }
  EXPECT_EQ(ParseErrno("ERESTARTSYS"), kERestartSys);
}

TEST(ErrnoTest, OtherTextIsNoErrno) {
  for (const char* text : {"", "-", "--4", "0", "eintr", "EINTR ", "4x", "4096",
                           "99999999999", "E"}) {
    EXPECT_EQ(ParseErrno(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace mmfault::kernel
