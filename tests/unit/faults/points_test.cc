// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// The catalogue: names are the contract, so they are well formed and unique,
// and a misspelt one leads to its neighbour.

#include "faults/points.h"

#include <algorithm>
#include <set>
#include <string>

#include "gtest/gtest.h"

namespace mmfault::faults {
namespace {

TEST(PointsTest, NamesAreUniqueAndHaveThreeParts) {
  std::set<std::string> names;
  for (const PointInfo& info : AllPoints()) {
    const std::string name(info.name);
    EXPECT_TRUE(names.insert(name).second) << name;
    EXPECT_EQ(std::count(name.begin(), name.end(), '/'), 2) << name;
    EXPECT_TRUE(std::all_of(name.begin(), name.end(), [](char c) {
      return c == '/' || c == '_' || (c >= 'a' && c <= 'z') ||
             (c >= '0' && c <= '9');
    })) << name;
    EXPECT_FALSE(info.stands_for.empty()) << name;
    EXPECT_FALSE(info.cite.empty()) << name;
  }
  EXPECT_EQ(static_cast<int>(names.size()), kPointCount);
}

TEST(PointsTest, AreFoundByNameAndNumber) {
  for (int i = 0; i < kPointCount; ++i) {
    const auto point = static_cast<Point>(i);
    EXPECT_EQ(InfoOf(point).point, point);
    EXPECT_EQ(FindPoint(InfoOf(point).name), point);
  }
  EXPECT_EQ(FindPoint("mm/exit_mmap"), std::nullopt);
  EXPECT_EQ(FindPoint(""), std::nullopt);
}

TEST(PointsTest, AMisspeltNameLeadsToItsNeighbour) {
  EXPECT_EQ(NearestPointName("mm/exit_map/enter"), "mm/exit_mmap/enter");
  EXPECT_EQ(NearestPointName("kernel/kmaloc/alloc"), "kernel/kmalloc/alloc");
  EXPECT_FALSE(NearestPointName("").empty());
}

}  // namespace
}  // namespace mmfault::faults
