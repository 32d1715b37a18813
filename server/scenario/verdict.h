// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// verdict.h: from violations to verdicts, and whether they were expected.
//
// A checker is VIOLATED when it fired and the protocol does not tolerate that
// cause, TOLERATED when every firing is tolerated, INCONCLUSIVE when it did not
// fire but some schedule was cut, NOT_APPLICABLE when the scenario asks for
// what the protocol does not have, else HOLDS.

#ifndef MMFAULT_SERVER_SCENARIO_VERDICT_H_
#define MMFAULT_SERVER_SCENARIO_VERDICT_H_

#include <array>
#include <cstdint>
#include <vector>

#include "mmfault/v1/run_service.pb.h"
#include "mmfault/v1/scenario.pb.h"
#include "server/notifier/protocol.h"
#include "server/trace/violation.h"

namespace mmfault::scenario {

// In how many schedules each checker fired.
class Tally {
 public:
  explicit Tally(const notifier::Protocol& protocol) : protocol_(&protocol) {}

  // One finished schedule and what fired in it.
  void Add(const std::vector<trace::Violation>& violations, bool cut);

  // Further schedules and what fired in them.
  void Add(const Tally& other);

  // A search was cut: what it did not see may still be there.
  void NoteCut() { cut_count_ += 1; }

  v1::Verdict VerdictOf(trace::Checker checker) const;
  int64_t FiredIn(trace::Checker checker) const {
    return fired_[static_cast<size_t>(checker)];
  }
  int64_t cut_count() const { return cut_count_; }
  int64_t violating_count() const { return violating_count_; }

 private:
  bool Tolerated(const trace::Violation& violation) const;

  const notifier::Protocol* protocol_;
  std::array<int64_t, trace::kCheckerCount> fired_ = {};
  std::array<int64_t, trace::kCheckerCount> not_tolerated_ = {};
  int64_t cut_count_ = 0;
  int64_t violating_count_ = 0;
};

// Whether a list of ids and families has the protocol.
bool Names(const google::protobuf::RepeatedPtrField<std::string>& names,
           const notifier::Protocol& protocol);

// The entries of a scenario that bind for a protocol.
std::vector<const v1::Expect*> ExpectationsFor(
    const v1::Scenario& scenario, const notifier::Protocol& protocol);

// Whether the protocol has every kind of notifier that the scenario names;
// where it has not, there is no machine to set up.
bool HasKinds(const v1::Scenario& scenario, const notifier::Protocol& protocol);

// Whether the scenario asks for what the protocol has: its kinds, an unregister
// where one is called, the OOM reaper where it is woken, the code that a mutant
// is planted in.
bool IsApplicable(const v1::Scenario& scenario,
                  const notifier::Protocol& protocol);

// Whether nothing more can be learned: all that is expected are violations, and
// each has been seen.
bool Decided(const std::vector<const v1::Expect*>& expectations,
             const Tally& tally);

// Whether Decided() may be true of this tally or was of an earlier one: it is
// not for good, since what is tolerated may turn out worse.
bool MayBeDecided(const std::vector<const v1::Expect*>& expectations,
                  const Tally& tally);

// Fills checkers, met and the counts of a result.
void Judge(const v1::Scenario& scenario, const notifier::Protocol& protocol,
           bool applicable, const Tally& tally, v1::CaseResult* result);

}  // namespace mmfault::scenario

#endif  // MMFAULT_SERVER_SCENARIO_VERDICT_H_
