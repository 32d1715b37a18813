// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// nearest.h: which known name a mistyped one is nearest to; for messages.

#ifndef MMFAULT_FAULTS_NEAREST_H_
#define MMFAULT_FAULTS_NEAREST_H_

#include <cstddef>
#include <span>
#include <string_view>

namespace mmfault::faults {

// Insertions, deletions and substitutions between two texts. Takes time in
// proportion to the product of their lengths: bound them first.
size_t EditDistance(std::string_view a, std::string_view b);

// The known name nearest to `name`, or "" when none is near enough for a
// suggestion to help: more than a third of its letters differ.
std::string_view NearestName(std::span<const std::string_view> known,
                             std::string_view name);

}  // namespace mmfault::faults

#endif  // MMFAULT_FAULTS_NEAREST_H_
