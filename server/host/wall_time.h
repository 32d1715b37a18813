// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// wall_time.h: durations and moments of the API.
//
// Threads: pure functions.

#ifndef MMFAULT_SERVER_HOST_WALL_TIME_H_
#define MMFAULT_SERVER_HOST_WALL_TIME_H_

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include <chrono>
#include <string_view>

#include "absl/status/statusor.h"

namespace mmfault::host {

// A duration in milliseconds, rounded up, so that what is above 0 stays so.
//
// Errors: INVALID_ARGUMENT (FIELD_OUT_OF_RANGE): not in [min, max], or no
// duration at all.
absl::StatusOr<std::chrono::milliseconds> WallTime(
    const google::protobuf::Duration& duration, std::chrono::milliseconds min,
    std::chrono::milliseconds max, std::string_view field);

google::protobuf::Duration ToProto(std::chrono::nanoseconds duration);
google::protobuf::Timestamp ToProto(std::chrono::system_clock::time_point time);

}  // namespace mmfault::host

#endif  // MMFAULT_SERVER_HOST_WALL_TIME_H_
