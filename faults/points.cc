// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "faults/points.h"

#include <algorithm>
#include <array>
#include <vector>

namespace mmfault::faults {
namespace {

constexpr std::array<PointInfo, kPointCount> kPoints = {{
#define MMFAULT_POINT(id, name, stands_for, cite, sleeps, errors) \
  {Point::id, name, stands_for, cite, sleeps, errors},
#include "faults/catalog/points.inc"
#undef MMFAULT_POINT
}};

size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) {
    row[j] = j;
  }
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t up = row[j];
      const size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({up + 1, row[j - 1] + 1, change});
      diagonal = up;
    }
  }
  return row[b.size()];
}

}  // namespace

const PointInfo& InfoOf(Point point) {
  return kPoints[static_cast<size_t>(point)];
}

std::span<const PointInfo> AllPoints() { return kPoints; }

std::optional<Point> FindPoint(std::string_view name) {
  for (const PointInfo& info : kPoints) {
    if (info.name == name) {
      return info.point;
    }
  }
  return std::nullopt;
}

std::string_view NearestPointName(std::string_view name) {
  const auto* nearest = std::min_element(
      kPoints.begin(), kPoints.end(),
      [name](const PointInfo& a, const PointInfo& b) {
        return EditDistance(a.name, name) < EditDistance(b.name, name);
      });
  return nearest->name;
}

}  // namespace mmfault::faults
