// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// sweep.h: every fault that a scenario can meet, one at a time.
//
// A case is one scenario under one protocol. It is run without faults first,
// which says what its points are and how often each is passed. Then each action
// of each point acts at its first pass alone, at its second, and so on, until
// no execution comes that far, as fault-injection.rst does with `fail-nth`. The
// cells are executions of their own: a cell's replay line needs nothing of the
// sweep.
//
// One input makes the same cells in the same order, whatever was run before, so
// that a sweep can be cut into shards and gone on with.
//
// Threads: as a case; those of a crew have worlds of their own.

#ifndef MMFAULT_SERVER_SWEEP_SWEEP_H_
#define MMFAULT_SERVER_SWEEP_SWEEP_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "mmfault/v1/scenario.pb.h"
#include "mmfault/v1/sweep.pb.h"
#include "server/notifier/protocol.h"
#include "server/scenario/compile.h"
#include "server/scenario/crew.h"

namespace mmfault::sweep {

// What is swept. The scenario's own sweeps are not used.
struct CaseInput {
  const v1::Scenario* scenario = nullptr;
  const notifier::Protocol* protocol = nullptr;
  std::string file;  // for replay lines; may be empty
  int64_t index = 0;
  uint64_t seed = 1;
  int64_t step_budget = 0;  // 0: the scenario's
  scenario::Bounds bounds;
  // Share the groups of cells; null: this thread does them all. The cells are
  // the same, in the same order.
  scenario::Crew* crew = nullptr;
};

// Which groups of cells: those whose number and case's index add up to `index`
// modulo `count`.
struct Shard {
  int64_t index = 0;
  int64_t count = 1;
};

// Told as it goes on, by one thread at a time.
struct Listener {
  std::function<void(const v1::SweepCase&)> on_case;
  std::function<void(v1::SweepCell)> on_cell;
  // False ends the sweep with CANCELLED. Asked by any worker.
  std::function<bool()> goes_on;
};

// Whether every point and every action of the options is one, and every number
// in its range; INVALID_ARGUMENT (FIELD_OUT_OF_RANGE).
absl::Status CheckOptions(const v1::SweepOptions& options);

// Runs one case. `after`, which may be null, is the last cell of it that is
// known: what comes behind it is run. An error means that the case could not be
// run. Requires: CheckOptions(), and no remote notifier.
absl::Status RunSweep(const CaseInput& input, const v1::SweepOptions& options,
                      const Shard& shard, const v1::SweepCell* after,
                      const Listener& listener);

}  // namespace mmfault::sweep

#endif  // MMFAULT_SERVER_SWEEP_SWEEP_H_
