// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// decisions.h: an execution as text, and as something to follow.
//
// `0:12,1:3,1=1,0:2` is twelve steps of the task in slot 0, three of task 1, a
// step of task 1 that chooses its alternative 1, two more of task 0.
// `0:4,(1:2,0:3)*100` ends in a loop that goes round a hundred times. A
// fingerprint is two hexadecimal digits a step, of what the step did; it finds
// the first step at which a repetition is another execution.
//
// Threads: functions without state.

#ifndef MMFAULT_SERVER_SCENARIO_DECISIONS_H_
#define MMFAULT_SERVER_SCENARIO_DECISIONS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/sched/decision.h"
#include "server/sched/strategy.h"
#include "server/trace/event.h"

namespace mmfault::scenario {

std::string DecisionsText(const sched::Schedule& schedule);

// INVALID_ARGUMENT (CAPSULE_UNREADABLE) with the column, from 1. At most
// `kMaxDecisions` steps.
absl::StatusOr<sched::Schedule> ParseDecisions(std::string_view text);
inline constexpr size_t kMaxDecisions = 10'000'000;

// Of the events of one execution, whose first step is `start` + 1.
sched::Schedule ScheduleOf(const std::vector<trace::Event>& events,
                           uint64_t start);
std::string FingerprintOf(const std::vector<trace::Event>& events,
                          uint64_t start);

// The first step, from 1, at which two fingerprints differ; 0 when they do not.
// One that ends earlier differs there.
uint64_t FirstDifference(std::string_view a, std::string_view b);

// Switches between tasks in a schedule.
int64_t SwitchesOf(const sched::Schedule& schedule);

// Follows a schedule. Where it ends, the last task goes on for as long as it
// can, then the one in the lowest slot. Where it cannot be followed, likewise:
// a fingerprint tells.
class FollowStrategy : public sched::Strategy {
 public:
  // `start`: the world's step count before the first step.
  FollowStrategy(const sched::Schedule& schedule, uint64_t start)
      : schedule_(schedule), start_(start) {}
  int Pick(const sched::World& world, uint64_t runnable) override;
  uint8_t Answer(const sched::World& world, int slot, int count) override;
  // Switches away from a task that could have gone on.
  int preemptions() const { return preemptions_; }

 private:
  int Choose(const sched::World& world, uint64_t runnable) const;

  const sched::Schedule& schedule_;
  uint64_t start_;
  int preemptions_ = 0;
};

}  // namespace mmfault::scenario

#endif  // MMFAULT_SERVER_SCENARIO_DECISIONS_H_
