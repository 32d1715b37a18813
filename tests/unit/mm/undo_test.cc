// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Undo, snapshots and determinism on a world where an mm is being worked on.
// Method: random schedules; the state hash covers every byte of the world.

#include <unistd.h>

#include <bit>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "server/base/prng.h"
#include "server/mm/mm_types.h"
#include "tests/unit/mm/mm_worker.h"

namespace mmfault::mm {
namespace {

using testing_support::EngineWorld;

// Steps a random runnable task up to `count` times; returns how many it did.
int StepRandomly(EngineWorld* world, base::Prng* prng, int count) {
  int done = 0;
  for (; done < count && (*world)->runnable() != 0; ++done) {
    const uint64_t ready = (*world)->runnable();
    const uint32_t choices = static_cast<uint32_t>(std::popcount(ready));
    (*world)->Step(
        sched::NthBit(ready, static_cast<int>(prng->Below(choices))));
  }
  return done;
}

sched::WorldOptions BigOptions() {
  sched::WorldOptions options;
  options.max_map_count = 2000000;
  return options;
}

// Every step of a run, undone one by one, gives the hash of before that step.
TEST(UndoTest, EveryStepGivesTheHashOfBefore) {
  EngineWorld world;
  MakeScene(&world, 3, 6, 10, 5);
  world->SetUndo(true);
  base::Prng prng(1);
  std::vector<uint64_t> hashes;
  while (world->runnable() != 0) {
    hashes.push_back(world->StateHash());
    StepRandomly(&world, &prng, 1);
  }
  ASSERT_GT(hashes.size(), 200U);
  while (!hashes.empty()) {
    world->UndoStep();
    ASSERT_EQ(world->StateHash(), hashes.back()) << "step " << hashes.size();
    hashes.pop_back();
  }
}

// N steps ahead, undone, and another way ahead: as an explorer does.
void UndoBlocks(EngineWorld* world, int blocks, int max_steps) {
  (*world)->SetUndo(true);
  base::Prng prng(2);
  for (int block = 0; block < blocks; ++block) {
    const uint64_t before = (*world)->StateHash();
    const size_t depth = (*world)->undo_depth();
    const int steps =
        1 + static_cast<int>(prng.Below(static_cast<uint32_t>(max_steps)));
    StepRandomly(world, &prng, steps);
    (*world)->UndoTo(depth);
    ASSERT_EQ((*world)->StateHash(), before) << "block " << block;
    StepRandomly(world, &prng, steps / 2);  // stays
  }
}

TEST(UndoTest, RandomBlocksAtTenVmas) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    EngineWorld world({}, seed % 2 == 0 ? &testing_support::kModernEra
                                        : &testing_support::kOldEra);
    MakeScene(&world, 4, 10, 10, seed);
    UndoBlocks(&world, 20, 60);
    ASSERT_EQ(world.violation_count(), 0) << world.Violations();
  }
}

// The same at 10^6 VMAs, and undoing a step costs what it wrote: the same steps
// keep about as many old bytes as at ten VMAs (the tree is deeper).
TEST(UndoTest, MillionVmasCostWhatTheStepsWrite) {
  size_t bytes[2] = {};
  int steps[2] = {};
  const uint64_t vma_counts[2] = {10, 1000000};
  for (int i = 0; i < 2; ++i) {
    EngineWorld world(BigOptions());
    MakeScene(&world, 3, 40, vma_counts[i], 9);
    world->SetUndo(true);
    base::Prng prng(4);
    const uint64_t before = world->StateHash();
    // Stops short of the first fork, which copies every VMA.
    steps[i] = StepRandomly(&world, &prng, 300);
    bytes[i] = world->undo_bytes();
    world->UndoTo(0);
    ASSERT_EQ(world->StateHash(), before);
    UndoBlocks(&world, 3, 2000);
  }
  EXPECT_EQ(steps[0], steps[1]);
  EXPECT_LT(bytes[1], 3 * bytes[0]);
}

TEST(SnapshotTest, RestoreGivesTheSameRunAgain) {
  EngineWorld world;
  MakeScene(&world, 3, 10, 10, 6);
  base::Prng warm_up(8);
  StepRandomly(&world, &warm_up, 100);
  const sched::World::Snapshot snapshot = world->Save();
  const uint64_t start = world->StateHash();
  uint64_t ends[3] = {};
  for (int i = 0; i < 3; ++i) {
    world.Run(i < 2 ? 17 : 18);
    ends[i] = world->StateHash();
    world->Restore(snapshot);
    ASSERT_EQ(world->StateHash(), start);
  }
  EXPECT_EQ(ends[0], ends[1]);
  EXPECT_NE(ends[0], ends[2]);
}

uint64_t EventHash(uint64_t seed) {
  sched::WorldOptions options;
  options.seed = seed;
  EngineWorld world(options);
  MakeScene(&world, 3, 20, 10, seed);
  world.Run(seed);
  return world->event_hash();
}

TEST(DeterminismTest, SameSeedSameEvents) {
  EXPECT_EQ(EventHash(1), EventHash(1));
  EXPECT_NE(EventHash(1), EventHash(2));
}

// Undo leaves no trace in what follows.
TEST(DeterminismTest, UndoneStepsAreNoPartOfTheStory) {
  EngineWorld world;
  MakeScene(&world, 3, 20, 10, 1);
  world->SetUndo(true);
  base::Prng prng(12);
  StepRandomly(&world, &prng, 150);
  world->UndoTo(0);
  world->SetUndo(false);
  world.Run(1);
  EXPECT_EQ(world->event_hash(), EventHash(1));
}

TEST(DeterminismTest, PrintsItsHash) {
  std::printf("event hash %016lx\n", EventHash(3));
}

// Two processes have different addresses for everything.
TEST(DeterminismTest, SameSeedSameEventsInAnotherProcess) {
  char self[4096];
  const ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
  ASSERT_GT(length, 0);
  const std::string command = "'" +
                              std::string(self, static_cast<size_t>(length)) +
                              "' --gtest_filter=DeterminismTest.PrintsItsHash";
  FILE* pipe = popen(command.c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  std::string output;
  char line[512];
  while (fgets(line, sizeof line, pipe) != nullptr) {
    output += line;
  }
  EXPECT_EQ(pclose(pipe), 0);
  char expected[64];
  std::snprintf(expected, sizeof expected, "event hash %016lx", EventHash(3));
  EXPECT_NE(output.find(expected), std::string::npos) << output;
}

}  // namespace
}  // namespace mmfault::mm
