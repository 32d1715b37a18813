// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: runs are planned, executed, watched, cancelled and forgotten as
// RunService promises. Method: small scenarios with modelled devices, through
// the table.

#include "server/host/run_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/base/error.h"
#include "tests/support/matchers.h"
#include "tests/support/run_fixture.h"

namespace mmfault::host {
namespace {

using ::mmfault::testing_support::AwaitEnd;
using ::mmfault::testing_support::IsOk;
using ::mmfault::testing_support::kMapAndUnmap;
using ::mmfault::testing_support::RunOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

class RunTableTest : public ::testing::Test {
 protected:
  std::shared_ptr<host::Run> Start(const v1::CreateRunRequest& request) {
    const auto created = table_.Create(request);
    EXPECT_OK(created);
    return created.ok() ? *table_.Find(created->run().name()) : nullptr;
  }

  v1::Run Finished(const v1::CreateRunRequest& request) {
    const std::shared_ptr<host::Run> run = Start(request);
    AwaitEnd(*run);
    return run->View(/*with_results=*/true);
  }

  std::string ReasonFor(const v1::CreateRunRequest& request) {
    return base::ReasonOf(table_.Create(request).status());
  }

  RunTable table_{Limits()};
};

TEST_F(RunTableTest, RunsAScenarioToItsVerdict) {
  const v1::Run run = Finished(RunOf(kMapAndUnmap));
  EXPECT_EQ(run.state(), v1::Run::STATE_DONE) << run.failure();
  EXPECT_EQ(run.outcome(), v1::Run::OUTCOME_MET) << run.DebugString();
  ASSERT_EQ(run.results_size(), 1);
  EXPECT_EQ(run.results(0).schedule_count(), 20);
  EXPECT_EQ(run.results(0).protocol(), "6.1");
  EXPECT_EQ(run.done_case_count(), 1);
  EXPECT_GT(run.step_count(), 0);
}

TEST_F(RunTableTest, AViolationIsAResultAndNotAnError) {
  std::string text = kMapAndUnmap;
  text += R"(notifier { id: "n0" modelled { forgets_invalidate: true } })";
  const v1::Run run = Finished(RunOf(text));
  EXPECT_EQ(run.state(), v1::Run::STATE_DONE);
  EXPECT_EQ(run.outcome(), v1::Run::OUTCOME_UNMET);
  ASSERT_GT(run.results(0).violations_size(), 0);
  EXPECT_NE(run.results(0).violations(0).schedule_seed(), 0);
}

TEST_F(RunTableTest, TheSameSeedGivesTheSameHash) {
  const v1::Run first = Finished(RunOf(kMapAndUnmap));
  const v1::Run second = Finished(RunOf(kMapAndUnmap));
  EXPECT_EQ(first.results(0).event_hash(), second.results(0).event_hash());
  v1::CreateRunRequest other = RunOf(kMapAndUnmap);
  other.mutable_options()->set_seed(8);
  EXPECT_NE(Finished(other).results(0).event_hash(),
            first.results(0).event_hash());
}

TEST_F(RunTableTest, DrawsASeedAndSaysWhich) {
  v1::CreateRunRequest request = RunOf(kMapAndUnmap);
  const std::string text = kMapAndUnmap;
  request.mutable_scenarios(0)->set_text(
      std::string(text).replace(text.find("seed: 7"), 7, ""));
  const v1::Run run = Finished(request);
  EXPECT_NE(run.options().seed(), 0);
  EXPECT_EQ(run.results(0).seed(), run.options().seed());
}

TEST_F(RunTableTest, RepeatsAViolationFromItsCapsule) {
  std::string text = kMapAndUnmap;
  text += R"(notifier { id: "n0" modelled { forgets_invalidate: true } })";
  const std::shared_ptr<host::Run> run = Start(RunOf(text));
  AwaitEnd(*run);
  const auto story = run->StoryOf(0, 0);
  ASSERT_THAT(story, IsOk());
  v1::CreateRunRequest again;
  *again.mutable_capsule() = story->capsule;
  const v1::Run repeated = Finished(again);
  EXPECT_EQ(repeated.state(), v1::Run::STATE_DONE) << repeated.failure();
  EXPECT_EQ(repeated.outcome(), v1::Run::OUTCOME_MET);
  EXPECT_EQ(repeated.results(0).schedule_count(), 1);
  EXPECT_EQ(repeated.results(0).violations(0).step(), story->violation.step());
}

TEST_F(RunTableTest, StoriesThatAreNotThereAreNotFound) {
  const std::shared_ptr<host::Run> run = Start(RunOf(kMapAndUnmap));
  AwaitEnd(*run);
  EXPECT_EQ(base::ReasonOf(run->StoryOf(1, 0).status()), "CASE_NOT_FOUND");
  EXPECT_EQ(base::ReasonOf(run->StoryOf(0, 0).status()), "VIOLATION_NOT_FOUND");
}

TEST_F(RunTableTest, ShardsSplitTheCases) {
  v1::CreateRunRequest request = RunOf(kMapAndUnmap);
  request.mutable_options()->add_protocols("v11");
  request.mutable_options()->add_protocols("6.1");
  request.mutable_options()->set_shard_count(2);
  request.mutable_options()->set_shard_index(1);
  request.mutable_options()->mutable_explore()->set_schedule_count(1);
  const v1::Run one = Finished(request);
  ASSERT_EQ(one.results_size(), 1);
  EXPECT_EQ(one.results(0).protocol(), "6.1");
}

// --- Workers and repetition
// ---------------------------------------------------

TEST_F(RunTableTest, AnyNumberOfWorkersFindsTheSame) {
  std::string text = kMapAndUnmap;
  text += R"(notifier { id: "n0" modelled { forgets_invalidate: true } })";
  for (const char* strategy : {"random", "dpor", "auto"}) {
    v1::CreateRunRequest request = RunOf(text);
    v1::Explore& explore = *request.mutable_options()->mutable_explore();
    explore.set_strategy(strategy);
    explore.set_schedule_count(500);
    explore.set_exhaust(true);
    std::vector<std::string> results;
    for (const int workers : {1, 2, 3, 8}) {
      request.mutable_options()->set_workers(workers);
      v1::CaseResult result = Finished(request).results(0);
      result.clear_elapsed();
      results.push_back(result.DebugString());
    }
    EXPECT_THAT(results, Each(results.front())) << strategy;
  }
}

TEST_F(RunTableTest, WorkersAreBounded) {
  v1::CreateRunRequest request = RunOf(kMapAndUnmap);
  request.mutable_options()->set_workers(65);
  EXPECT_EQ(ReasonFor(request), "FIELD_OUT_OF_RANGE");
  request.mutable_options()->set_workers(64);
  EXPECT_EQ(ReasonFor(request), "QUOTA_EXCEEDED");
}

TEST_F(RunTableTest, ACaseThatIsRunTwiceIsTheSameTwice) {
  v1::CreateRunRequest request = RunOf(kMapAndUnmap);
  request.mutable_options()->set_recheck(true);
  const v1::Run run = Finished(request);
  EXPECT_EQ(run.outcome(), v1::Run::OUTCOME_MET);
  EXPECT_EQ(run.results(0).recheck_event_hash(), run.results(0).event_hash());
}

// --- Bad requests ------------------------------------------------------------

TEST_F(RunTableTest, AScenarioThatDoesNotParseIsRefusedWithItsPlace) {
  const auto created = table_.Create(RunOf("id: \"x\"\n  taks {}\n"));
  EXPECT_EQ(created.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(created.status().message()),
              HasSubstr("test.textproto:2:"));
  const base::ErrorFacts facts = base::FactsOf(created.status());
  EXPECT_EQ(facts.reason, "SCENARIO_MALFORMED");
  EXPECT_THAT(facts.metadata, Contains(Pair("file", "test.textproto")));
  EXPECT_THAT(facts.metadata, Contains(Pair("line", "2")));
}

TEST_F(RunTableTest, AScenarioThatNamesNothingIsMalformed) {
  std::string text = kMapAndUnmap;
  text.replace(text.find("mm: \"m0\""), 8, "mm: \"m9\"");
  EXPECT_EQ(ReasonFor(RunOf(text)), "SCENARIO_MALFORMED");
}

TEST_F(RunTableTest, UnknownNamesAreRefused) {
  v1::CreateRunRequest request = RunOf(kMapAndUnmap);
  request.mutable_options()->add_protocols("v99");
  EXPECT_EQ(ReasonFor(request), "PROTOCOL_NOT_FOUND");
  request = RunOf(kMapAndUnmap);
  request.mutable_options()->add_mutants("none");
  EXPECT_EQ(ReasonFor(request), "MUTANT_UNKNOWN");
  request = RunOf(std::string(kMapAndUnmap) +
                  R"(expect { checker: "no_such" verdict: HOLDS })");
  EXPECT_EQ(ReasonFor(request), "CHECKER_UNKNOWN");
  request = RunOf(std::string(kMapAndUnmap) +
                  R"(fault { point: "mm/nowhere" trigger: "hold" })");
  EXPECT_EQ(ReasonFor(request), "FAULT_POINT_NOT_FOUND");
  request = RunOf(std::string(kMapAndUnmap) +
                  R"(sweep { fault { point: "mm/exit_mmap/enter"
                                     trigger: "hodl" } })");
  EXPECT_EQ(ReasonFor(request), "TRIGGER_MALFORMED");
}

