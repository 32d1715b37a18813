// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: what a live world tells of its clients and of signals, whoever sent
// them. Method: clients without gRPC, a deadline of a few milliseconds.

#include "server/host/world_view.h"
#include "tests/unit/host/host_fixture.h"

namespace mmfault::host {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class WorldStoryTest : public HostTest {
 protected:
  // `client: what happened`, in order.
  static std::vector<std::string> ClientEvents(const WorldPtr& world) {
    std::vector<std::string> events;
    On(world, [&] {
      const EventRing& ring = world->events();
      for (uint64_t i = ring.first(); i < ring.end(); ++i) {
        const v1::Event event = ViewEvent(*world, ring.at(i));
        if (event.kind() == v1::Event::KIND_CLIENT) {
          events.push_back(event.object() + ": " + event.detail());
        }
      }
    });
    return events;
  }

  static v1::Task GetTask(const WorldPtr& world, const std::string& id) {
    v1::Task task;
    On(world, [&] { task = ViewTask(*world, *world->tasks().Find(id)); });
    return task;
  }

  static v1::Step Handle(int signal) {
    v1::Step step;
    step.mutable_set_signal()->add_handled(signal);
    return step;
  }
};

TEST_F(WorldStoryTest, ClientsComeAndGo) {
  const WorldPtr world = MakeWorld("w", Settings());
  Attach(world, "a");
  Attach(world, "b");
  world->Close("a", Departure::kLeft);
  world->Close("b", Departure::kLeaseExpired);
  Attach(world, "a");
  world->Close("a", Departure::kLost);
  EXPECT_THAT(ClientEvents(world),
              ElementsAre("a: attached", "b: attached", "a: detached",
                          "b: lost: its lease expired", "a: attached",
                          "a: lost: its stream broke"));
}

TEST_F(WorldStoryTest, MissedDeadlineIsTold) {
  v1::WorldSettings settings = Settings();
  settings.mutable_ack_deadline()->set_nanos(2'000'000);
  const WorldPtr world = MakeWorld("w", settings);
  const auto stream = Attach(world, "c");
  Bind(world, "c", "n0");
  Call(world, "c", 1, Register("n0"));
  stream->NextAnswer(1);
  EXPECT_TRUE(Start(world, "t", DontNeed()).get().ok());
  EXPECT_THAT(ClientEvents(world),
              ElementsAre("c: attached", "c: missed the deadline of callback 1",
                          "c: missed the deadline of callback 2"));
}

TEST_F(WorldStoryTest, SignalOfAStepIsADelivery) {
  const WorldPtr world = MakeWorld("w", Settings());
  ASSERT_TRUE(Start(world, "t", Handle(10)).get().ok());
  v1::Step send;
  send.mutable_signal()->set_task("t");
  send.mutable_signal()->set_number(10);
  ASSERT_TRUE(Start(world, "u", send).get().ok());
  const v1::Task task = GetTask(world, "t");
  ASSERT_EQ(task.deliveries_size(), 1);
  EXPECT_EQ(task.deliveries(0).number(), 10);
  EXPECT_EQ(task.deliveries(0).state(), v1::SignalDelivery::STATE_LANDED);
  EXPECT_TRUE(task.deliveries(0).interrupts());
}

TEST_F(WorldStoryTest, SignalOfARuleIsADelivery) {
  const WorldPtr world = MakeWorld("w", Settings());
  ASSERT_TRUE(Start(world, "t", Handle(10)).get().ok());
  On(world, [&] {
    WantedFault wanted;
    v1::FaultRule* rule = wanted.fault.add_rules();
    rule->set_point("notifier/mm_lock/vma");
    rule->set_trigger("1*signal(10)");
    EXPECT_TRUE(world->ArmFaults(nullptr, {wanted}, false).ok());
  });
  const auto outcome = Start(world, "t", Register("n0")).get();
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(outcome->rc, -4);
  const v1::Task task = GetTask(world, "t");
  ASSERT_EQ(task.deliveries_size(), 1);
  EXPECT_EQ(task.deliveries(0).number(), 10);
  EXPECT_GE(task.deliveries(0).step(), 1);
  EXPECT_TRUE(task.pending_signals().empty());
}

TEST_F(WorldStoryTest, SignalOfACallIsOneDelivery) {
  const WorldPtr world = MakeWorld("w", Settings());
  ASSERT_TRUE(Start(world, "t", Handle(10)).get().ok());
  On(world, [&] {
    world->SignalTask(world->tasks().Find("t"), 10, 1);
    world->SignalTask(world->tasks().Find("t"), 23, 0);
  });
  ASSERT_TRUE(Start(world, "t", Register("n0")).get().ok());
  const v1::Task task = GetTask(world, "t");
  ASSERT_EQ(task.deliveries_size(), 2);
  EXPECT_EQ(task.deliveries(0).at_lock(), 1);
  EXPECT_EQ(task.deliveries(0).state(), v1::SignalDelivery::STATE_LANDED);
  EXPECT_FALSE(task.deliveries(0).lock().empty());
}

TEST_F(WorldStoryTest, StaleMappingNamesTheClient) {
  const WorldPtr world = MakeWorld("w", Settings());
  const auto stream =
      Attach(world, "c", [&](const v1::AttachResponse& message) {
        if (message.has_callback()) {
          v1::AttachRequest ack;  // and the mappings stay
          ack.mutable_ack()->set_callback_number(
              message.callback().callback_number());
          world->Handle("c", ack);
        }
        return message.has_callback();
      });
  Bind(world, "c", "n0");
  Call(world, "c", 1, Register("n0"));
  v1::Step map;
  map.mutable_establish()->set_notifier("n0");
  map.mutable_establish()->set_address(0x100000);
  Call(world, "c", 2, map);
  EXPECT_EQ(stream->NextAnswer(2).result().result().rc(), 0);
  EXPECT_TRUE(Start(world, "t", DontNeed()).get().ok());
  On(world, [&] {
    ASSERT_EQ(world->violations().size(), 1U);
    const v1::Violation& violation = world->violations().front();
    EXPECT_EQ(violation.checker(), "no_stale_secondary_mapping");
    EXPECT_THAT(violation.objects(), ::testing::Contains("n0"));
    EXPECT_THAT(violation.explanation(), HasSubstr("Client c answers for n0"));
  });
}

}  // namespace
}  // namespace mmfault::host
