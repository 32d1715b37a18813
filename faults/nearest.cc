// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "faults/nearest.h"

#include <algorithm>
#include <vector>

namespace mmfault::faults {

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

std::string_view NearestName(std::span<const std::string_view> known,
                             std::string_view name) {
  std::string_view nearest;
  size_t least = name.size() / 3 + 2;  // one more than is near enough
  for (const std::string_view candidate : known) {
    const size_t distance = EditDistance(candidate, name);
    if (distance < least) {
      least = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

}  // namespace mmfault::faults
