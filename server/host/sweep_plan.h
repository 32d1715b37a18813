// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// sweep_plan.h: a request for a sweep, checked and with its defaults filled in.
//
// Threads: functions without state.

#ifndef MMFAULT_SERVER_HOST_SWEEP_PLAN_H_
#define MMFAULT_SERVER_HOST_SWEEP_PLAN_H_

#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mmfault/v1/run_service.pb.h"
#include "server/host/run_plan.h"
#include "server/sweep/sweep.h"

namespace mmfault::host {

struct SweepPlan {
  std::vector<PlannedCase> cases;
  v1::SweepOptions options;
  sweep::Shard shard;
  scenario::Bounds bounds;
  int workers = 1;
  std::optional<v1::SweepCell> after;
};

// Errors: those of RunService.Sweep about the request itself.
absl::StatusOr<SweepPlan> PlanSweep(const v1::SweepRequest& request,
                                    const scenario::Bounds& bounds);

// Runs it to the end, or until the listener says so, by `plan.workers` threads.
absl::Status ExecuteSweep(const SweepPlan& plan,
                          const sweep::Listener& listener);

}  // namespace mmfault::host

#endif  // MMFAULT_SERVER_HOST_SWEEP_PLAN_H_
