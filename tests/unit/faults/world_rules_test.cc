// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: rules act in a world as their text says: a yield gives away as many
// steps as it names, conditions read the mm at hand, and undo takes counters
// back. Method: one or two plain tasks in a world without notifiers.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "faults/trigger/rule.h"
#include "server/kernel/point.h"
#include "server/mm/fork.h"
#include "tests/support/engine_world.h"

namespace mmfault::faults {
namespace {

using testing_support::EngineWorld;

struct Shared {
  sched::Object object;
  trace::Cell<uint64_t> passes;
  trace::Cell<int32_t> first_error;
  trace::Cell<mm::mm_struct*> mm;
};

// Passes one point five times.
sched::Task<> PassFive(void* arg) {
  auto* shared = static_cast<Shared*>(arg);
  for (int i = 0; i < 5; ++i) {
    const int rc = co_await kernel::FaultPoint(Point::kKmalloc);
    shared->passes += 1;
    if (rc != 0 && shared->first_error == 0) {
      shared->first_error = i + 1;
    }
  }
}

sched::Task<> PutMm(void* arg) {
  co_await mm::mmput(static_cast<Shared*>(arg)->mm);
}

// Passes a point with the mm at hand.
sched::Task<> PassWithMm(void* arg) {
  auto* shared = static_cast<Shared*>(arg);
  mm::mm_struct* mm = shared->mm;
  const int rc = co_await kernel::FaultPoint(Point::kKmalloc, mm->object.id);
  shared->first_error = rc;
}

uint32_t Arm(EngineWorld* world, Point point, const std::string& text) {
  const absl::StatusOr<Rule> rule = MakeRule(InfoOf(point).name, text);
  EXPECT_TRUE(rule.ok()) << rule.status();
  return rule.ok() ? world->get()->faults().Arm(*rule) : 0;
}

uint64_t StepsOf(const std::string& trigger) {
  EngineWorld world;
  auto* shared = world.New<Shared>();
  if (!trigger.empty()) {
    Arm(&world, Point::kKmalloc, trigger);
  }
  const sched::TaskRecord* task = world.Spawn(PassFive, shared);
  EXPECT_EQ(world.Run(), sched::RunStop::kFinished);
  EXPECT_EQ(shared->passes, 5U);
  return task->step_count;
}

TEST(WorldRulesTest, YieldGivesAwayItsNumberOfSteps) {
  const uint64_t plain = StepsOf("");
  EXPECT_EQ(StepsOf("off"), plain);
  EXPECT_EQ(StepsOf("1*yield"), plain + 1);
  EXPECT_EQ(StepsOf("1*yield(7)"), plain + 7);
  EXPECT_EQ(StepsOf("yield(3)"), plain + 15);
}

TEST(WorldRulesTest, OneActionIsOneFaultForTheTask) {
  EngineWorld world;
  auto* shared = world.New<Shared>();
  Arm(&world, Point::kKmalloc, "1*off -> 2*error(ENOMEM)");
  const sched::TaskRecord* task = world.Spawn(PassFive, shared);
  world.Run();
  EXPECT_EQ(shared->first_error, 2);
  EXPECT_EQ(task->faults_fired, 2U);
}

// Passes that are known to do nothing are counted all the same, whoever asks,
// and whatever is armed and disarmed meanwhile.
TEST(WorldRulesTest, QuietPassesAreCounted) {
  EngineWorld world;
  auto* shared = world.New<Shared>();
  const uint32_t late = Arm(&world, Point::kKmalloc, "when=12 error(ENOMEM)");
  const uint32_t never = Arm(&world, Point::kKmalloc, "0%yield");
  const auto hits = [&](uint32_t id) {
    return world.get()->decisions().Hits(
        world.get()->faults().Find(id)->counter);
  };
  world.Do(PassFive, shared);
  EXPECT_EQ(hits(late), 5U);
  EXPECT_EQ(hits(never), 5U);
  const uint32_t young = Arm(&world, Point::kKmalloc, "off");
  EXPECT_EQ(hits(young), 0U);
  world.Do(PassFive, shared);
  EXPECT_EQ(hits(late), 10U);
  EXPECT_EQ(hits(young), 5U);
  world.get()->faults().Disarm(young);
  EXPECT_EQ(shared->first_error, 0);
  world.Do(PassFive, shared);
  EXPECT_EQ(shared->first_error, 2);
  EXPECT_EQ(hits(late), 15U);
  EXPECT_EQ(hits(never), 15U);
}

// Noticing passes is nobody's business but the watcher's.
TEST(WorldRulesTest, WatchedPointsAreNotedOnce) {
  const auto run = [](bool watch, const std::string& trigger) {
    EngineWorld world;
    auto* shared = world.New<Shared>();
    if (!trigger.empty()) {
      Arm(&world, Point::kKmalloc, trigger);
    }
    if (watch) world.get()->WatchPoints();
    world.Do(PassFive, shared);
    const Registry& faults = world.get()->faults();
    EXPECT_EQ(faults.passed().count(), watch ? 1U : 0U);
    EXPECT_EQ(faults.passed()[static_cast<size_t>(Point::kKmalloc)], watch);
    EXPECT_EQ(faults.armed(Point::kKmalloc), !trigger.empty());
    return std::pair(world.get()->event_hash(), shared->first_error.get());
  };
  EXPECT_EQ(run(false, ""), run(true, ""));
  EXPECT_EQ(run(false, "when=3 error(ENOMEM)"),
            run(true, "when=3 error(ENOMEM)"));
}

// A rule that never acts, or is disarmed, is as good as none.
TEST(WorldRulesTest, OffIsOff) {
  const auto hash = [](const std::vector<std::string>& triggers, bool disarm) {
    EngineWorld world;
    auto* shared = world.New<Shared>();
    shared->mm = mm::mm_alloc();
    std::vector<uint32_t> ids;
    for (const std::string& trigger : triggers) {
      ids.push_back(Arm(&world, Point::kKmalloc, trigger));
    }
    for (const uint32_t id : ids) {
      if (disarm) world.get()->faults().Disarm(id);
    }
    Arm(&world, Point::kKmalloc, "50%yield(2)");
    for (int i = 0; i < 8; ++i) {
      world.Do(PassFive, shared);
    }
    world.Do(PutMm, shared);
    return world.get()->event_hash();
  };
  const uint64_t none = hash({}, false);
  EXPECT_EQ(hash({"0%error(ENOMEM)"}, false), none);
  EXPECT_EQ(hash({"when=1000 error(ENOMEM)", "0%yield(9)"}, false), none);
  EXPECT_EQ(hash({"error(ENOMEM)", "50%yield(2)"}, true), none);
  EXPECT_NE(hash({"when=7 yield"}, false), none);
}

int32_t ErrorWithMm(const std::string& trigger) {
  EngineWorld world;
  auto* shared = world.New<Shared>();
  shared->mm = mm::mm_alloc();
  Arm(&world, Point::kKmalloc, trigger);
  world.Do(PassWithMm, shared);
  return shared->first_error;
}

TEST(WorldRulesTest, ConditionsReadTheMmAtHand) {
  EXPECT_EQ(ErrorWithMm("if(mm_users==1 && mm_count==1 && map_count==0) "
                        "error(ENOMEM)"),
            ENOMEM);
  EXPECT_EQ(ErrorWithMm("if(mm_users==0) error(ENOMEM)"), 0);
}

// At exit the last user is gone: what `if(mm_users==0)` is for.
TEST(WorldRulesTest, MmUsersIsZeroInsideExit) {
  EngineWorld world;
  auto* shared = world.New<Shared>();
  shared->mm = mm::mm_alloc();
  const uint32_t id =
      Arm(&world, Point::kExitMmapAfterRelease, "if(mm_users==0) 1*yield(3)");
  world.Do(PutMm, shared);
  const Rule* rule = world.get()->faults().Find(id);
  EXPECT_EQ(world.get()->decisions().Fires(rule->counter), 1U);
}

TEST(WorldRulesTest, NoValueOfAnMmThatIsNotThere) {
  EngineWorld world;
  auto* shared = world.New<Shared>();
  Arm(&world, Point::kKmalloc, "if(mm_users!=77) error(ENOMEM)");
  world.Do(PassFive, shared);
  EXPECT_EQ(shared->first_error, 0);
}

TEST(WorldRulesTest, UndoTakesCountersAndYieldsBack) {
  EngineWorld world;
  auto* shared = world.New<Shared>();
  const uint32_t id =
      Arm(&world, Point::kKmalloc, "2*yield(3) -> when=4 error(ENOMEM)");
  const Rule* rule = world.get()->faults().Find(id);
  const sched::TaskRecord* task = world.Spawn(PassFive, shared);
  world->SetUndo(true);
  const uint64_t before = world->StateHash();
  for (int round = 0; round < 2; ++round) {
    while (world.Runnable(task)) {
      world.Step(task);
    }
    EXPECT_EQ(shared->first_error, 4);
    EXPECT_EQ(world->decisions().Fires(rule->counter), 3U);
    world->UndoTo(0);
    EXPECT_EQ(world->StateHash(), before);
    EXPECT_EQ(world->decisions().Hits(rule->counter), 0U);
  }
}

}  // namespace
}  // namespace mmfault::faults