TEST_F(RunTableTest, OptionsOutOfRangeAreRefused) {
  v1::CreateRunRequest request = RunOf(kMapAndUnmap);
  request.mutable_options()->set_shard_index(1);
  EXPECT_EQ(ReasonFor(request), "FIELD_OUT_OF_RANGE");
  request = RunOf(kMapAndUnmap);
  request.mutable_options()->set_max_violations(1001);
  EXPECT_EQ(ReasonFor(request), "FIELD_OUT_OF_RANGE");
  request = RunOf(kMapAndUnmap);
  request.mutable_options()->mutable_wall_budget()->set_seconds(-1);
  EXPECT_EQ(ReasonFor(request), "FIELD_OUT_OF_RANGE");
  EXPECT_EQ(ReasonFor(v1::CreateRunRequest()), "FIELD_MISSING");
  request = RunOf(kMapAndUnmap);
  request.set_run_id("Not An Id");
  EXPECT_EQ(ReasonFor(request), "NAME_MALFORMED");
}

TEST_F(RunTableTest, ForeignCapsulesAreUnreadable) {
  v1::CreateRunRequest request;
  request.mutable_capsule()->set_format_version(99);
  EXPECT_EQ(ReasonFor(request), "CAPSULE_UNREADABLE");
}

// --- The table ---------------------------------------------------------------

