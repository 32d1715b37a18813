// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// sample_run.h: a run with one case of each standing.

#ifndef MMFAULT_TESTS_UNIT_REPORT_SAMPLE_RUN_H_
#define MMFAULT_TESTS_UNIT_REPORT_SAMPLE_RUN_H_

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "mmfault/v1/run_service.pb.h"

namespace mmfault::report {

inline v1::Run SampleRun() {
  v1::Run run;
  const bool parsed = google::protobuf::TextFormat::ParseFromString(
      R"(name: "runs/r1" state: STATE_DONE outcome: OUTCOME_UNMET
         options { seed: 7 }
         results {
           scenario: "unregister_at_zero" protocol: "v12" met: true seed: 7
           schedule_count: 1234 drive_mode: "LOCKSTEP"
           elapsed { nanos: 250000000 }
           checkers { checker: "no_use_after_free" verdict: VIOLATED
                      expected: VIOLATED met: true catalogue: "P19" }
           violations { checker: "no_use_after_free" step: 31
                        explanation: "n0 was freed <early>"
                        replay_line: "mmfault run u.textproto --seed 7" }
           violations { checker: "no_use_after_free" step: 40
                        replay_line: "mmfault run u.textproto --seed 8" }
         }
         results {
           scenario: "unregister_at_zero" protocol: "6.1" seed: 7
           schedule_count: 5
           checkers { checker: "locks_balanced" verdict: HOLDS met: true }
           checkers { checker: "no_deadlock" verdict: VIOLATED }
           violations { checker: "no_deadlock" step: 3
                        replay_line: "mmfault run u.textproto --seed 9" }
         }
         results {
           scenario: "slow" protocol: "emm_v3" inconclusive_cause: "step budget"
           schedule_count: 2
           checkers { checker: "no_deadlock" verdict: INCONCLUSIVE }
         })",
      &run);
  EXPECT_TRUE(parsed);
  return run;
}

// A case that is met but for its probes: one yes, one no with a line, one no.
inline v1::CaseResult ProbedCase() {
  v1::CaseResult result = SampleRun().results(0);
  result.set_met(false);
  v1::ProbeResult* yes = result.add_probes();
  yes->set_id("retried");
  yes->set_property(v1::Probe::PROPERTY_SOMETIMES);
  yes->set_met(true);
  yes->set_finding("at step 9 faults was 1");
  v1::ProbeResult* no = result.add_probes();
  no->set_id("users");
  no->set_property(v1::Probe::PROPERTY_ALWAYS);
  no->set_finding("at step 12 mm_users(m0) was 0");
  no->set_replay_line("mmfault run p.textproto --seed 3");
  v1::ProbeResult* never = result.add_probes();
  never->set_id("freed");
  never->set_property(v1::Probe::PROPERTY_REACHABLE);
  never->set_finding("never came in 40 executions");
  return result;
}

}  // namespace mmfault::report

#endif  // MMFAULT_TESTS_UNIT_REPORT_SAMPLE_RUN_H_
