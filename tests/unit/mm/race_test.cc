// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Several tasks do random things to one mm at once. Whatever the schedule, the
// kernel itself breaks no rule, every page is freed exactly once, and the arena
// is as before when the mm and the file's pages are gone.

#include "gtest/gtest.h"
#include "server/mm/fork.h"
#include "server/mm/mm_types.h"
#include "server/mm/rmap.h"
#include "tests/unit/mm/mm_worker.h"

namespace mmfault::mm {
namespace {

using testing_support::EngineWorld;

struct Setting {
  const char* name;
  const Era* era;
  sched::LockKind rmap_lock;
  int cpu_count;
};

class RaceTest : public ::testing::TestWithParam<Setting> {};

void RunOnce(const Setting& setting, uint64_t seed) {
  sched::WorldOptions options;
  options.rmap_lock = setting.rmap_lock;
  options.cpu_count = setting.cpu_count;
  options.kaddr_order = sched::KaddrOrder::kShuffled;
  options.seed = seed;
  EngineWorld world(options, setting.era);
  const uint64_t empty = world->arena().state().live_blocks;
  const MmScene scene = MakeScene(&world, 3, 25, 10, seed);
  const uint64_t task_blocks = 3 + 1;  // the workers' arguments, and below
  auto* drop = world.New<Worker>();
  drop->mm = scene.mm;
  drop->file = scene.file;
  ASSERT_EQ(world.Run(seed), sched::RunStop::kFinished)
      << "seed " << seed << ": " << world.Violations();
  ASSERT_EQ(world.Do(DropScene, drop), sched::RunStop::kFinished);
  ASSERT_EQ(world.violation_count(), 0)
      << "seed " << seed << ": " << world.Violations();
  // What is left: the zero page, unmapped; and the file, without its pages.
  EXPECT_EQ(State()->pages_live, 1U) << "seed " << seed;
  EXPECT_EQ(State()->zero_page->refcount.counter, 1) << "seed " << seed;
  EXPECT_EQ(State()->zero_page->mapcount, 0U) << "seed " << seed;
  EXPECT_EQ(scene.file->i_mmap, nullptr);
  EXPECT_EQ(world->arena().state().live_blocks, empty + task_blocks + 2)
      << "seed " << seed;
}

TEST_P(RaceTest, BreaksNoRuleAndLeaksNothing) {
  for (uint64_t seed = 1; seed <= 1000 && !HasFailure(); ++seed) {
    RunOnce(GetParam(), seed);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Settings, RaceTest,
    ::testing::Values(Setting{"Modern", &testing_support::kModernEra,
                              sched::LockKind::kMutex, 0},
                      Setting{"ModernOneCpu", &testing_support::kModernEra,
                              sched::LockKind::kMutex, 1},
                      Setting{"Old", &testing_support::kOldEra,
                              sched::LockKind::kSpin, 0},
                      Setting{"OldOneCpu", &testing_support::kOldEra,
                              sched::LockKind::kSpin, 1},
                      Setting{"OldMutex", &testing_support::kOldEra,
                              sched::LockKind::kMutex, 2}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace mmfault::mm
