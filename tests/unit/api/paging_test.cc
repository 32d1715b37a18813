// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: pages show each entry once, also when the list changes in between.

#include "server/api/paging.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/base/error.h"
#include "tests/support/matchers.h"

namespace mmfault::api {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Shown {
  std::vector<std::string> keys;
  std::string next;
};

Shown Show(const std::vector<std::string>& keys, int size,
           const std::string& token) {
  Shown shown;
  const auto next = Page(keys, size, token, "List x",
                         [&](size_t i) { shown.keys.push_back(keys[i]); });
  EXPECT_OK(next);
  shown.next = next.value_or("");
  return shown;
}

TEST(PagingTest, ShowsEachEntryOnce) {
  const std::vector<std::string> keys = {"a", "b", "c"};
  const Shown first = Show(keys, 2, "");
  EXPECT_THAT(first.keys, ElementsAre("a", "b"));
  const Shown second = Show(keys, 2, first.next);
  EXPECT_THAT(second.keys, ElementsAre("c"));
  EXPECT_THAT(second.next, IsEmpty());
}

TEST(PagingTest, AFullLastPageHasNoToken) {
  EXPECT_THAT(Show({"a", "b"}, 2, "").next, IsEmpty());
}

TEST(PagingTest, GoesOnWhereItWasWhenEntriesGo) {
  const Shown first = Show({"a", "b", "c", "d"}, 2, "");
  EXPECT_THAT(Show({"a", "c", "d"}, 2, first.next).keys, ElementsAre("c", "d"));
}

TEST(PagingTest, ZeroMeansAHundred) {
  EXPECT_EQ(StartPage(0, "", "List x")->size, 100U);
}

TEST(PagingTest, RefusesSizesOutOfRange) {
  for (const int size : {-1, 1001}) {
    EXPECT_EQ(base::ReasonOf(StartPage(size, "", "List x").status()),
              "FIELD_OUT_OF_RANGE");
  }
}

TEST(PagingTest, RefusesForeignTokens) {
  const std::string foreign = PageTokenAfter("a", "List y");
  for (const std::string& token :
       {foreign, std::string("!"), PageTokenAfter("", "List x")}) {
    EXPECT_EQ(base::ReasonOf(StartPage(0, token, "List x").status()),
              "PAGE_TOKEN_INVALID");
  }
}

}  // namespace
}  // namespace mmfault::api
