// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: a run with remote notifiers waits for its clients, admits answers by
// number, and ends as documented when one is late or gone. Method: clients on
// threads of their own, behind the interface that the Attach stream uses.

#include "server/host/run_clients.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "server/base/error.h"
#include "server/host/run_table.h"
#include "tests/support/matchers.h"
#include "tests/support/run_fixture.h"

namespace mmfault::host {
namespace {

using ::mmfault::testing_support::AwaitEnd;
using ::mmfault::testing_support::kMapAndUnmap;
using ::mmfault::testing_support::RunOf;
using ::mmfault::testing_support::ScriptedClient;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kTwoNotifiers[] = R"(
id: "two_notifiers"
protocols: "6.1"
world { ack_deadline { seconds: 60 } }
mm {
  id: "m0"
  mm_users: 2
  vma { start: 0x10000 end: 0x12000 anonymous {} populated: true }
  vma { start: 0x20000 end: 0x22000 anonymous {} populated: true }
}
notifier { id: "n0" remote {} }
notifier { id: "n1" remote {} }
task {
  id: "a"
  mm: "m0"
  step { register { notifier: "n0" } }
  step { madvise { range { start: 0x10000 end: 0x12000 } } }
}
task {
  id: "b"
  mm: "m0"
  step { register { notifier: "n1" } }
  step { madvise { range { start: 0x20000 end: 0x22000 } } }
}
explore { schedule_count: 30 seed: 3 }
)";

class RunClientsTest : public ::testing::Test {
 protected:
  std::shared_ptr<host::Run> Start(const v1::CreateRunRequest& request) {
    const auto created = table_.Create(request);
    EXPECT_OK(created);
    return created.ok() ? *table_.Find(created->run().name()) : nullptr;
  }

  std::shared_ptr<host::Run> StartRemote(const std::string& text) {
    v1::CreateRunRequest request = RunOf(text);
    request.mutable_options()->set_remote(true);
    return Start(request);
  }

  std::shared_ptr<ScriptedClient> Attach(
      host::Run& run, ScriptedClient::Script script,
      const std::vector<std::string>& notifiers) {
    auto client = std::make_shared<ScriptedClient>(std::move(script));
    EXPECT_OK(ScriptedClient::Attach(client, *table_.FindSession(run.name()),
                                     run.name(), notifiers));
    clients_.push_back(client);
    return client;
  }

  void TearDown() override {
    for (const auto& client : clients_) {
      client->Leave();
    }
  }

