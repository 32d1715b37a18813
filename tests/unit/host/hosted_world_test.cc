// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: any number of threads may use any number of worlds; no message is lost,
// no answer comes twice, and what waits is told when its world goes. Method:
// real threads over the real mailbox, without gRPC, so that ThreadSanitizer
// sees every access.

#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <thread>
#include <vector>

#include "server/base/check.h"
#include "server/base/error.h"
#include "tests/unit/host/host_fixture.h"

namespace mmfault::host {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_F(HostTest, ManyThreadsStepManyWorlds) {
  constexpr int kThreads = 4;
  constexpr int kWorlds = 3;
  constexpr int kSteps = 100;
  std::vector<WorldPtr> worlds;
  worlds.reserve(kWorlds);
  for (int i = 0; i < kWorlds; ++i) {
    worlds.push_back(MakeWorld("w" + std::to_string(i), Settings()));
  }
  std::atomic<int> done = 0;
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::vector<StepFuture> futures;
      for (int i = 0; i < kSteps; ++i) {
        const WorldPtr& world = worlds[static_cast<size_t>(t + i) % kWorlds];
        futures.push_back(Start(world, "t" + std::to_string(t), DontNeed()));
      }
      for (StepFuture& future : futures) {
        const auto outcome = future.get();
        ASSERT_TRUE(outcome.ok()) << outcome.status();
        EXPECT_EQ(outcome->rc, 0);
        ++done;
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(done, kThreads * kSteps);
  for (const WorldPtr& world : worlds) {
    EXPECT_THAT(Checkers(world), IsEmpty());
  }
}

TEST_F(HostTest, LongWorkMovesToTheExecutorAndStillEnds) {
  const WorldPtr world = MakeWorld("w", Settings());
  v1::Step step = DontNeed();
  step.set_repeat(20'000);  // Some 100,000 steps and more.
  StepFuture future = Start(world, "t", step);
  StepFuture other = Start(world, "u", DontNeed());
  EXPECT_TRUE(other.get().ok());
  EXPECT_TRUE(future.get().ok());
}

TEST_F(HostTest, DeletionEndsWhatWaits) {
  const WorldPtr world = MakeWorld("w", Settings());
  const auto stream = Attach(world, "c");
  v1::Step wait;
  wait.mutable_wait_for()->set_event("never");
  StepFuture future = Start(world, "t", wait);
  ASSERT_TRUE(table_.Delete("w").ok());
  EXPECT_EQ(base::ReasonOf(future.get().status()), "WORLD_GONE");
  EXPECT_EQ(stream->Next([](const auto& m) { return m.has_goodbye(); })
                .goodbye()
                .cause(),
            v1::AttachResponse::Goodbye::CAUSE_WORLD_DELETED);
  EXPECT_EQ(base::ReasonOf(stream->ended().value_or(absl::OkStatus())),
            "WORLD_GONE");
  EXPECT_EQ(base::ReasonOf(Start(world, "t", wait).get().status()),
            "WORLD_GONE");
}

TEST_F(HostTest, DeletionRacesSteps) {
  for (int round = 0; round < 20; ++round) {
    const WorldPtr world = MakeWorld("w", Settings());
    std::thread stepper([&] {
      for (int i = 0; i < 20; ++i) {
        const auto outcome = Start(world, "t", DontNeed()).get();
        if (!outcome.ok()) {
          EXPECT_EQ(base::ReasonOf(outcome.status()), "WORLD_GONE");
        }
      }
    });
    ASSERT_TRUE(table_.Delete("w").ok());
    stepper.join();
  }
}

TEST_F(HostTest, StepsThatAreRefusedLeaveNothing) {
  const WorldPtr world = MakeWorld("w", Settings());
  ASSERT_TRUE(Start(world, "t", DontNeed()).get().ok());
  google::protobuf::RepeatedPtrField<v1::Step> steps;
  *steps.Add() = DontNeed();
  steps.Add()->mutable_munmap()->mutable_range()->set_start(1);
  On(world, [&] {
    scenario::Program* program = world->machine().FindTask("t");
    const uint32_t queued = program->queued;
    const auto first = world->AppendSteps(program, steps, "steps");
    EXPECT_EQ(base::FactsOf(first.status()).field, "steps[1].munmap.range");
    EXPECT_EQ(program->queued, queued);
    EXPECT_EQ(program->next_step, nullptr);
    EXPECT_TRUE(world->tasks().Find("t")->given.empty());
  });
  EXPECT_TRUE(Start(world, "t", DontNeed()).get().ok());
}

TEST_F(HostTest, ResetBeginsAnewAndKeepsBindings) {
  const WorldPtr world = MakeWorld("w", Settings());
  const auto stream = Attach(world, "c");
  Bind(world, "c", "n0", 1);
  Call(world, "c", 2, Register("n0"));
  EXPECT_EQ(stream->NextAnswer(2).result().result().rc(), 0);
  const std::string first = EventHash(world);
  On(world, [&] { EXPECT_TRUE(world->Reset(0).ok()); });
  EXPECT_EQ(stream->Next([](const auto& m) { return m.has_world_reset(); })
                .world_reset()
                .generation(),
            1);
  Call(world, "c", 3, Register("n0"));
  EXPECT_EQ(stream->NextAnswer(3).result().result().rc(), 0);
  EXPECT_EQ(EventHash(world), first);
}

// Keeps the process from mapping more than it has, but for a little heap.
class NoMoreMemory {
 public:
  NoMoreMemory() {
    CHECK(getrlimit(RLIMIT_AS, &before_) == 0);
    std::ifstream statm("/proc/self/statm");
    rlim_t pages = 0;
    statm >> pages;
    constexpr rlim_t kHeap = rlim_t{64} << 20;
    rlimit now = before_;
    now.rlim_cur = pages * static_cast<rlim_t>(getpagesize()) + kHeap;
    CHECK(setrlimit(RLIMIT_AS, &now) == 0);
  }
  ~NoMoreMemory() { CHECK(setrlimit(RLIMIT_AS, &before_) == 0); }
  NoMoreMemory(const NoMoreMemory&) = delete;
  NoMoreMemory& operator=(const NoMoreMemory&) = delete;

 private:
  rlimit before_;
};

// A reset makes the new machine before it lets go of the old one: where there
// is no memory for it, nothing has happened.
TEST_F(HostTest, AResetWithoutMemoryLeavesTheWorldAsItIs) {
  const WorldPtr world = MakeWorld("w", Settings());
  const auto stream = Attach(world, "c");
  Bind(world, "c", "n0", 1);
  Call(world, "c", 2, Register("n0"));
  EXPECT_EQ(stream->NextAnswer(2).result().result().rc(), 0);
  const std::string first = EventHash(world);
  v1::World before;
  On(world, [&] { before = world->View(); });
  absl::Status refused;
  {
    const NoMoreMemory no_more;
    On(world, [&] { refused = world->Reset(77); });
  }
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(base::ReasonOf(refused), "MEMORY_EXHAUSTED");
  EXPECT_EQ(EventHash(world), first);
  On(world, [&] {
    EXPECT_EQ(world->View().ShortDebugString(), before.ShortDebugString());
  });
  // Its tasks go on.
  v1::Step post;
  post.mutable_post()->set_event("go");
  EXPECT_TRUE(Start(world, "u", post).get().ok());
  // With memory it is reset after all, to the same again.
  On(world, [&] { EXPECT_TRUE(world->Reset(0).ok()); });
  Call(world, "c", 3, Register("n0"));
  EXPECT_EQ(stream->NextAnswer(3).result().result().rc(), 0);
  EXPECT_EQ(EventHash(world), first);
}

TEST_F(HostTest, DeadlockedStepIsToldApart) {
  // The task waits for an event that may still come; nothing is decided.
  const WorldPtr world = MakeWorld("w", Settings());
  v1::Step wait;
  wait.mutable_wait_for()->set_event("go");
  StepFuture waiting = Start(world, "t", wait);
  v1::Step post;
  post.mutable_post()->set_event("go");
  EXPECT_TRUE(Start(world, "u", post).get().ok());
  EXPECT_TRUE(waiting.get().ok());
}

TEST_F(HostTest, BudgetEndsTheWaitAndLeavesTheStep) {
  const WorldPtr world = MakeWorld("w", Settings());
  v1::Step step = DontNeed();
  step.set_repeat(100'000);
  std::promise<absl::Status> promise;
  world->Post([&](const absl::Status&) {
    scenario::Program* program = *world->StandingTask("t", false);
    const uint64_t limit = world->AllowSteps(100);
    ASSERT_TRUE(world
                    ->StartStep(program, step, "step", limit,
                                [&](const absl::Status& status,
                                    const scenario::StepOutcome*) {
                                  promise.set_value(status);
                                })
                    .ok());
  });
  EXPECT_EQ(base::ReasonOf(promise.get_future().get()), "STEP_BUDGET_SPENT");
}

TEST_F(HostTest, LockstepHashDoesNotDependOnTheOrderOfAnswers) {
  // Two tasks call two clients; the answers arrive in either order, and before
  // or after they are due.
  const auto run = [this](const std::string& id, bool reversed, bool early) {
    const WorldPtr world = MakeWorld(id, Lockstep());
    std::mutex mutex;
    std::vector<std::pair<std::string, int64_t>> open;
    const auto handler = [&](const std::string& client) {
      return [&, client](const v1::AttachResponse& message) {
        if (message.has_callback()) {
          const std::lock_guard<std::mutex> lock(mutex);
          open.emplace_back(client, message.callback().callback_number());
        }
        return message.has_callback();
      };
    };
    const auto a = Attach(world, "a", handler("a"));
    const auto b = Attach(world, "b", handler("b"));
    for (const std::string client : {"a", "b"}) {
      Bind(world, client, "n-" + client, 1);
      Call(world, client, 2, Register("n-" + client));
    }
    EXPECT_EQ(Advance(world).outcome(), v1::AdvanceWorldResponse::OUTCOME_IDLE);
    for (const std::string task : {"t", "u"}) {
      Start(world, task, DontNeed());
    }
    v1::AdvanceWorldRequest request;
    request.mutable_ack_wait();
    v1::AdvanceWorldResponse moved;
    do {
      moved = Advance(world, request);
      std::vector<std::pair<std::string, int64_t>> answers;
      {
        const std::lock_guard<std::mutex> lock(mutex);
        answers.swap(open);
      }
      if (reversed) {
        std::reverse(answers.begin(), answers.end());
      }
      for (size_t i = 0; i < answers.size(); ++i) {
        if (early || i == 0) {
          Ack(world, answers[i].first, answers[i].second);
        } else {
          const std::lock_guard<std::mutex> lock(mutex);
          open.push_back(answers[i]);
        }
      }
    } while (moved.outcome() ==
             v1::AdvanceWorldResponse::OUTCOME_WAITING_FOR_ACK);
    EXPECT_EQ(moved.outcome(), v1::AdvanceWorldResponse::OUTCOME_IDLE);
    EXPECT_THAT(Checkers(world), IsEmpty());
    return EventHash(world);
  };
  const std::string hash = run("w0", false, true);
  EXPECT_EQ(run("w1", true, true), hash);
  EXPECT_EQ(run("w2", false, false), hash);
  EXPECT_EQ(run("w3", true, false), hash);
}

}  // namespace
}  // namespace mmfault::host
