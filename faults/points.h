// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// points.h: the catalogue of fault points.
//
// A point is a named place in the simulated kernel at which something can be
// made to happen. The list is faults/catalog/points.inc, one entry a point: its
// name (`area/function/place`), what it stands for in a real kernel, where the
// source is, whether sleeping is legal there, and which actions make sense.
// Ids are dense and belong to one build; names are the contract.

#ifndef MMFAULT_FAULTS_POINTS_H_
#define MMFAULT_FAULTS_POINTS_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace mmfault::faults {

enum class Point : uint16_t {
#define MMFAULT_POINT(id, name, stands_for, cite, sleeps, errors) id,
#include "faults/catalog/points.inc"
#undef MMFAULT_POINT
  kCount,
};
inline constexpr int kPointCount = static_cast<int>(Point::kCount);

// One catalogue entry. Strings are literals.
struct PointInfo {
  Point point;
  std::string_view name;
  std::string_view stands_for;
  std::string_view cite;
  bool can_sleep;           // the kernel may sleep here
  std::string_view errors;  // errors that `error(E)` may inject; "" for none
};

const PointInfo& InfoOf(Point point);
std::span<const PointInfo> AllPoints();

// Whether a task can stop there: `hold` and `yield` need a scheduling point.
// False where the point only looks on at a step that is being taken.
bool CanStop(Point point);

// Passed before the effect of each step: of any task, or of one that is inside
// a callback.
bool IsEveryStep(Point point);

// Whether a callback, or its answer, is on its way there: it can be lost, come
// twice or be overtaken.
bool CarriesMessage(Point point);

// What a rule's filters can ask about at a point.
bool HasMm(Point point);
bool HasNotifier(Point point);
bool HasEvent(Point point);  // a callback that is being made
bool HasRange(Point point);

std::optional<Point> FindPoint(std::string_view name);

// The known name nearest to `name` by edit distance; for error messages.
std::string_view NearestPointName(std::string_view name);

}  // namespace mmfault::faults

#endif  // MMFAULT_FAULTS_POINTS_H_
