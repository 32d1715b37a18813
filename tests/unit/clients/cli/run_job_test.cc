// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/run_job.h"

#include <gtest/gtest.h>

#include "clients/cli/exit_codes.h"

namespace mmfault::cli {
namespace {

v1::Run RunWith(v1::Run::State state, v1::Run::Outcome outcome) {
  v1::Run run;
  run.set_name("runs/r");
  run.set_state(state);
  run.set_outcome(outcome);
  run.add_results();
  return run;
}

TEST(ExitCodeForRunTest, OutcomesAndFailures) {
  EXPECT_EQ(ExitCodeFor(RunWith(v1::Run::STATE_DONE, v1::Run::OUTCOME_MET)),
            kExitOk);
  EXPECT_EQ(ExitCodeFor(RunWith(v1::Run::STATE_DONE, v1::Run::OUTCOME_UNMET)),
            kExitUnmet);
  EXPECT_EQ(ExitCodeFor(RunWith(v1::Run::STATE_CANCELLED,
                                v1::Run::OUTCOME_INCONCLUSIVE)),
            kExitInconclusive);
  EXPECT_EQ(
      ExitCodeFor(RunWith(v1::Run::STATE_FAILED, v1::Run::OUTCOME_UNSPECIFIED)),
      kExitInfrastructure);
}

TEST(MergeRunTest, TheWorseOutcomeWins) {
  v1::Run whole;
  MergeRun(RunWith(v1::Run::STATE_DONE, v1::Run::OUTCOME_UNMET), &whole);
  MergeRun(RunWith(v1::Run::STATE_DONE, v1::Run::OUTCOME_INCONCLUSIVE), &whole);
  EXPECT_EQ(whole.outcome(), v1::Run::OUTCOME_UNMET);
  ASSERT_EQ(whole.results_size(), 2);
  EXPECT_EQ(whole.results(1).index(), 1);
}

TEST(ExitCodeForStatusTest, WhoseFault) {
  EXPECT_EQ(ExitCodeFor(grpc::Status(grpc::StatusCode::NOT_FOUND, "")),
            kExitUsage);
  EXPECT_EQ(ExitCodeFor(grpc::Status(grpc::StatusCode::UNAVAILABLE, "")),
            kExitInfrastructure);
}

}  // namespace
}  // namespace mmfault::cli
