// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/host/wall_time.h"

#include "server/host/names.h"

namespace mmfault::host {
namespace {

constexpr int64_t kNanosInSecond = 1'000'000'000;
constexpr int64_t kNanosInMilli = 1'000'000;

}  // namespace

absl::StatusOr<std::chrono::milliseconds> WallTime(
    const google::protobuf::Duration& duration, std::chrono::milliseconds min,
    std::chrono::milliseconds max, std::string_view field) {
  // Seconds first: their number of milliseconds might not fit.
  const int64_t max_seconds = max.count() / 1000 + 1;
  absl::Status status = CheckRange(duration.seconds(), -1, max_seconds, field);
  if (status.ok()) {
    status = CheckRange(duration.nanos(), -kNanosInSecond + 1,
                        kNanosInSecond - 1, field);
  }
  if (!status.ok()) {
    return status;
  }
  const int64_t nanos = duration.seconds() * kNanosInSecond + duration.nanos();
  const int64_t millis = nanos > 0
                             ? (nanos + kNanosInMilli - 1) / kNanosInMilli
                             : (nanos - kNanosInMilli + 1) / kNanosInMilli;
  status = CheckRange(millis, min.count(), max.count(), field);
  if (!status.ok()) {
    return status;
  }
  return std::chrono::milliseconds(millis);
}

google::protobuf::Duration ToProto(std::chrono::nanoseconds duration) {
  google::protobuf::Duration out;
  out.set_seconds(duration.count() / kNanosInSecond);
  out.set_nanos(static_cast<int32_t>(duration.count() % kNanosInSecond));
  return out;
}

google::protobuf::Timestamp ToProto(
    std::chrono::system_clock::time_point time) {
  const auto since = std::chrono::duration_cast<std::chrono::nanoseconds>(
      time.time_since_epoch());
  google::protobuf::Timestamp out;
  out.set_seconds(since.count() / kNanosInSecond);
  out.set_nanos(static_cast<int32_t>(since.count() % kNanosInSecond));
  return out;
}

}  // namespace mmfault::host
