// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// capsule.h: an execution that can be carried away and repeated.
//
// A capsule of version 2 has every decision of its execution and a fingerprint
// of each step; one of version 1 has the seed they came from. Making one means
// to repeat the execution once, with its events.
//
// Threads: functions without state.

#ifndef MMFAULT_SERVER_HOST_CAPSULE_H_
#define MMFAULT_SERVER_HOST_CAPSULE_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mmfault/v1/scenario.pb.h"
#include "server/host/run_plan.h"
#include "server/scenario/runner.h"

namespace mmfault::host {

inline constexpr int kSeedCapsule = 1;
inline constexpr int kDecisionCapsule = 2;

// What a story is told from: an execution and where it came from.
struct StoryRequest {
  PlannedCase planned;
  v1::Capsule capsule;
  v1::Violation violation;
};

// INVALID_ARGUMENT (CAPSULE_UNREADABLE).
absl::Status CheckCapsule(const v1::Capsule& capsule);

// How to repeat a violation: its decisions, or its seed.
v1::Capsule CapsuleOf(const PlannedCase& planned,
                      const v1::Violation& violation, bool all_remote);

// Repeats it, clients' answers as the capsule has them, for at most
// `step_budget` steps. FAILED_PRECONDITION (CAPSULE_DIVERGED) when it has a
// fingerprint and the repetition is another execution.
absl::StatusOr<scenario::Story> TellCapsule(const PlannedCase& planned,
                                            const v1::Capsule& capsule,
                                            int64_t step_budget);

// Gives it the story's decisions and fingerprint: version 2.
void FillCapsule(const scenario::Story& story, v1::Capsule* capsule);

}  // namespace mmfault::host

#endif  // MMFAULT_SERVER_HOST_CAPSULE_H_