TEST_F(RunTableTest, ARepeatedRequestFindsItsRun) {
  v1::CreateRunRequest request = RunOf(kMapAndUnmap);
  request.set_request_id("once");
  const auto first = table_.Create(request);
  const auto second = table_.Create(request);
  ASSERT_OK(first);
  ASSERT_OK(second);
  EXPECT_EQ(first->run().name(), second->run().name());
  EXPECT_THAT(table_.All(), SizeIs(1));
  request.mutable_options()->set_seed(9);
  EXPECT_EQ(ReasonFor(request), "REQUEST_ID_REUSED");
}

TEST_F(RunTableTest, IdsAreTakenOnce) {
  v1::CreateRunRequest request = RunOf(kMapAndUnmap);
  request.set_run_id("mine");
  EXPECT_EQ(Start(request)->name(), "runs/mine");
  EXPECT_EQ(ReasonFor(request), "RUN_EXISTS");
}

TEST_F(RunTableTest, KeepsNoMoreThanItMay) {
  Limits limits;
  limits.max_runs = 1;
  RunTable small(limits);
  ASSERT_OK(small.Create(RunOf(kMapAndUnmap)));
  const auto second = small.Create(RunOf(kMapAndUnmap));
  EXPECT_EQ(base::ReasonOf(second.status()), "QUOTA_EXCEEDED");
}

