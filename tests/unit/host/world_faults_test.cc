// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: what fault rules do to a hosted world from outside of its simulated
// code: holds of some duration, a client's stream that ends, memory that is
// not there. Method: engine worlds without gRPC, in both drive modes.

#include <atomic>
#include <vector>

#include "server/base/error.h"
#include "server/notifier/protocols.h"
#include "tests/unit/host/host_fixture.h"

namespace mmfault::host {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kZap[] = "mm/zap_page_range/after_start";
constexpr char kDeliver[] = "notifier/callback/deliver";

class WorldFaultsTest : public HostTest {
 protected:
  static absl::Status Arm(const WorldPtr& world, const std::string& point,
                          const std::string& trigger) {
    absl::Status status;
    On(world, [&] {
      WantedFault wanted;
      wanted.id = "f";
      wanted.field = "fault";
      v1::FaultRule& rule = *wanted.fault.add_rules();
      rule.set_point(point);
      rule.set_trigger(trigger);
      status = world->ArmFaults(nullptr, {wanted}, false).status();
    });
    return status;
  }
  static int Disarm(const WorldPtr& world) {
    int resumed = -1;
    On(world, [&] {
      resumed =
          world->DisarmThose([](const v1::Fault&, uint64_t) { return true; })
              .resumed;
    });
    return resumed;
  }
  static int64_t HeldCount(const WorldPtr& world) {
    int64_t held = 0;
    On(world, [&] {
      const auto state = world->StateNow();
      held = state == v1::World::STATE_HELD ? 1 : 0;
    });
    return held;
  }
  static uint64_t Time(const WorldPtr& world) {
    uint64_t time = 0;
    On(world, [&] { time = world->world().state().time_ns; });
    return time;
  }
};

// The step that is held for an hour ends as soon as the rule is gone, and no
// virtual time has passed.
TEST_F(WorldFaultsTest, DisarmUnderAnHoursHoldReturnsAtOnceFreeRunning) {
  const WorldPtr world = MakeWorld("w", Settings());
  ASSERT_TRUE(Arm(world, kZap, "hold(1h)").ok());
  StepFuture step = Start(world, "t", DontNeed());
  EXPECT_EQ(HeldCount(world), 1);
  EXPECT_EQ(Disarm(world), 1);
  ASSERT_EQ(step.wait_for(kPatience), std::future_status::ready);
  EXPECT_TRUE(step.get().ok());
  EXPECT_EQ(Time(world), 0U);
}

TEST_F(WorldFaultsTest, DisarmUnderAnHoursHoldReturnsAtOnceLockstep) {
  const WorldPtr world = MakeWorld("w", Lockstep());
  ASSERT_TRUE(Arm(world, kZap, "hold(1h)").ok());
  StepFuture step = Start(world, "t", DontNeed());
  EXPECT_EQ(Advance(world).outcome(),
            v1::AdvanceWorldResponse::OUTCOME_AT_POINT);
  EXPECT_EQ(HeldCount(world), 1);
  EXPECT_EQ(Disarm(world), 1);
  EXPECT_EQ(Advance(world).outcome(), v1::AdvanceWorldResponse::OUTCOME_IDLE);
  ASSERT_EQ(step.wait_for(kPatience), std::future_status::ready);
  EXPECT_TRUE(step.get().ok());
  EXPECT_EQ(Time(world), 0U);
}

// Nobody disarms: FREE_RUNNING waits that long, LOCKSTEP lets the time pass
// when it is advanced.
TEST_F(WorldFaultsTest, AHoldEndsByItself) {
  const WorldPtr free = MakeWorld("free", Settings());
  ASSERT_TRUE(Arm(free, kZap, "hold(20ms)").ok());
  StepFuture step = Start(free, "t", DontNeed());
  EXPECT_TRUE(step.get().ok());
  EXPECT_EQ(Time(free), 20'000'000U);

  const WorldPtr lockstep = MakeWorld("lockstep", Lockstep());
  ASSERT_TRUE(Arm(lockstep, kZap, "hold(1h)").ok());
  step = Start(lockstep, "t", DontNeed());
  EXPECT_EQ(Advance(lockstep).outcome(),
            v1::AdvanceWorldResponse::OUTCOME_AT_POINT);
  EXPECT_EQ(Advance(lockstep).outcome(),
            v1::AdvanceWorldResponse::OUTCOME_IDLE);
  EXPECT_TRUE(step.get().ok());
  EXPECT_EQ(Time(lockstep), 3'600'000'000'000U);
}

// A delay is virtual: nobody waits for it.
TEST_F(WorldFaultsTest, ADelayTakesNoWallTime) {
  for (const v1::WorldSettings& settings : {Settings(), Lockstep()}) {
    const WorldPtr world = MakeWorld(
        settings.drive_mode() == v1::DRIVE_MODE_LOCKSTEP ? "l" : "f", settings);
    ASSERT_TRUE(Arm(world, kZap, "delay(1000h)").ok());
    StepFuture step = Start(world, "t", DontNeed());
    if (world->lockstep()) {
      EXPECT_EQ(Advance(world).outcome(),
                v1::AdvanceWorldResponse::OUTCOME_IDLE);
    }
    ASSERT_EQ(step.wait_for(kPatience), std::future_status::ready);
    EXPECT_EQ(Time(world), 3'600'000'000'000'000U);
  }
}

// The stream ends in the middle of a callback. What follows is what a lost
// client is: here its notifier is unregistered, and the walk goes on.
TEST_F(WorldFaultsTest, DisconnectEndsTheStreamThatAnswers) {
  for (const bool lockstep : {false, true}) {
    v1::WorldSettings settings = lockstep ? Lockstep() : Settings();
    settings.set_lost_client_policy(v1::LOST_CLIENT_POLICY_UNREGISTER);
    const WorldPtr world = MakeWorld(lockstep ? "l" : "f", settings);
    const auto stream = Attach(world, "c");
    const auto other = Attach(world, "d");
    Bind(world, "c", "n0", 1);
    stream->NextAnswer(1);
    StepFuture step = Start(world, "t", Register("n0"));
    if (lockstep) {
      Advance(world);
    }
    EXPECT_TRUE(step.get().ok());
    ASSERT_TRUE(Arm(world, kDeliver, "1*disconnect").ok());
    step = Start(world, "t", DontNeed());
    if (lockstep) {
      Advance(world);
    }
    ASSERT_EQ(step.wait_for(kPatience), std::future_status::ready);
    ASSERT_TRUE(stream->ended().has_value());
    EXPECT_THAT(stream->ended()->ToString(), HasSubstr("UNAVAILABLE"));
    EXPECT_FALSE(other->ended().has_value());
    // Its answer is missed.
    EXPECT_THAT(Checkers(world), Contains("no_deadlock"));
    // The stream says so itself later on; that is no second loss.
    world->Close("c", Departure::kLeft);
    EXPECT_FALSE(world->HasClient("c"));
  }
}

TEST_F(WorldFaultsTest, DisconnectOfNobodyIsNothing) {
  const WorldPtr world = MakeWorld("w", Settings());
  const auto stream = Attach(world, "c");
  ASSERT_TRUE(Arm(world, "notifier/register/enter", "disconnect").ok());
  EXPECT_TRUE(Start(world, "t", Register("n0")).get().ok());
  EXPECT_FALSE(stream->ended().has_value());
}

TEST_F(WorldFaultsTest, CrashIsRefusedUnlessTheServerAllowsIt) {
  const WorldPtr world = MakeWorld("w", Settings());
  const absl::Status status = Arm(world, kZap, "crash");
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(base::FactsOf(status).reason, "CRASH_NOT_ALLOWED");
  EXPECT_THAT(Checkers(world), IsEmpty());
}

// A lost answer counts as answered, an answer that is wrong as that; a
// callback that is dropped never leaves.
TEST_F(WorldFaultsTest, RemoteCallbacksAreMessagesToo) {
  const WorldPtr world = MakeWorld("w", Settings());
  std::atomic<int> callbacks = 0;
  const auto stream =
      Attach(world, "c", [&](const v1::AttachResponse& message) {
        if (message.has_callback()) {
          ++callbacks;
          Ack(world, "c", message.callback().callback_number());
        }
        return message.has_callback();
      });
  Bind(world, "c", "n0", 1);
  stream->NextAnswer(1);
  EXPECT_TRUE(Start(world, "t", Register("n0")).get().ok());
  ASSERT_TRUE(Arm(world, kDeliver, "1*drop -> 1*duplicate").ok());
  EXPECT_TRUE(Start(world, "t", DontNeed()).get().ok());
  // The start is dropped, the end comes twice; neither end has a start.
  EXPECT_EQ(callbacks, 2);
  EXPECT_THAT(Checkers(world), Contains("start_end_paired"));
}

// --- Memory ------------------------------------------------------------------

TEST_F(WorldFaultsTest, AFullArenaRefusesToArm) {
  v1::WorldSettings settings = Settings();
  settings.mutable_limits()->set_max_arena_bytes(1 << 16);
  const WorldPtr world = MakeWorld("w", settings);
  On(world, [&] { world->world().arena().Allocate(1 << 16); });
  const absl::Status status = Arm(world, kZap, "off");
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(base::FactsOf(status).reason, "QUOTA_EXCEEDED");
}

// A plan whose last rule has no room for its counters leaves none armed. A
// machine of its own: a hosted one has gigabytes to spare.
TEST(FaultBookTest, AnArenaThatIsSpentArmsAllOrNone) {
  sched::WorldOptions options;
  options.reserve_bytes = size_t{24} << 20;
  scenario::Machine machine(*notifier::FindProtocol("6.1"), options);
  ASSERT_TRUE(machine.world().reserved());
  sched::World& world = machine.world();
  for (const size_t block : {size_t{1} << 20, size_t{1} << 12, size_t{64}}) {
    while (world.arena().Allocate(block) != nullptr) {
    }
  }
  std::vector<WantedFault> wanted(4);
  for (WantedFault& one : wanted) {
    for (int i = 0; i < 32; ++i) {
      v1::FaultRule& rule = *one.fault.add_rules();
      rule.set_point(kZap);
      rule.set_trigger("1*off -> 2*off -> 3*off");
    }
  }
  FaultBook book("worlds/w");
  const auto armed =
      book.Arm(&machine, wanted, [](const std::string&) { return 0U; }, false);
  EXPECT_EQ(armed.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(base::FactsOf(armed.status()).reason, "QUOTA_EXCEEDED");
  EXPECT_THAT(world.faults().rules(), IsEmpty());
  EXPECT_THAT(book.Ids(), IsEmpty());
  EXPECT_EQ(book.epoch(), 0);
}

// More address space than any machine has.
TEST_F(WorldFaultsTest, MemoryThatIsNotThereIsRefused) {
  Limits limits;
  limits.max_arena_bytes_per_world = int64_t{1} << 50;
  WorldTable table(limits, &executor_);
  v1::CreateWorldRequest request;
  *request.mutable_settings() = Settings();
  request.mutable_settings()->mutable_limits()->set_max_arena_bytes(int64_t{1}
                                                                    << 50);
  const auto world = table.Create(request);
  EXPECT_EQ(world.status().code(), absl::StatusCode::kResourceExhausted)
      << world.status();
  EXPECT_EQ(base::FactsOf(world.status()).reason, "MEMORY_EXHAUSTED");
  // The server goes on.
  request.mutable_settings()->clear_limits();
  request.mutable_settings()->mutable_limits()->set_max_arena_bytes(int64_t{1}
                                                                    << 24);
  EXPECT_TRUE(table.Create(request).ok());
}

}  // namespace
}  // namespace mmfault::host