  RunTable table_{Limits()};
  std::vector<std::shared_ptr<ScriptedClient>> clients_;
};

// Of the refusals that a client got, the reasons.
std::vector<std::string> Refusals(ScriptedClient& client) {
  std::vector<std::string> reasons;
  for (const v1::AttachResponse& message : client.Received()) {
    if (message.has_error()) {
      reasons.push_back(message.error().reason());
    }
  }
  return reasons;
}

TEST_F(RunClientsTest, WaitsUntilEachNotifierIsBound) {
  const std::shared_ptr<host::Run> run = Start(RunOf(kTwoNotifiers));
  EXPECT_EQ(run->state(), v1::Run::STATE_WAITING_FOR_CLIENTS);
  EXPECT_THAT(run->View(false).wanted_notifiers(), ElementsAre("n0", "n1"));
  Attach(*run, ScriptedClient::DropsAll, {"n0"});
  EXPECT_THAT(run->View(false).wanted_notifiers(), ElementsAre("n1"));
  Attach(*run, ScriptedClient::DropsAll, {"n1"});
  AwaitEnd(*run);
  const v1::Run view = run->View(true);
  EXPECT_EQ(view.state(), v1::Run::STATE_DONE) << view.failure();
  EXPECT_EQ(view.outcome(), v1::Run::OUTCOME_MET) << view.DebugString();
  EXPECT_TRUE(view.results(0).remote());
}

TEST_F(RunClientsTest, CallbackNumbersNeverComeTwice) {
  const std::shared_ptr<host::Run> run = Start(RunOf(kTwoNotifiers));
  const auto client = Attach(*run, ScriptedClient::DropsAll, {"n0", "n1"});
  AwaitEnd(*run);
  const std::vector<int64_t> numbers = client->CallbackNumbers();
  EXPECT_GT(numbers.size(), 30U);
  for (size_t i = 1; i < numbers.size(); ++i) {
    EXPECT_GT(numbers[i], numbers[i - 1]);
  }
}

// Two clients race each other differently in every run; the executions do not.
TEST_F(RunClientsTest, TimingDecidesNothing) {
  std::vector<std::string> hashes;
  for (const bool together : {true, false, true, false}) {
    const std::shared_ptr<host::Run> run = Start(RunOf(kTwoNotifiers));
    if (together) {
      Attach(*run, ScriptedClient::DropsAll, {"n0", "n1"});
    } else {
      Attach(*run, ScriptedClient::DropsAll, {"n0"});
      Attach(*run, ScriptedClient::DropsAll, {"n1"});
    }
    AwaitEnd(*run);
    hashes.push_back(run->View(true).results(0).event_hash());
  }
  EXPECT_THAT(hashes, Each(hashes.front()));
}

TEST_F(RunClientsTest, AClientThatKeepsItsMappingsIsFoundOut) {
  const std::shared_ptr<host::Run> run = StartRemote(kMapAndUnmap);
  const auto client = Attach(*run, ScriptedClient::DropsNothing, {"n0"});
  AwaitEnd(*run);
  const v1::Run view = run->View(true);
  EXPECT_EQ(view.state(), v1::Run::STATE_DONE) << view.failure();
  EXPECT_EQ(view.outcome(), v1::Run::OUTCOME_UNMET);
  bool told = false;
  for (const v1::AttachResponse& message : client->Received()) {
    told =
        told || message.violation().checker() == "no_stale_secondary_mapping";
  }
  EXPECT_TRUE(told);
}

// The capsule carries the answers: no client is needed to see it again.
TEST_F(RunClientsTest, ACapsuleRepeatsARemoteViolationAlone) {
  const std::shared_ptr<host::Run> run = StartRemote(kMapAndUnmap);
  Attach(*run, ScriptedClient::DropsNothing, {"n0"});
  AwaitEnd(*run);
  const auto story = run->StoryOf(0, 0);
  ASSERT_OK(story);
  EXPECT_GT(story->capsule.answers_size(), 0);
  v1::CreateRunRequest again;
  *again.mutable_capsule() = story->capsule;
  const std::shared_ptr<host::Run> repeated = Start(again);
  AwaitEnd(*repeated);
  const v1::Run view = repeated->View(true);
  EXPECT_EQ(view.outcome(), v1::Run::OUTCOME_MET) << view.failure();
}

TEST_F(RunClientsTest, AClientThatDropsItsMappingsIsFine) {
  const std::shared_ptr<host::Run> run = StartRemote(kMapAndUnmap);
  Attach(*run, ScriptedClient::DropsAll, {"n0"});
  AwaitEnd(*run);
  EXPECT_EQ(run->View(true).outcome(), v1::Run::OUTCOME_MET)
      << run->View(true).DebugString();
}

// It drops until the run has begun a second time.
TEST_F(RunClientsTest, AClientThatAnswersFromMoreThanItWasToldIsNotRepeatable) {
  v1::CreateRunRequest request = RunOf(kMapAndUnmap);
  request.mutable_options()->set_remote(true);
  request.mutable_options()->set_recheck(true);
  const std::shared_ptr<host::Run> run = Start(request);
  int calls = 0;
  Attach(*run,
         [&calls](const auto& callback, auto* ack) {
           return ++calls <= 20 ? ScriptedClient::DropsAll(callback, ack)
                                : ScriptedClient::DropsNothing(callback, ack);
         },
         {"n0"});
  AwaitEnd(*run);
  const v1::Run view = run->View(true);
  EXPECT_EQ(view.outcome(), v1::Run::OUTCOME_UNMET) << view.DebugString();
  EXPECT_NE(view.results(0).recheck_event_hash(), "");
  EXPECT_NE(view.results(0).recheck_event_hash(), view.results(0).event_hash());
}

TEST_F(RunClientsTest, ACallbackWithoutAnAnswerIsAHungCallback) {
  std::string text = kMapAndUnmap;
  text += "world { ack_deadline { nanos: 1000000 } }";
  const std::shared_ptr<host::Run> run = StartRemote(text);
  const auto client =
      Attach(*run, [](const auto&, auto*) { return false; }, {"n0"});
  AwaitEnd(*run);
  const v1::Run view = run->View(true);
  EXPECT_EQ(view.state(), v1::Run::STATE_DONE) << view.failure();
  EXPECT_EQ(view.outcome(), v1::Run::OUTCOME_UNMET);
  bool hung = false;
  for (const v1::Violation& violation : view.results(0).violations()) {
    hung = hung || violation.checker() == "no_deadlock";
  }
  EXPECT_TRUE(hung) << view.DebugString();
}

TEST_F(RunClientsTest, ALostClientEndsTheRunAsFailed) {
  const std::shared_ptr<host::Run> run = StartRemote(kMapAndUnmap);
  std::promise<void> called;
  bool first = true;
  const auto client = Attach(*run,
                             [&](const auto&, auto*) {
                               if (first) called.set_value();
                               first = false;
                               return false;
                             },
                             {"n0"});
  called.get_future().wait();
  client->Leave();
  AwaitEnd(*run);
  EXPECT_EQ(run->state(), v1::Run::STATE_FAILED);
  EXPECT_THAT(run->View(false).failure(), HasSubstr("client-1"));
}

TEST_F(RunClientsTest, CancellingWakesARunThatWaitsForAnAnswer) {
  const std::shared_ptr<host::Run> run = StartRemote(kMapAndUnmap);
  std::promise<void> called;
  bool first = true;
  Attach(*run,
         [&](const auto&, auto*) {
           if (first) called.set_value();
           first = false;
           return false;
         },
         {"n0"});
  called.get_future().wait();
  run->Cancel("test");
  AwaitEnd(*run);
  EXPECT_EQ(run->state(), v1::Run::STATE_CANCELLED);
}

// As one that is lost, but by a rule: at the same place in each repetition.
TEST_F(RunClientsTest, ARuleEndsTheStreamOfAClient) {
  const std::string fault =
      "fault { point: \"notifier/callback/deliver\" notifier: \"n1\" "
      "trigger: \"when=3 disconnect\" }";
  const std::shared_ptr<host::Run> run = StartRemote(kTwoNotifiers + fault);
  Attach(*run, ScriptedClient::DropsAll, {"n0"});
  Attach(*run, ScriptedClient::DropsAll, {"n1"});
  AwaitEnd(*run);
  EXPECT_EQ(run->state(), v1::Run::STATE_FAILED);
  EXPECT_THAT(run->View(false).failure(), HasSubstr("client-2"));
}

TEST_F(RunClientsTest, AClientThatLeavesBeforeTheStartIsWantedAgain) {
  const std::shared_ptr<host::Run> run = Start(RunOf(kTwoNotifiers));
  Attach(*run, ScriptedClient::DropsAll, {"n0"})->Leave();
  EXPECT_THAT(run->View(false).wanted_notifiers(), ElementsAre("n0", "n1"));
}

TEST_F(RunClientsTest, GivesUpWhenNobodyComes) {
  v1::CreateRunRequest request = RunOf(kTwoNotifiers);
  request.mutable_options()->mutable_client_wait()->set_nanos(1'000'000);
  const std::shared_ptr<host::Run> run = Start(request);
  AwaitEnd(*run);
  EXPECT_EQ(run->state(), v1::Run::STATE_FAILED);
  EXPECT_THAT(run->View(false).failure(), HasSubstr("n0, n1"));
}

TEST_F(RunClientsTest, RefusesWhatIsNotTheirs) {
  const std::shared_ptr<host::Run> run = Start(RunOf(kTwoNotifiers));
  Attach(*run, ScriptedClient::DropsAll, {"n0"});
  const auto other =
      Attach(*run, ScriptedClient::DropsAll, {"n0", "n9", "Bad Id"});
  EXPECT_THAT(Refusals(*other),
              ElementsAre("NOTIFIER_BOUND_ELSEWHERE", "NOTIFIER_NOT_FOUND",
                          "NAME_MALFORMED"));
}

TEST_F(RunClientsTest, RefusesCallsAndStrayAcks) {
  const std::shared_ptr<host::Run> run = Start(RunOf(kTwoNotifiers));
  const auto client = Attach(*run, ScriptedClient::DropsAll, {});
  const auto session = *table_.FindSession(run->name());
  v1::AttachRequest request;
  request.mutable_call()->set_tag(5);
  session->Handle("client-1", request);
  request.mutable_ack()->set_callback_number(1);
  session->Handle("client-1", request);
  EXPECT_THAT(Refusals(*client),
              ElementsAre("WORLD_OWNED_BY_RUN", "CALLBACK_NOT_OUTSTANDING"));
}

TEST_F(RunClientsTest, ARunWithoutRemoteNotifiersHasNoSession) {
  const std::shared_ptr<host::Run> run = Start(RunOf(kMapAndUnmap));
  EXPECT_EQ(base::ReasonOf(table_.FindSession(run->name()).status()),
            "RUN_WRONG_STATE");
}

TEST_F(RunClientsTest, GoodbyeComesWithTheEnd) {
  const std::shared_ptr<host::Run> run = Start(RunOf(kTwoNotifiers));
  const auto client = Attach(*run, ScriptedClient::DropsAll, {"n0"});
  run->Cancel("test");
  const std::vector<v1::AttachResponse> received = client->Received();
  EXPECT_EQ(received.back().goodbye().cause(),
            v1::AttachResponse::Goodbye::CAUSE_RUN_DONE);
}

}  // namespace
}  // namespace mmfault::host
