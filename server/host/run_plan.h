// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// run_plan.h: a request for a run, checked and with its defaults filled in.
//
// Everything that can be wrong with a run is found here, before there is one:
// scenarios that do not parse, names that nobody knows, settings that this
// server does not have.
//
// Threads: pure functions; the seed that is drawn comes from the system.

#ifndef MMFAULT_SERVER_HOST_RUN_PLAN_H_
#define MMFAULT_SERVER_HOST_RUN_PLAN_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "mmfault/v1/run_service.pb.h"
#include "mmfault/v1/scenario.pb.h"
#include "server/notifier/protocol.h"
#include "server/scenario/compile.h"

namespace mmfault::host {

// One scenario under one protocol.
struct PlannedCase {
  // With the run's own search settings, mutants and rules merged in.
  std::shared_ptr<const v1::Scenario> scenario;
  const notifier::Protocol* protocol = nullptr;
  std::string file;  // for replay lines; may be empty
  uint64_t seed = 1;
  int64_t step_budget = 0;
  bool remote = false;   // some notifier of it is answered by a client
  int extra_faults = 0;  // the last rules, which the run's options have
};

// A notifier that a client must bind before the run can start.
struct WantedNotifier {
  std::string id;
  std::string client;  // the one that may bind it; empty: any
};

struct RunPlan {
  v1::RunOptions options;  // defaults filled in, the seed drawn
  std::vector<PlannedCase> cases;
  std::vector<WantedNotifier> wanted;  // by id; empty: nothing is remote
  std::vector<std::string> mms;        // ids that scenarios declare, sorted
  // Set when one execution is to be repeated; then there is one case.
  std::optional<v1::Capsule> capsule;
  int64_t until_step = 0;
  bool minimize = false;  // make that execution smaller instead
  // Longest wait for one acknowledgement.
  std::chrono::milliseconds ack_deadline{10'000};
  scenario::Bounds bounds;  // of each world that a case sets up
};

// Errors: those of RunService.CreateRun about the request itself.
absl::StatusOr<RunPlan> PlanRun(const v1::CreateRunRequest& request,
                                const scenario::Bounds& bounds);

}  // namespace mmfault::host

#endif  // MMFAULT_SERVER_HOST_RUN_PLAN_H_
