// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// probes.h: a scenario's probes over the executions of a case.
//
// An answer belongs to the moment at which it was given and to the decisions
// that led there, and to nothing later: so what a search takes back stays true
// of an execution, and nothing here has to be undone.
//
// Threads: as the machine.

#ifndef MMFAULT_SERVER_SCENARIO_PROBES_H_
#define MMFAULT_SERVER_SCENARIO_PROBES_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "mmfault/v1/run_service.pb.h"
#include "mmfault/v1/scenario.pb.h"
#include "server/notifier/protocol.h"
#include "server/scenario/machine.h"
#include "server/scenario/predicate.h"
#include "server/scenario/probe_tally.h"
#include "server/sched/observer.h"

namespace mmfault::scenario {

// What can be said of the probes without a machine: INVALID_ARGUMENT
// (PROBE_MALFORMED, FIELD_MISSING), NOT_FOUND (FAULT_POINT_NOT_FOUND).
absl::Status CheckProbes(const v1::Scenario& scenario);

class Probes : public sched::WorldObserver {
 public:
  // Those about the protocol, ready to be asked. The machine must be as it is
  // before its first step. Requires: CheckProbes() was content.
  absl::Status SetUp(const v1::Scenario& scenario,
                     const notifier::Protocol& protocol, Machine* machine);

  bool empty() const { return probes_.empty(); }
  size_t size() const { return probes_.size(); }
  // Whether one of them can tell two orders of steps that commute from each
  // other: a search that tries one order of them would miss answers.
  bool between_steps() const { return between_steps_; }

  // Where answers go from now on; of size().
  void Into(std::vector<ProbeTally>* tallies) { tallies_ = tallies; }

  // An execution begins, or a search, or what comes after the prefix that is in
  // its path: asks what is asked before, and looks on from here. `start_step`:
  // the world's step count before the first step.
  void Begin(Sighting execution, uint64_t start_step);
  // It is over: nothing can move. Once for each end of a search.
  void AtEnd();
  // Looks on no more.
  void Pause();

  void OnPass(faults::Point point, const faults::Action& action) override;
  void OnStep() override;
  // A task has done a step of its program: the next one may begin in the same
  // step of the world.
  void OnProgramStep();

  // What came out, in the scenario's order. `replay` makes the line that shows
  // a sighting again.
  template <typename Replay>
  void Report(const std::vector<ProbeTally>& tallies, int64_t executions,
              Replay replay, v1::CaseResult* result) const {
    for (size_t i = 0; i < probes_.size(); ++i) {
      v1::ProbeResult* out = result->add_probes();
      Fill(*probes_[i].probe, tallies[i], executions, out);
      if (tallies[i].decided && !out->met()) {
        out->set_replay_line(replay(tallies[i].sighting));
      }
      result->set_met(result->met() && out->met());
    }
  }

 private:
  struct Asked {
    const v1::Probe* probe = nullptr;
    faults::Point point = faults::Point::kCount;
    Predicate that;
  };

  void AskAll(v1::Probe::Moment moment);
  void Ask(size_t index);
  void NoteDecision();
  static void Fill(const v1::Probe& probe, const ProbeTally& tally,
                   int64_t executions, v1::ProbeResult* out);

  Machine* machine_ = nullptr;
  std::vector<Asked> probes_;
  std::vector<ProbeTally>* tallies_ = nullptr;
  bool asks_steps_ = false;
  bool between_steps_ = false;
  bool looks_on_ = false;
  Sighting execution_;
  uint64_t start_step_ = 0;
};

}  // namespace mmfault::scenario

#endif  // MMFAULT_SERVER_SCENARIO_PROBES_H_
