// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// case.h: one scenario under one protocol; see runner.h.
//
// The machine is set up once and returned to that moment before each execution.
// Seeded executions come one after the other (runner.cc); an exhaustive search
// walks the tree of all of them by undo (case_explore.cc) and remembers, for
// what it finds, the schedule. The story of a violation is told by running its
// execution again with a sink attached (case_story.cc).

#ifndef MMFAULT_SERVER_SCENARIO_CASE_H_
#define MMFAULT_SERVER_SCENARIO_CASE_H_

#include <array>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "server/explore/search.h"
#include "server/scenario/runner.h"
#include "server/scenario/verdict.h"
#include "server/sched/strategy.h"

namespace mmfault::scenario {

// Keeps every event of one schedule.
class StorySink : public trace::EventSink {
 public:
  void OnEvent(const trace::Event& event) override { events.push_back(event); }
  void OnViolation(const trace::Violation& /*violation*/) override {}

  std::vector<trace::Event> events;
};

// Which execution: that of a seed, or that of a schedule.
struct Execution {
  uint64_t seed = 1;
  const explore::Schedule* schedule = nullptr;
  const v1::FaultRule* swept = nullptr;  // with the hit it is armed for
  int64_t hit = 0;
};

// One scenario under one protocol, ready to be run again and again.
class Case : public MachineListener {
 public:
  static absl::StatusOr<std::unique_ptr<Case>> Make(
      const v1::Scenario& scenario, const notifier::Protocol& protocol,
      const CaseOptions& options);

  absl::StatusOr<v1::CaseResult> Run();

  // One schedule from the start; returns whether it was cut by the budget.
  absl::StatusOr<bool> RunOnce(const Execution& execution,
                               trace::EventSink* sink);

  // Back to before the first step.
  void Rewind() { machine_->world().Restore(start_); }

  // Switches away from a task that could have gone on, up to the end of the
  // execution's schedule. Requires: it has one.
  int PreemptionsOf(const Execution& execution);

  Machine& machine() { return *machine_; }
  // The world's step count before an execution's first step.
  uint64_t start_step() const { return start_step_; }
  bool swept_fired() const { return swept_fired_; }

 private:
  Case(const v1::Scenario& scenario, const notifier::Protocol& protocol,
       const CaseOptions& options)
      : scenario_(scenario),
        protocol_(protocol),
        protocol_id_(protocol.id),
        options_(options),
        tally_(protocol) {}

  void OnStepDone(const Program& program, const StepSpec& step,
                  const StepOutcome& outcome) override;
  void OnDisconnect(uint32_t notifier) override {
    if (options_.on_disconnect) {
      options_.on_disconnect(machine_.get(), notifier);
    }
  }

  absl::Status ResolveHeld(sched::RunStop stop);
  absl::StatusOr<uint32_t> ArmSwept(const Execution& execution);
  void DisarmSwept(uint32_t rule);
  absl::StatusOr<sched::RunStop> RunUntilOver(sched::Strategy* strategy);
  absl::Status MeasureLength();

  // Groups of executions: seeded ones, or all there are.
  absl::Status RunGroup(const v1::FaultRule* swept, int64_t hit, int64_t count,
                        bool* fired);
  absl::Status RunSeeded(const v1::FaultRule* swept, int64_t hit, int64_t count,
                         bool* fired);
  absl::Status RunSweeps();
  absl::Status Record(const Execution& execution, bool cut);

  // case_explore.cc
  absl::Status RunExhaustive(const v1::FaultRule* swept, int64_t hit,
                             bool* fired);
  explore::SearchResult Search(std::string_view engine,
                               const explore::Visitor& visitor);
  explore::SearchResult SearchBounds(const explore::SearchOptions& options,
                                     const explore::Visitor& visitor);
  explore::SearchResult SearchOnSharedCpus(explore::SearchOptions options,
                                           const explore::Visitor& visitor);
  explore::SearchResult SearchAuto(explore::SearchOptions options,
                                   const explore::Visitor& visitor);
  explore::SearchResult SearchOutside(std::string_view engine,
                                      const explore::SearchOptions& options,
                                      const explore::Visitor& visitor);
  explore::Outside OutsideOf(const Execution& execution, uint32_t* rule);
  explore::SearchOptions SearchOptionsOf() const;
  bool OnEnd(explore::End end, const explore::Schedule& schedule,
             const v1::FaultRule* swept, int64_t hit);
  void NoteSearch(const explore::SearchResult& found);
  uint64_t TerminalState() const;

  // case_story.cc
  std::vector<trace::Violation> FreshViolations();
  absl::Status KeepViolations(const Execution& execution,
                              const std::vector<trace::Violation>& fresh);
  std::string ReplayLine(const Execution& execution) const;
  int64_t Schedules() const;
  int64_t StepBudget() const;
  bool MayStop() const;
  bool Exhaustive() const;

  const v1::Scenario& scenario_;
  const notifier::Protocol& protocol_;
  const std::string protocol_id_;  // for replay lines
  const CaseOptions& options_;
  std::unique_ptr<Machine> machine_;
  sched::World::Snapshot start_;
  uint64_t start_step_ = 0;
  Tally tally_;
  v1::CaseResult result_;
  std::map<std::pair<std::string, int32_t>, int64_t> rc_counts_;
  std::array<bool, trace::kCheckerCount> kept_ = {};
  std::vector<const v1::Expect*> expectations_;
  uint64_t event_hash_ = 0;
  int32_t sweep_ = 0;  // the one under way, from 1
  bool swept_fired_ = false;
  bool cancelled_ = false;
  bool has_outside_ = false;     // somebody outside answers: no undo
  explore::Outside outside_;     // exhaustive searches
  absl::Status outside_status_;  // why they could not go on
  uint64_t length_ = 0;          // steps of an execution, as measured; pct
  // Exhaustive searches: executions whose story is told when the search is
  // over, and what ended.
  struct Pending {
    explore::Schedule schedule;
    const v1::FaultRule* swept;
    int64_t hit;
    std::vector<trace::Violation> fresh;
  };
  std::vector<Pending> pending_;
  // tidy: allow(determinism: looked up, never walked)
  absl::flat_hash_set<uint64_t> terminal_states_;
};

}  // namespace mmfault::scenario

#endif  // MMFAULT_SERVER_SCENARIO_CASE_H_
