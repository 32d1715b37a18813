// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// case.h: one scenario under one protocol; see runner.h.
//
// The machine is set up once and returned to that moment before each execution.
// Seeded executions come one after the other (runner.cc); an exhaustive search
// walks the tree of all of them by undo (case_explore.cc) and remembers, for
// what it finds, the schedule. Both may be shared by workers (case_parts.cc).
// The story of a violation is told by running its execution again with a sink
// attached (case_story.cc).

#ifndef MMFAULT_SERVER_SCENARIO_CASE_H_
#define MMFAULT_SERVER_SCENARIO_CASE_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "server/explore/search.h"
#include "server/scenario/findings.h"
#include "server/scenario/probes.h"
#include "server/scenario/runner.h"
#include "server/scenario/shared_group.h"
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

  // Says how the violation's execution, told in `events`, differs from the one
  // that makes the same decisions with all rules off. Nothing where no fault
  // had acted, or where somebody outside answers.
  absl::Status AddDivergence(const std::vector<trace::Event>& events,
                             v1::Violation* violation);

  // Back to before the first step.
  void Rewind() { machine_->world().Restore(start_); }

  // Switches away from a task that could have gone on, up to the end of the
  // execution's schedule or to the loop that it ends in. Requires: it has one.
  int PreemptionsOf(const Execution& execution);

  Machine& machine() { return *machine_; }
  // The world's step count before an execution's first step.
  uint64_t start_step() const { return start_step_; }
  bool swept_fired() const { return swept_fired_; }

  // --- Parts (case_parts.cc) ------------------------------------------------
  // One part of a group. `give` takes what the part gives away.
  Findings RunPart(const Part& part, const Before& before, SharedGroup* group,
                   std::function<void(std::vector<explore::Job>)> give);
  // Whether a group may end there, or before.
  bool MayEnd(const Tally& tally) const;
  int64_t most_violations() const { return options_.max_violations; }

 private:
  Case(const v1::Scenario& scenario, const notifier::Protocol& protocol,
       const CaseOptions& options)
      : scenario_(scenario),
        protocol_(protocol),
        protocol_id_(protocol.id),
        options_(options),
        sum_(protocol),
        seen_(protocol) {}

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
  bool EndsInLoop(const explore::Schedule& schedule, sched::Strategy* strategy);
  absl::Status MeasureLength();

  // Groups of executions: seeded ones, or all there are.
  absl::Status RunGroup(const Execution& group, int64_t count);
  absl::Status RunSeeded(const Execution& group, int64_t count);
  absl::Status RunSweeps();
  void FillResult();
  absl::Status Note(const Execution& execution, bool cut);

  // case_parts.cc
  absl::Status ShareGroup(const Execution& group,
                          const explore::SearchOptions& options,
                          std::vector<Part> parts);
  absl::Status ShareSeeded(const Execution& group, int64_t count);
  absl::Status WorkAs(int worker, SharedGroup* group);
  absl::Status RunSeeds(uint64_t first, int64_t count, const Execution& group);
  absl::Status RunJob(const explore::Job& job, const Before& before,
                      const Execution& group,
                      std::function<void(std::vector<explore::Job>)> give);

  // case_explore.cc
  absl::Status RunExhaustive(const Execution& group);
  explore::SearchResult Search(std::string_view engine, const Execution& group);
  explore::SearchResult SearchAlone(
      const Execution& group,
      const std::function<explore::SearchResult()>& run);
  explore::SearchResult SearchByUndo(std::string_view engine,
                                     const explore::SearchOptions& options,
                                     const char* all_orders,
                                     const explore::Visitor& visitor);
  explore::SearchResult SearchBounds(const explore::SearchOptions& options,
                                     const explore::Visitor& visitor);
  const char* WhyAllOrders(const Execution& group) const;
  explore::SearchResult SearchAllOrders(explore::SearchOptions options,
                                        const char* why,
                                        const explore::Visitor& visitor);
  explore::SearchResult SearchDpor(const explore::SearchOptions& options,
                                   const Execution& group);
  explore::SearchResult SearchAuto(explore::SearchOptions options,
                                   const Execution& group);
  explore::SearchResult SearchOutside(std::string_view engine,
                                      const explore::SearchOptions& options,
                                      bool all_orders,
                                      const explore::Visitor& visitor);
  explore::Outside OutsideOf(const Execution& execution);
  explore::SearchOptions SearchOptionsOf();
  absl::Status BeginSearch(const Execution& group);
  void EndSearch();
  explore::Visitor VisitorOf(const Execution& group);
  bool OnEnd(explore::End end, const explore::Schedule& schedule,
             const Execution& group);
  void NoteSearch(const explore::SearchResult& found);
  void NoteCoverage();
  void BeginProbes(const Execution& execution, explore::Schedule prefix);
  void ReportProbes();
  uint64_t TerminalState() const;

  // case_story.cc
  std::vector<trace::Violation> FreshViolations();
  absl::Status TellBreaks();
  absl::Status KeepViolations(const Execution& execution,
                              const std::vector<trace::Violation>& fresh);
  std::string ReplayLine(const Execution& execution) const;
  std::string ExtraOptions(bool with_mutants) const;
  absl::StatusOr<Case*> Twin();
  int64_t Schedules() const;
  int64_t StepBudget() const;
  // Whether executions go on after what is expected has come.
  bool WantsAll() const;
  // Now and then: tells of progress and asks whether to go on.
  void Progress(int64_t every, int64_t total);
  bool MayStop(const Execution& group) const;
  bool Exhaustive() const;

  const v1::Scenario& scenario_;
  const notifier::Protocol& protocol_;
  const std::string protocol_id_;  // for replay lines
  const CaseOptions& options_;
  std::unique_ptr<Machine> machine_;
  sched::World::Snapshot start_;
  uint64_t start_step_ = 0;
  std::vector<uint32_t> rules_;      // ids of the scenario's
  std::vector<int64_t> sweep_hits_;  // that acted, by sweep
  Probes probes_;
  v1::CaseResult result_;
  std::vector<const v1::Expect*> expectations_;
  Findings sum_;
  Findings* found_ = &sum_;  // takes what is found: the sum, or a part's
  Tally seen_;               // in the executions before, and those of the part
  SharedGroup* shared_ = nullptr;               // whose part is under way
  std::vector<std::unique_ptr<Case>> workers_;  // from 1; made when needed
  int32_t sweep_ = 0;                           // the one under way, from 1
  uint32_t swept_rule_ = 0;                     // armed
  bool swept_fired_ = false;
  bool cancelled_ = false;
  int64_t since_progress_ = 0;   // executions
  bool has_outside_ = false;     // somebody outside answers: no undo
  explore::Outside outside_;     // exhaustive searches
  absl::Status outside_status_;  // why they could not go on
  uint64_t length_ = 0;          // steps of an execution, as measured; pct
  // The same without rules, made when it is first asked for.
  struct FaultFree {
    v1::Scenario scenario;
    CaseOptions options;
    std::unique_ptr<Case> made;
  };
  std::unique_ptr<FaultFree> twin_;
};

}  // namespace mmfault::scenario

#endif  // MMFAULT_SERVER_SCENARIO_CASE_H_