TEST_F(RunTableTest, ForgetsOnlyWhatIsOver) {
  v1::CreateRunRequest request = RunOf(kMapAndUnmap);
  request.mutable_options()->set_remote(true);
  const std::shared_ptr<host::Run> run = Start(request);
  EXPECT_EQ(base::ReasonOf(table_.Delete(run->name())), "RUN_WRONG_STATE");
  run->Cancel("test");
  EXPECT_OK(table_.Delete(run->name()));
  EXPECT_EQ(base::ReasonOf(table_.Delete(run->name())), "RUN_NOT_FOUND");
  EXPECT_THAT(table_.All(), IsEmpty());
}

TEST_F(RunTableTest, ListsTheNewestFirst) {
  const std::shared_ptr<host::Run> first = Start(RunOf(kMapAndUnmap));
  const std::shared_ptr<host::Run> second = Start(RunOf(kMapAndUnmap));
  const auto all = table_.All();
  ASSERT_THAT(all, SizeIs(2));
  EXPECT_EQ(all[0].run, second);
  EXPECT_LT(all[0].key, all[1].key);
}

TEST_F(RunTableTest, ADrainedTableRefusesAndCancels) {
  v1::CreateRunRequest request = RunOf(kMapAndUnmap);
  request.mutable_options()->set_remote(true);
  const std::shared_ptr<host::Run> run = Start(request);
  table_.Drain();
  EXPECT_EQ(run->state(), v1::Run::STATE_CANCELLED);
  EXPECT_EQ(ReasonFor(RunOf(kMapAndUnmap)), "SERVER_DRAINING");
}

// --- Cancelling and watching -------------------------------------------------

TEST_F(RunTableTest, ACancelledRunKeepsWhatIsDoneAndNamesWhatIsNot) {
  v1::CreateRunRequest request = RunOf(kMapAndUnmap);
  request.mutable_options()->mutable_explore()->set_schedule_count(1'000'000);
  request.mutable_options()->mutable_explore()->set_exhaust(true);
  const std::shared_ptr<host::Run> run = Start(request);
  testing_support::AwaitState(*run, v1::Run::STATE_RUNNING);
  run->Cancel("enough");
  AwaitEnd(*run);
  const v1::Run view = run->View(/*with_results=*/true);
  EXPECT_EQ(view.state(), v1::Run::STATE_CANCELLED);
  EXPECT_EQ(view.failure(), "enough");
  EXPECT_EQ(view.outcome(), v1::Run::OUTCOME_INCONCLUSIVE);
  ASSERT_EQ(view.results_size(), 1);
  EXPECT_EQ(view.results(0).inconclusive_cause(), "cancelled");
}

TEST_F(RunTableTest, AWallBudgetCancels) {
  v1::CreateRunRequest request = RunOf(kMapAndUnmap);
  request.mutable_options()->mutable_explore()->set_schedule_count(1'000'000);
  request.mutable_options()->mutable_explore()->set_exhaust(true);
  request.mutable_options()->mutable_wall_budget()->set_nanos(1'000'000);
  const v1::Run run = Finished(request);
  EXPECT_EQ(run.state(), v1::Run::STATE_CANCELLED);
  EXPECT_THAT(run.failure(), HasSubstr("wall budget"));
}

TEST_F(RunTableTest, AWatcherSeesEveryCaseOnceAndThenTheEnd) {
  v1::CreateRunRequest request = RunOf(kMapAndUnmap);
  request.mutable_options()->add_protocols("all");
  const std::shared_ptr<host::Run> run = Start(request);
  AwaitEnd(*run);
  v1::WatchRunResponse message;
  int64_t last = 0;
  int64_t cases = 0;
  while (run->NextUpdate(last, &message) == host::Run::Next::kMessage) {
    EXPECT_GT(message.sequence(), last);
    last = message.sequence();
    if (message.has_finished_case()) {
      EXPECT_EQ(message.finished_case().index(), cases);
      ++cases;
    }
  }
  EXPECT_EQ(cases, run->View(false).case_count());
  EXPECT_EQ(message.run().state(), v1::Run::STATE_DONE);
  EXPECT_EQ(run->NextUpdate(last, &message), host::Run::Next::kEnd);
}

}  // namespace
}  // namespace mmfault::host
