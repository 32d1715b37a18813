// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: no step of a scenario has an effect that its op does not name and that
// another task could meet in another order. Method: every scenario of the
// repository under random schedules, each access noted; and that a step which
// hides one is found, and one that names it is not accused.

#include "tests/litmus/access_check.h"

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/kernel/lock.h"
#include "server/kernel/point.h"
#include "tests/support/engine_world.h"

namespace mmfault::litmus {
namespace {

namespace fs = std::filesystem;

using testing_support::EngineWorld;

constexpr int kSchedules = 40;

struct Shared {
  sched::Object object;
  trace::Cell<uint64_t> value;
  kernel::spinlock_t lock;
};

sched::Task<> WritesInAYield(void* arg) {
  co_await kernel::Yield("hides");
  static_cast<Shared*>(arg)->value = 1;
}

sched::Task<> WritesByName(void* arg) {
  co_await kernel::Store(static_cast<Shared*>(arg)->value, 1, "names");
}

sched::Task<> WritesUnexamined(void* arg) {
  co_await kernel::Yield("hides");
  const trace::AccessPause pause;
  static_cast<Shared*>(arg)->value = 1;
}

sched::Task<> WritesUnderTheLock(void* arg) {
  auto* shared = static_cast<Shared*>(arg);
  co_await kernel::spin_lock(&shared->lock, "locked");
  shared->value = shared->value + 1;
  co_await kernel::spin_unlock(&shared->lock, "locked");
}

// The write is in the step after the one that names it.
sched::Task<> WritesOneStepLate(void* arg) {
  auto* shared = static_cast<Shared*>(arg);
  co_await kernel::Load(shared->value, "looks");
  co_await kernel::Yield("late");
  shared->value = 1;
}

sched::Task<> Reads(void* arg) {
  co_await kernel::Load(static_cast<Shared*>(arg)->value, "reads");
}

// What is found of two tasks, over some schedules.
Findings Check(sched::TaskEntry one, sched::TaskEntry two) {
  EngineWorld world;
  auto* shared = world.New<Shared>();
  kernel::spin_lock_init(&shared->lock, kernel::LockClass::kDriver);
  world.Spawn(one, shared);
  world.Spawn(two, shared);
  const sched::World::Snapshot start = world->Save();
  Findings found;
  AccessCheck check(world.get(), &found);
  for (uint64_t seed = 1; seed <= kSchedules; ++seed) {
    world->Restore(start);
    check.RunOnce(seed);
  }
  return found;
}

std::string Text(const Findings& found) {
  std::string text;
  for (const auto& [pair, first] : found) {
    text.append(pair).append("\n    ").append(first).append("\n");
  }
  return text;
}

TEST(AccessCheckTest, AHiddenWriteIsFoundInEitherOrder) {
  const Findings found = Check(WritesInAYield, Reads);
  EXPECT_THAT(Text(found), ::testing::HasSubstr("w-r hides(yield) | reads"));
  EXPECT_THAT(Text(found), ::testing::HasSubstr("r-w reads(read) | hides"));
  EXPECT_EQ(found.size(), 2U) << Text(found);
}

TEST(AccessCheckTest, TwoHiddenWritesAreFound) {
  const Findings found = Check(WritesInAYield, WritesOneStepLate);
  EXPECT_THAT(Text(found), ::testing::HasSubstr("w-w hides(yield) | late"));
}

TEST(AccessCheckTest, AWriteThatIsNamedIsNotAccused) {
  EXPECT_EQ(Text(Check(WritesByName, Reads)), "");
  EXPECT_EQ(Text(Check(WritesByName, WritesByName)), "");
}

TEST(AccessCheckTest, ALockOrdersWhatItGuards) {
  EXPECT_EQ(Text(Check(WritesUnderTheLock, WritesUnderTheLock)), "");
  EXPECT_NE(Text(Check(WritesUnderTheLock, Reads)), "");
}

TEST(AccessCheckTest, WhatTheCodeExemptsIsNotAccused) {
  EXPECT_EQ(Text(Check(WritesUnexamined, Reads)), "");
}

class ScenarioAccessTest : public ::testing::TestWithParam<std::string> {};

TEST_P(ScenarioAccessTest, NamesWhatItsStepsTouch) {
  std::vector<std::string> files;
  for (const auto& entry : fs::directory_iterator(GetParam())) {
    if (entry.path().extension() == ".textproto") {
      files.push_back(entry.path());
    }
  }
  ASSERT_FALSE(files.empty());
  std::sort(files.begin(), files.end());
  for (const std::string& file : files) {
    Findings found;
    ASSERT_TRUE(CheckScenario(file, kSchedules, &found)) << file;
    EXPECT_TRUE(found.empty()) << file << ":\n" << Text(found);
  }
}

INSTANTIATE_TEST_SUITE_P(Folders, ScenarioAccessTest,
                         ::testing::Values("tests/scenarios/fast",
                                           "tests/scenarios/known_bugs",
                                           "tests/scenarios/drivers",
                                           "tests/scenarios/matrix",
                                           "tests/conformance/scenarios"));

}  // namespace
}  // namespace mmfault::litmus
