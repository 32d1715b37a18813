// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: one seed and one plan are one history, however many threads host however
// many worlds. Method: a hundred worlds at once, over one to sixteen threads,
// in which tasks race under rules that draw; all of their event hashes are
// compared.
//
// $MMFAULT_DETERMINISM_RUNS is how often a hundred worlds are hosted; 16 unless
// it is set.

#include <cstdlib>
#include <set>
#include <vector>

#include "tests/unit/host/host_fixture.h"

namespace mmfault::host {
namespace {

constexpr int kWorlds = 100;
constexpr int kThreads = 16;

class WorldDeterminismTest : public HostTest {
 protected:
  using Moved = std::future<absl::StatusOr<v1::AdvanceWorldResponse>>;

  static WantedFault Rule(const std::string& id, const std::string& point,
                          const std::string& trigger) {
    WantedFault wanted;
    wanted.id = id;
    v1::FaultRule* rule = wanted.fault.add_rules();
    rule->set_point(point);
    rule->set_trigger(trigger);
    return wanted;
  }
  static std::vector<WantedFault> Plan() {
    return {Rule("a", "mm/zap_page_range/after_start", "30%yield(3)"),
            Rule("b", "kernel/kmalloc/alloc", "20%error(ENOMEM) -> 20%yield"),
            Rule("c", "notifier/mm_lock/lock", "when=2+3 40%2*yield(5)"),
            Rule("d", "device/callback/enter", "50%yield(2)")};
  }

  static v1::CreateWorldRequest World(const std::string& id, int64_t seed) {
    v1::CreateWorldRequest request;
    request.set_world_id(id);
    *request.mutable_settings() = Lockstep();
    request.mutable_settings()->set_seed(seed);
    v1::MmSetup* mm = request.mutable_scenario()->add_mm();
    mm->set_id("m0");
    v1::Vma* vma = mm->add_vma();
    vma->set_start(0x100000);
    vma->set_end(0x110000);
    vma->mutable_anonymous();
    vma->set_populated(true);
    return request;
  }

  // Arms the plan, queues the steps of the tasks, and lets the world go.
  static Moved Begin(const WorldPtr& world) {
    On(world,
       [&] { EXPECT_TRUE(world->ArmFaults(nullptr, Plan(), false).ok()); });
    for (int round = 0; round < 3; ++round) {
      const std::string notifier = "n" + std::to_string(round);
      Start(world, "t", Register(notifier));
      Start(world, "u", DontNeed());
      Start(world, "v", DontNeed());
    }
    auto moved = std::make_shared<
        std::promise<absl::StatusOr<v1::AdvanceWorldResponse>>>();
    Moved future = moved->get_future();
    world->Post([world, moved](const absl::Status& alive) {
      EXPECT_TRUE(alive.ok());
      v1::AdvanceWorldRequest request;
      request.set_until_idle(true);
      world->Advance(request, [moved](auto response) {
        moved->set_value(std::move(response));
      });
    });
    return future;
  }

  // The hashes of all worlds that these threads host.
  static std::set<std::string> Hashes(int threads, int64_t seed) {
    Executor executor(threads);
    WorldTable table(Limits(), &executor);
    std::vector<WorldPtr> worlds;
    std::vector<Moved> moved;
    for (int i = 0; i < kWorlds; ++i) {
      const auto world = table.Create(World("w" + std::to_string(i), seed));
      EXPECT_TRUE(world.ok()) << world.status();
      worlds.push_back(*world);
      moved.push_back(Begin(worlds.back()));
    }
    std::set<std::string> hashes;
    for (int i = 0; i < kWorlds; ++i) {
      EXPECT_TRUE(moved[i].get().ok());
      hashes.insert(EventHash(worlds[i]));
    }
    return hashes;
  }
};

TEST_F(WorldDeterminismTest, ThreadsDoNotMatter) {
  const char* wanted = std::getenv("MMFAULT_DETERMINISM_RUNS");
  const int runs = wanted == nullptr ? kThreads : std::atoi(wanted);
  ASSERT_GE(runs, kThreads);
  const std::set<std::string> first = Hashes(1, 7);
  ASSERT_EQ(first.size(), 1U);
  for (int run = 1; run < runs; ++run) {
    const int threads = run % kThreads + 1;
    ASSERT_EQ(Hashes(threads, 7), first) << threads << " threads, run " << run;
  }
  EXPECT_NE(Hashes(2, 8), first);  // it is not that nothing matters
}

}  // namespace
}  // namespace mmfault::host
