// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: a remote client subscribes in every form that the protocol has, and in
// no other. Method: clients without gRPC, which answer what they are sent.

#include "tests/unit/host/host_fixture.h"

namespace mmfault::host {
namespace {

using ::testing::IsEmpty;

class WorldKindsTest : public HostTest {
 protected:
  static void BindAs(const WorldPtr& world, v1::Notifier::Kind kind) {
    v1::AttachRequest request;
    request.mutable_bind()->set_notifier("n0");
    request.mutable_bind()->set_kind(kind);
    request.mutable_bind()->set_tag(1);
    world->Handle("c", request);
  }
  static v1::StepResult Run(const WorldPtr& world, FakeStream* stream,
                            int64_t tag, const v1::Step& step) {
    Call(world, "c", tag, step);
    return stream->NextAnswer(tag).result().result();
  }
  static v1::Step Insert() {
    v1::Step step;
    step.mutable_insert()->set_notifier("n0");
    step.mutable_insert()->set_start(0x100000);
    step.mutable_insert()->set_length(0x4000);
    return step;
  }
  static v1::Step ReadBegin() {
    v1::Step step;
    step.mutable_read_begin()->set_notifier("n0");
    return step;
  }
  static v1::Step Get() {
    v1::Step step;
    step.mutable_get()->set_notifier("n0");
    return step;
  }
  static v1::Step Put() {
    v1::Step step;
    step.mutable_put()->set_notifier("n0");
    return step;
  }
};

TEST_F(WorldKindsTest, IntervalIsInvalidatedWithTheSequenceToSet) {
  const WorldPtr world = MakeWorld("w", Settings());
  const auto stream = Attach(world, "c");
  BindAs(world, v1::Notifier::KIND_INTERVAL);
  ASSERT_TRUE(stream->NextAnswer(1).has_bound());
  ASSERT_EQ(Run(world, stream.get(), 2, Insert()).rc(), 0);
  EXPECT_EQ(Run(world, stream.get(), 3, ReadBegin()).seq(), 1);
  StepFuture step = Start(world, "t", DontNeed());
  const auto callback = stream->NextCallback();
  EXPECT_EQ(callback.event(), v1::CALLBACK_EVENT_INTERVAL_INVALIDATE);
  EXPECT_EQ(callback.cur_seq(), 3);
  Ack(world, "c", callback.callback_number());
  EXPECT_TRUE(step.get().ok());
  EXPECT_EQ(Run(world, stream.get(), 4, ReadBegin()).seq(), 3);
  EXPECT_THAT(Checkers(world), IsEmpty());
}

TEST_F(WorldKindsTest, LastPutIsFollowedByTheFree) {
  const WorldPtr world = MakeWorld("w", Settings());
  const auto stream = Attach(world, "c");
  BindAs(world, v1::Notifier::KIND_GET_PUT);
  ASSERT_TRUE(stream->NextAnswer(1).has_bound());
  ASSERT_EQ(Run(world, stream.get(), 2, Get()).rc(), 0);
  ASSERT_EQ(Run(world, stream.get(), 3, Get()).rc(), 0);
  ASSERT_EQ(Run(world, stream.get(), 4, Put()).rc(), 0);
  Call(world, "c", 5, Put());
  const auto callback = stream->NextCallback();
  EXPECT_EQ(callback.event(), v1::CALLBACK_EVENT_FREE_NOTIFIER);
  EXPECT_TRUE(callback.atomic());
  Ack(world, "c", callback.callback_number());
  On(world, [&] {
    EXPECT_TRUE(world->machine().FindDevice("n0")->mn.object.freed());
  });
  EXPECT_THAT(Checkers(world), IsEmpty());
}

TEST_F(WorldKindsTest, LostIntervalIsRemoved) {
  v1::WorldSettings settings = Settings();
  settings.set_lost_client_policy(v1::LOST_CLIENT_POLICY_UNREGISTER);
  const WorldPtr world = MakeWorld("w", settings);
  const auto stream = Attach(world, "c");
  BindAs(world, v1::Notifier::KIND_INTERVAL);
  ASSERT_EQ(Run(world, stream.get(), 2, Insert()).rc(), 0);
  world->Close("c", Departure::kLeft);
  EXPECT_TRUE(Start(world, "u", DontNeed()).get().ok());
  EXPECT_THAT(Checkers(world), IsEmpty());
  On(world, [&] {
    EXPECT_TRUE(world->machine().FindDevice("n0")->mn.object.freed());
  });
}

TEST_F(WorldKindsTest, DesignWithoutThemRefusesTheBind) {
  v1::WorldSettings settings = Settings();
  settings.set_protocol("v12");
  const WorldPtr world = MakeWorld("w", settings);
  const auto stream = Attach(world, "c");
  BindAs(world, v1::Notifier::KIND_INTERVAL);
  const auto answer = stream->NextAnswer(1);
  ASSERT_TRUE(answer.has_error());
  EXPECT_EQ(answer.error().reason(), "UNSUPPORTED_BY_PROTOCOL");
}

}  // namespace
}  // namespace mmfault::host
