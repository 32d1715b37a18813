// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// predicate.h: what a probe asks of a machine: comparisons joined by &&.
//
// probe.proto:Probe.that lists the values. All of them are read from
// simulated state or from counters that undo takes back, so that an answer is a
// function of where the machine is, and states that are merged answer alike.

#ifndef MMFAULT_SERVER_SCENARIO_PREDICATE_H_
#define MMFAULT_SERVER_SCENARIO_PREDICATE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "faults/points.h"
#include "faults/term.h"
#include "server/notifier/call.h"
#include "server/scenario/machine.h"

namespace mmfault::scenario {

enum class Subject : uint8_t {
  kMmUsers,
  kMmCount,
  kMapCount,
  kAlive,
  kRegistered,
  kCallbacks,
  kMappings,
  kRc,
  kDone,
  kHeld,
  kPasses,
  kFaults,
};

// `mm_users(m0) == 0`.
struct Clause {
  Subject subject = Subject::kFaults;
  std::string name;              // what it is about; "": all tasks
  notifier::Method method = {};  // kCallbacks
  faults::Point point = faults::Point::kCount;  // kPasses
  uint32_t rule = 0;  // kPasses: the one that counts them
  faults::Comparison comparison = faults::Comparison::kEqual;
  int64_t value = 0;
};

class Predicate {
 public:
  // Errors: kInvalidArgument, `column 7: ...`, as faults::ParseTrigger().
  static absl::StatusOr<Predicate> Parse(std::string_view text);

  // Looks the names up and arms a rule that counts, where passes are asked for.
  // Before the machine's first step.
  //
  // Errors: NOT_FOUND (MM_NOT_FOUND, TASK_NOT_FOUND, NOTIFIER_NOT_FOUND).
  absl::Status Bind(Machine* machine);

  // Nothing when some value is not there now. Requires: bound to it.
  std::optional<bool> Holds(const Machine& machine) const;

  // The first value that made it false, else all of them: `mm_users(m0) was 2`.
  std::string Values(const Machine& machine) const;

  bool empty() const { return clauses_.empty(); }

 private:
  std::vector<Clause> clauses_;
};

}  // namespace mmfault::scenario

#endif  // MMFAULT_SERVER_SCENARIO_PREDICATE_H_
