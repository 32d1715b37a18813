// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: the whole flow works over the real API: a world, an mm, steps, a remote
// notifier that is called and answers, in both drive modes. Method: every
// service over the in-process channel.

#include <thread>

#include "tests/unit/api/api_fixture.h"

namespace mmfault::api {
namespace {

using ::testing::IsEmpty;

TEST_F(ApiTest, StepRunsAndSaysHowItEnded) {
  v1::World world;
  ASSERT_TRUE(CreateWorld("w", Settings(), &world).ok());
  EXPECT_EQ(world.name(), "worlds/w");
  EXPECT_EQ(world.settings().drive_mode(), v1::DRIVE_MODE_FREE_RUNNING);
  ASSERT_TRUE(CreateMm("w", "m0").ok());
  v1::RunStepResponse response;
  const grpc::Status status =
      RunStep("w", Munmap(0x100000, 0x108000), &response);
  ASSERT_TRUE(status.ok()) << client::Describe(status);
  EXPECT_EQ(response.result().rc(), 0);
  EXPECT_GT(response.result().end_step(), response.result().begin_step());
  EXPECT_EQ(response.task(), "rpc-m0");
  EXPECT_EQ(response.step_index(), 0);
  EXPECT_THAT(Violations("w"), IsEmpty());
}

TEST_F(ApiTest, RemoteNotifierIsCalledAndAnswers) {
  ASSERT_TRUE(CreateWorld("w", Settings()).ok());
  ASSERT_TRUE(CreateMm("w", "m0").ok());
  AttachedClient client(*notifiers_, Hello("w", "kvm"));
  const v1::AttachResponse welcome = client.Read();
  EXPECT_EQ(welcome.welcome().client(), "kvm");
  EXPECT_EQ(welcome.welcome().task(), "attach-1");
  client.Bind("n0", 1);
  EXPECT_EQ(client.Read().bound().tag(), 1);
  client.Call(2, Register("n0", "m0"));
  const v1::AttachResponse registered = client.ReadAcking();
  EXPECT_EQ(registered.result().tag(), 2) << registered.ShortDebugString();
  EXPECT_EQ(registered.result().result().rc(), 0);
  client.Call(3, Munmap(0x100000, 0x108000));
  const v1::AttachResponse callback = client.Read();
  EXPECT_EQ(callback.callback().notifier(), "n0");
  EXPECT_EQ(callback.callback().mm(), "m0");
  EXPECT_EQ(callback.callback().start(), 0x100000u);
  EXPECT_EQ(callback.callback().event(),
            v1::CALLBACK_EVENT_INVALIDATE_RANGE_START);
  client.Ack(callback.callback());
  const v1::AttachResponse unmapped = client.ReadAcking();
  EXPECT_EQ(unmapped.result().tag(), 3);
  EXPECT_EQ(client.callbacks(), 1);  // The end.
  client.Call(4, Unregister("n0"));
  EXPECT_EQ(client.ReadAcking().result().tag(), 4);
  client.HalfClose();
  EXPECT_TRUE(client.Finish().ok());
  EXPECT_THAT(Violations("w"), IsEmpty());
}

TEST_F(ApiTest, LockstepMovesWhenAskedAndWaitsForTheAck) {
  v1::WorldSettings settings = Settings();
  settings.set_drive_mode(v1::DRIVE_MODE_LOCKSTEP);
  ASSERT_TRUE(CreateWorld("w", settings).ok());
  ASSERT_TRUE(CreateMm("w", "m0").ok());
  AttachedClient client(*notifiers_, Hello("w"));
  client.Read();
  client.Bind("n0", 1);
  client.Read();
  client.Call(2, Register("n0", "m0"));
  v1::AdvanceWorldRequest advance;
  advance.set_name("worlds/w");
  advance.mutable_ack_wait();
  v1::AdvanceWorldResponse moved;
  const auto method = &v1::WorldService::Stub::AdvanceWorld;
  // The registration first: which of the two runs is the seed's to say.
  grpc::Status status = Call(*worlds_, method, advance, &moved);
  ASSERT_TRUE(status.ok()) << client::Describe(status);
  EXPECT_EQ(moved.outstanding_size(), 0);
  v1::RunStepResponse step;
  ASSERT_TRUE(RunStep("w", Munmap(0x100000, 0x108000), &step, "t").ok());
  EXPECT_FALSE(step.has_result());
  status = Call(*worlds_, method, advance, &moved);
  ASSERT_TRUE(status.ok()) << client::Describe(status);
  EXPECT_EQ(moved.outcome(), v1::AdvanceWorldResponse::OUTCOME_WAITING_FOR_ACK);
  ASSERT_EQ(moved.outstanding_size(), 1);
  EXPECT_EQ(moved.outstanding(0).notifier(), "n0");
  EXPECT_EQ(moved.outstanding(0).task(), "t");
  // Now the call waits, and the client answers meanwhile.
  std::thread acks([&client] {
    for (int callbacks = 0; callbacks < 2;) {
      const v1::AttachResponse message = client.Read();
      if (message.has_callback()) {
        client.Ack(message.callback());
        ++callbacks;
      }
    }
  });
  advance.clear_ack_wait();
  status = Call(*worlds_, method, advance, &moved);
  acks.join();
  ASSERT_TRUE(status.ok()) << client::Describe(status);
  EXPECT_EQ(moved.outcome(), v1::AdvanceWorldResponse::OUTCOME_IDLE)
      << moved.ShortDebugString();
  EXPECT_THAT(Violations("w"), IsEmpty());
}

}  // namespace
}  // namespace mmfault::api
