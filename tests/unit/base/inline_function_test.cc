// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: a callable is called, moved and destroyed as often as it should be,
// whether it fits inside or not. Method: callables that count their copies.

#include "server/base/inline_function.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <utility>

namespace mmfault::base {
namespace {

using Function = InlineFunction<int(int), 32>;

TEST(InlineFunctionTest, IsEmptyUntilItIsGivenSomething) {
  Function function;
  EXPECT_FALSE(function);
  EXPECT_TRUE(function == nullptr);
  function = [](int x) { return x + 1; };
  EXPECT_TRUE(function);
  EXPECT_EQ(function(1), 2);
  function = nullptr;
  EXPECT_TRUE(function == nullptr);
}

// Padding decides whether it fits.
template <size_t kPadding>
void CheckLife() {
  const auto owned = std::make_shared<int>(40);
  {
    const std::array<char, kPadding> padding = {2};
    Function first = [owned, padding](int x) {
      return *owned + padding[0] + x;
    };
    EXPECT_EQ(owned.use_count(), 2);
    Function second = std::move(first);
    EXPECT_EQ(owned.use_count(), 2);
    EXPECT_EQ(second(0), 42);
    Function third;
    third = std::move(second);
    EXPECT_EQ(third(1), 43);
    third = [](int x) { return x; };
    EXPECT_EQ(owned.use_count(), 1) << "what was there before is gone";
    third = [owned, padding](int x) { return padding[0] + x; };
    EXPECT_EQ(owned.use_count(), 2);
  }
  EXPECT_EQ(owned.use_count(), 1);
}

TEST(InlineFunctionTest, KeepsASmallOneInside) { CheckLife<8>(); }

TEST(InlineFunctionTest, KeepsALargeOneOnTheHeap) { CheckLife<80>(); }

TEST(InlineFunctionTest, TakesWhatCanOnlyBeMoved) {
  Function function = [owned = std::make_unique<int>(7)](int x) {
    return *owned + x;
  };
  const Function moved = std::move(function);
  EXPECT_EQ(moved(1), 8);
}

TEST(InlineFunctionTest, PassesReferencesOn) {
  const InlineFunction<void(std::string&, const std::string&)> append =
      [](std::string& to, const std::string& what) { to += what; };
  std::string text = "a";
  append(text, "b");
  EXPECT_EQ(text, "ab");
}

}  // namespace
}  // namespace mmfault::base
