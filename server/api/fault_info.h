// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// fault_info.h: fault points and holds, as the API tells them.
//
// Threads: the catalogue: pure functions over constant data. Holds: as the
// machine.

#ifndef MMFAULT_SERVER_API_FAULT_INFO_H_
#define MMFAULT_SERVER_API_FAULT_INFO_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "faults/points.h"
#include "mmfault/v1/fault.pb.h"
#include "server/host/fault_book.h"
#include "server/scenario/machine.h"

namespace mmfault::api {

// A catalogue entry, without counts.
v1::FaultPoint ToProto(const faults::PointInfo& info);

// NOT_FOUND (FAULT_POINT_NOT_FOUND), with the nearest name.
absl::StatusOr<faults::Point> PointOf(const std::string& name);

// A task that stands at a hold.
struct Held {
  std::string id;  // the hold's: the task's id and the steps it has taken
  faults::Point point = faults::Point::kCount;
  int slot = -1;
  v1::Hold hold;
};

// All of them, by id. `world` is the resource name.
std::vector<Held> HeldTasks(const scenario::Machine& machine,
                            const host::FaultBook& faults,
                            const std::string& world);

}  // namespace mmfault::api

#endif  // MMFAULT_SERVER_API_FAULT_INFO_H_
