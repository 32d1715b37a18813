// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: a client that dies, or does not answer, is what the kernel would see of
// a driver that is gone, and nobody else notices. Calls from inside a callback
// work. Method: clients without gRPC; deadlines of a few milliseconds.

#include <thread>

#include "server/base/error.h"
#include "tests/unit/host/host_fixture.h"

namespace mmfault::host {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class WorldClientsTest : public HostTest {
 protected:
  // A world where client "c" has registered "n0".
  WorldPtr WithNotifier(v1::WorldSettings settings) {
    WorldPtr world = MakeWorld("w", settings);
    stream_ = Attach(world, "c");
    Bind(world, "c", "n0", 1);
    Call(world, "c", 2, Register("n0"));
    if (settings.drive_mode() == v1::DRIVE_MODE_LOCKSTEP) {
      Advance(world);
    }
    EXPECT_EQ(stream_->NextAnswer(2).result().result().rc(), 0);
    return world;
  }

  std::shared_ptr<FakeStream> stream_;
};

TEST_F(WorldClientsTest, FreedNotifierOfADeadClientIsUsedAfterFree) {
  const WorldPtr world = WithNotifier(Settings());
  StepFuture step = Start(world, "t", DontNeed());
  stream_->NextCallback();
  world->Close("c", Departure::kLeft);  // In the middle of a callback.
  step.get().status().IgnoreError();
  Start(world, "u", DontNeed()).get().status().IgnoreError();
  const auto checkers = Checkers(world);
  EXPECT_THAT(checkers, Contains("no_deadlock"));
  EXPECT_THAT(checkers, Contains("no_use_after_free"));
}

TEST_F(WorldClientsTest, WellBehavedDetachUnregisters) {
  v1::WorldSettings settings = Settings();
  settings.set_lost_client_policy(v1::LOST_CLIENT_POLICY_UNREGISTER);
  const WorldPtr world = WithNotifier(settings);
  world->Close("c", Departure::kLeft);
  EXPECT_TRUE(Start(world, "u", DontNeed()).get().ok());
  EXPECT_THAT(Checkers(world), IsEmpty());
  On(world, [&] {
    EXPECT_TRUE(world->machine().FindDevice("n0")->mn.object.freed());
  });
}

TEST_F(WorldClientsTest, KeptNotifierRunsIntoTheDeadline) {
  v1::WorldSettings settings = Settings();
  settings.set_lost_client_policy(v1::LOST_CLIENT_POLICY_KEEP);
  settings.mutable_ack_deadline()->set_nanos(2'000'000);
  const WorldPtr world = WithNotifier(settings);
  world->Close("c", Departure::kLeft);
  EXPECT_TRUE(Start(world, "u", DontNeed()).get().ok());
  EXPECT_THAT(Checkers(world), ElementsAre("no_deadlock", "no_deadlock"));
}

TEST_F(WorldClientsTest, MissedDeadlineIsAViolationAndTheClientIsTold) {
  v1::WorldSettings settings = Settings();
  settings.mutable_ack_deadline()->set_nanos(2'000'000);
  const WorldPtr world = WithNotifier(settings);
  StepFuture step = Start(world, "t", DontNeed());
  const int64_t number = stream_->NextCallback().callback_number();
  const auto gone =
      stream_->Next([](const auto& m) { return m.has_callback_gone(); });
  EXPECT_EQ(gone.callback_gone().callback_number(), number);
  EXPECT_TRUE(step.get().ok());
  EXPECT_THAT(Checkers(world), Contains("no_deadlock"));
  Ack(world, "c", number);
  const auto refused =
      stream_->Next([](const auto& m) { return m.has_error(); });
  EXPECT_EQ(refused.error().reason(), "CALLBACK_NOT_OUTSTANDING");
}

TEST_F(WorldClientsTest, MissedDeadlineInLockstepIsAnAnswerInItsTurn) {
  v1::WorldSettings settings = Lockstep();
  settings.mutable_ack_deadline()->set_nanos(2'000'000);
  const WorldPtr world = WithNotifier(settings);
  Start(world, "t", DontNeed());
  EXPECT_EQ(Advance(world).outcome(), v1::AdvanceWorldResponse::OUTCOME_IDLE);
  EXPECT_THAT(Checkers(world), ElementsAre("no_deadlock", "no_deadlock"));
}

TEST_F(WorldClientsTest, OthersNoticeNothing) {
  v1::WorldSettings settings = Settings();
  settings.set_lost_client_policy(v1::LOST_CLIENT_POLICY_UNREGISTER);
  const WorldPtr world = WithNotifier(settings);
  const auto other = Attach(world, "d", [&](const v1::AttachResponse& message) {
    if (message.has_callback()) {
      Ack(world, "d", message.callback().callback_number());
    }
    return message.has_callback();
  });
  Bind(world, "d", "n1", 1);
  Call(world, "d", 2, Register("n1"));
  EXPECT_EQ(other->NextAnswer(2).result().result().rc(), 0);
  world->Close("c", Departure::kLeft);
  for (int64_t tag = 3; tag < 20; ++tag) {
    Call(world, "d", tag, DontNeed());
    EXPECT_EQ(other->NextAnswer(tag).result().result().rc(), 0);
  }
  EXPECT_THAT(Checkers(world), IsEmpty());
}

TEST_F(WorldClientsTest, CallFromInsideACallbackWorks) {
  const WorldPtr world = WithNotifier(Settings());
  StepFuture step = Start(world, "t", DontNeed());
  for (int64_t tag = 10; tag < 12; ++tag) {
    const int64_t number = stream_->NextCallback().callback_number();
    v1::Step drop;
    drop.mutable_drop()->set_notifier("n0");
    Call(world, "c", tag, drop);
    EXPECT_EQ(stream_->NextAnswer(tag).result().result().rc(), 0);
    Ack(world, "c", number);
  }
  EXPECT_TRUE(step.get().ok());
}

TEST_F(WorldClientsTest, CallFromInsideACallbackWorksInLockstep) {
  const WorldPtr world = WithNotifier(Lockstep());
  Start(world, "t", DontNeed());
  std::thread advance([&world] {
    EXPECT_EQ(Advance(world).outcome(), v1::AdvanceWorldResponse::OUTCOME_IDLE);
  });
  for (int64_t tag = 10; tag < 12; ++tag) {
    const int64_t number = stream_->NextCallback().callback_number();
    v1::Step drop;
    drop.mutable_drop()->set_notifier("n0");
    Call(world, "c", tag, drop);
    EXPECT_EQ(stream_->NextAnswer(tag).result().result().rc(), 0);
    Ack(world, "c", number);
  }
  advance.join();
  EXPECT_THAT(Checkers(world), IsEmpty());
}

TEST_F(WorldClientsTest, DeathRacesAnswers) {
  for (int round = 0; round < 20; ++round) {
    v1::WorldSettings settings = Settings();
    settings.set_lost_client_policy(v1::LOST_CLIENT_POLICY_UNREGISTER);
    const WorldPtr world = WithNotifier(settings);
    StepFuture step = Start(world, "t", DontNeed());
    const int64_t number = stream_->NextCallback().callback_number();
    std::thread acks([&] { Ack(world, "c", number); });
    std::thread closes([&] { world->Close("c", Departure::kLeft); });
    acks.join();
    closes.join();
    EXPECT_TRUE(step.get().ok());
    ASSERT_TRUE(table_.Delete("w").ok());
  }
}

TEST_F(WorldClientsTest, OneNotifierOneClient) {
  const WorldPtr world = WithNotifier(Settings());
  const auto other = Attach(world, "d");
  Bind(world, "d", "n0", 1);
  EXPECT_EQ(other->NextAnswer(1).error().reason(), "NOTIFIER_BOUND_ELSEWHERE");
  Bind(world, "c", "n0", 5);
  EXPECT_EQ(stream_->NextAnswer(5).error().reason(), "ALREADY_REGISTERED");
  v1::AttachRequest::Hello again;
  again.set_client("c");
  EXPECT_EQ(base::ReasonOf(world->Open(again, other).status()),
            "CLIENT_EXISTS");
}

TEST_F(WorldClientsTest, TasksOfACallEndWithTheStream) {
  const WorldPtr world = WithNotifier(Settings());
  On(world, [&] { EXPECT_FALSE(world->tasks().Find("attach-1")->ended); });
  world->Close("c", Departure::kLeft);
  On(world, [&] { EXPECT_TRUE(world->tasks().Find("attach-1")->ended); });
}

}  // namespace
}  // namespace mmfault::host
