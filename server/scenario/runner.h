// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// runner.h: a scenario against a protocol, over many schedules.
//
// A case is one scenario under one protocol. The machine is set up once and
// returned to that moment before each schedule; schedule i of seed S is the
// random one of seed S + i, so a single schedule is repeated by its own seed.
// An exhaustive strategy runs every schedule instead, up to equivalence. The
// verdict per expectation follows from the violations that were seen
// (scenario/verdict.h).
//
// Threads: a runner is used by one thread, and those of its crew.

#ifndef MMFAULT_SERVER_SCENARIO_RUNNER_H_
#define MMFAULT_SERVER_SCENARIO_RUNNER_H_

#include <bitset>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "faults/points.h"
#include "mmfault/v1/run_service.pb.h"
#include "mmfault/v1/scenario.pb.h"
#include "server/explore/search.h"
#include "server/scenario/compile.h"
#include "server/scenario/crew.h"
#include "server/scenario/machine.h"
#include "server/scenario/rule_tally.h"
#include "server/trace/event.h"

namespace mmfault::scenario {

// Parses text proto. Errors are INVALID_ARGUMENT (SCENARIO_MALFORMED) and say
// `file:line:column: message`.
absl::StatusOr<v1::Scenario> ParseScenario(const std::string& text,
                                           const std::string& file);

// Checks what can be checked without running; INVALID_ARGUMENT with the field.
absl::Status CheckScenario(const v1::Scenario& scenario);

// Whether there is a strategy of that name; "" is the default.
bool IsStrategy(std::string_view name);

// Whether every mutant of the scenario is one that `mutant list` has;
// MUTANT_UNKNOWN with the nearest name.
absl::Status CheckMutants(const v1::Scenario& scenario);
// Plants them. Requires: checked.
void SetMutants(const v1::Scenario& scenario, sched::WorldOptions* options);

// The protocols that a scenario (or a run's own list, when not empty) names, in
// order of history, without repetition. A name that is an id and a family's
// (`v12`) means the family in a scenario and the protocol in a run's own list.
// PROTOCOL_NOT_FOUND with the nearest id.
absl::StatusOr<std::vector<const notifier::Protocol*>> ProtocolsOf(
    const v1::Scenario& scenario, const std::vector<std::string>& wanted);

// Waits, outside the world, until the answers that the machine needs next are
// admitted (device::AdmitAnswer): how a run drives remote notifiers. Returns an
// error to end the case (a client that died: UNAVAILABLE).
using AnswerFn = std::function<absl::Status(Machine* machine)>;

struct CaseOptions {
  std::string file;            // for replay lines; empty: the scenario's id
  uint64_t seed = 1;           // of the search
  int64_t schedule_count = 0;  // 0: the scenario's, or 1000
  int64_t step_budget = 0;     // 0: the scenario's, or 100,000
  bool exhaust = false;        // go on after every expectation is decided
  bool all_remote = false;
  Bounds bounds;               // what a scenario may set up
  bool one_schedule = false;   // no search: a story
  int64_t max_violations = 8;  // kept in the result, one per checker first
  AnswerFn answer;             // required when a notifier is remote
  // A rule ends the stream of the client that answers for this notifier.
  std::function<void(Machine* machine, uint32_t notifier)> on_disconnect;
  // Called before each schedule of a case with remote notifiers, after the
  // machine is back at its start: clients must reset too.
  std::function<absl::Status(Machine* machine, uint64_t seed)> on_reset;
  // Called right after the schedule that shows a violation, before the next
  // one begins, for each that is kept.
  std::function<void(const v1::Violation& violation)> on_violation;
  // The last so many of the scenario's rules are not in its file: replay lines
  // say them.
  int extra_faults = 0;
  // Of a sweep: its file may have sweeps and mutants of its own, so that a run
  // of it would be something else. Replay lines are of one execution.
  bool is_cell = false;
  // A case with a rule that never acted is not met.
  bool require_fired = false;
  // Not null: in how many executions the extra ones acted.
  FiredCounts* fired = nullptr;
  // Not null: takes a hash of what an observer can tell of each end.
  std::set<uint64_t>* terminal_states = nullptr;
  // Not null: takes which fault points were passed. Not for a crew.
  std::bitset<faults::kPointCount>* points = nullptr;
  // Share the executions; null: this thread does them all. The result is the
  // same.
  Crew* crew = nullptr;
  // Called now and then, by any worker; false ends the case (cancelled).
  std::function<bool(int64_t done, int64_t total)> progress;
};

// Runs one case. An error means that the case could not be run; violations are
// no errors.
absl::StatusOr<v1::CaseResult> RunCase(const v1::Scenario& scenario,
                                       const notifier::Protocol& protocol,
                                       const CaseOptions& options);

// Whether a case can be set up: what CheckScenario() cannot see, such as names
// that stand for nothing. Takes as long as the set-up does.
absl::Status CheckCase(const v1::Scenario& scenario,
                       const notifier::Protocol& protocol, bool all_remote,
                       const Bounds& bounds);

// One schedule, as a capsule has it: `sweep` from 1 and its hit, 0 when the
// case has no sweep. A remote notifier needs an answer.
struct StoryOptions {
  uint64_t seed = 1;
  // Who runs at each step; null: as the seed says.
  const explore::Schedule* schedule = nullptr;
  int sweep = 0;
  int64_t sweep_hit = 0;
  int64_t step_budget = 0;  // as in CaseOptions
  bool all_remote = false;
  // Violations say where the execution leaves its fault-free twin.
  bool with_twin = false;
  AnswerFn answer;
  // As in CaseOptions; null where answers are a record.
  std::function<absl::Status(Machine* machine, uint64_t seed)> on_reset;
};

struct Story {
  std::vector<v1::Event> events;
  std::vector<v1::Violation> violations;
  std::string event_hash;
  explore::Schedule schedule;        // as it came about
  std::string fingerprint;           // see decisions.h
  int64_t start_step = 0;            // the world's count before its first step
  std::map<int, std::string> tasks;  // ids by slot
};

// Repeats one schedule and collects its story.
absl::StatusOr<Story> TellStory(const v1::Scenario& scenario,
                                const notifier::Protocol& protocol,
                                const StoryOptions& options);

}  // namespace mmfault::scenario

#endif  // MMFAULT_SERVER_SCENARIO_RUNNER_H_
