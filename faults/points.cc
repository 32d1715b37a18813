// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "faults/points.h"

#include <algorithm>
#include <array>

#include "faults/nearest.h"

namespace mmfault::faults {
namespace {

constexpr std::array<PointInfo, kPointCount> kPoints = {{
#define MMFAULT_POINT(id, name, stands_for, cite, sleeps, errors) \
  {Point::id, name, stands_for, cite, sleeps, errors},
#include "faults/catalog/points.inc"
#undef MMFAULT_POINT
}};

}  // namespace

const PointInfo& InfoOf(Point point) {
  return kPoints[static_cast<size_t>(point)];
}

std::span<const PointInfo> AllPoints() { return kPoints; }

bool CanStop(Point point) {
  return point != Point::kMmLockStep && !IsEveryStep(point);
}

bool IsEveryStep(Point point) {
  return point == Point::kStep || point == Point::kCallbackStep;
}

bool CarriesMessage(Point point) {
  return point == Point::kCallbackDeliver || point == Point::kCallbackAck;
}

bool HasMm(Point point) {
  return point != Point::kKmalloc && point != Point::kVmalloc &&
         point != Point::kCapable;
}

bool HasEvent(Point point) {
  switch (point) {
    case Point::kReleaseBeforeCallback:
    case Point::kInvalidateStart:
    case Point::kInvalidateEnd:
    case Point::kDeviceCallback:
    case Point::kCallbackStep:
      return true;
    default:
      return CarriesMessage(point);
  }
}

bool HasNotifier(Point point) {
  switch (point) {
    case Point::kRegisterEnter:
    case Point::kRegisterLinked:
    case Point::kUnregisterEnter:
    case Point::kUnregisterUnlinked:
    case Point::kReleaseUnlinked:
    case Point::kDeviceBeforeInstall:
      return true;
    default:
      return HasEvent(point);
  }
}

bool HasRange(Point point) {
  switch (point) {
    case Point::kUnmapAfterStart:
    case Point::kUnmapBeforeEnd:
    case Point::kZapAfterStart:
    case Point::kRmapBeforeClear:
    case Point::kDeviceBeforeInstall:
      return true;
    case Point::kCallbackStep:
      return false;
    default:
      return HasEvent(point);
  }
}

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
