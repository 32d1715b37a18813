// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/sweep/groups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "faults/trigger/rule.h"
#include "faults/trigger/swept.h"

namespace mmfault::sweep {
namespace {

using ::testing::ElementsAre;
using v1::SweepCell;

std::vector<PassedPoint> AllPassed(int64_t hits) {
  std::vector<PassedPoint> points = PointsOf({});
  for (PassedPoint& passed : points) {
    passed.hits = hits;
  }
  return points;
}

std::vector<Group> GroupsOf(const std::vector<PassedPoint>& points,
                            const v1::SweepOptions& options, uint64_t seed) {
  const Groups groups(points, options, seed);
  std::vector<Group> all;
  all.reserve(static_cast<size_t>(groups.count()));
  for (int64_t i = 0; i < groups.count(); ++i) {
    all.push_back(groups.At(i));
  }
  return all;
}

TEST(PointsTest, DefaultsAreAllThatCanGoWrong) {
  const std::vector<PassedPoint> points = PointsOf({});
  // All but the two that every step passes.
  ASSERT_EQ(points.size(), static_cast<size_t>(faults::kPointCount) - 2);
  EXPECT_THAT(
      faults::DefaultActions(faults::Point::kKmalloc),
      ElementsAre("error(ENOMEM)", "signal(SIGKILL)", "drop_capability"));
  EXPECT_THAT(faults::DefaultActions(faults::Point::kMmLockLock),
              ElementsAre("signal(SIGKILL)", "drop_capability",
                          "teardown(kill)", "teardown(force)"));
}

TEST(PointsTest, PrefixesAndActionsNarrowIt) {
  v1::SweepOptions options;
  options.add_points("kernel/");
  options.add_actions("error");
  const std::vector<PassedPoint> points = PointsOf(options);
  ASSERT_EQ(points.size(), 3U);
  EXPECT_THAT(points[0].actions, ElementsAre("error(ENOMEM)"));
  EXPECT_THAT(points[2].actions, ElementsAre("error(EPERM)"));
}

TEST(PointsTest, WhatEveryStepPassesIsNamedInFull) {
  v1::SweepOptions options;
  options.add_points("device/callback");
  options.add_points("sched/task/");
  ASSERT_EQ(PointsOf(options).size(), 1U);
  options.add_points("sched/task/step");
  options.add_points("device/callback/step");
  EXPECT_EQ(PointsOf(options).size(), 3U);
}

TEST(PointsTest, EachTaskAndEachOperationHasItsOwn) {
  v1::SweepOptions options;
  options.add_points("sched/task/step");
  for (const char* task : {"a", "b", "a"}) options.add_tasks(task);
  for (const char* name : {"munmap", "madvise", "exit"}) {
    options.add_operations(name);
  }
  std::vector<PassedPoint> points = PointsOf(options);
  ASSERT_EQ(points.size(), 6U);
  EXPECT_EQ(points[0].task, "a");
  EXPECT_EQ(points[0].operation, "munmap");
  EXPECT_EQ(points[5].task, "b");
  EXPECT_EQ(points[5].operation, "exit");
  points[4].hits = 1;
  const std::vector<Group> groups = GroupsOf(points, options, 1);
  ASSERT_EQ(groups.size(), 1 + points[4].actions.size());
  EXPECT_EQ(groups[1].faults[0].task(), "b");
  EXPECT_EQ(groups[1].faults[0].operation(), "madvise");
}

TEST(PointsTest, AnActionIsCanonicalAndComesOnce) {
  v1::SweepOptions options;
  options.add_points("notifier/mm_lock/vma");
  for (const char* action : {"signal(9)", "signal", "signal(KILL)"}) {
    options.add_actions(action);
  }
  EXPECT_THAT(PointsOf(options)[0].actions, ElementsAre("signal(SIGKILL)"));
  options.add_actions("yield");  // nobody can stop there
  EXPECT_THAT(PointsOf(options)[0].actions, ElementsAre("signal(SIGKILL)"));
}

// Every default action, with a hit, is a rule that can be armed.
TEST(PointsTest, EveryActionIsAllowed) {
  for (const PassedPoint& passed : PointsOf({})) {
    for (const std::string& action : passed.actions) {
      EXPECT_TRUE(
          faults::MakeSweepRule(faults::InfoOf(passed.point).name, action, 3)
              .ok())
          << action;
    }
  }
}

TEST(PairsTest, WithinTheBudgetAndDistinct) {
  for (const int64_t count : {1, 50, 3000}) {
    v1::SweepOptions options;
    options.set_pair_count(count);
    std::set<std::string> seen;
    int64_t pairs = 0;
    for (const Group& group : GroupsOf(AllPassed(3), options, 7)) {
      if (group.kind != SweepCell::KIND_PAIR) {
        continue;
      }
      ++pairs;
      seen.insert(group.faults[0].ShortDebugString() +
                  group.faults[1].ShortDebugString());
    }
    EXPECT_EQ(pairs, count);
    EXPECT_EQ(static_cast<int64_t>(seen.size()), count);
  }
}

TEST(PairsTest, AllOfThemWhenThereAreFewer) {
  std::vector<PassedPoint> points = PointsOf({});
  points.resize(1);
  points[0].hits = 2;
  v1::SweepOptions options;
  options.set_pair_count(1000);
  // Three actions at each of two hits; not two at one hit.
  EXPECT_EQ(GroupsOf(points, options, 1).size(), 1U + 3U + 9U);
}

// Four actions at the only pass there is: no two can act.
TEST(PairsTest, NoneWhereThereIsOnePass) {
  v1::SweepOptions options;
  options.add_points("notifier/mm_lock/lock");
  options.set_pair_count(1);
  std::vector<PassedPoint> points = PointsOf(options);
  ASSERT_EQ(points.size(), 1U);
  points[0].hits = 1;
  EXPECT_EQ(GroupsOf(points, options, 1).size(), 1U + 4U);
}

TEST(SwarmTest, SubsetsOfFamiliesDiffer) {
  v1::SweepOptions options;
  options.set_swarm_count(64);
  std::set<std::string> subsets;
  std::set<std::string> rules;
  for (const Group& group : GroupsOf(AllPassed(1), options, 1)) {
    if (group.kind != SweepCell::KIND_SWARM) {
      EXPECT_EQ(group.kind, SweepCell::KIND_FAULT_FREE);
      continue;
    }
    EXPECT_FALSE(group.families.empty());
    std::string subset;
    for (const std::string& family : group.families) {
      subset += family + " ";
    }
    subsets.insert(subset);
    for (const v1::SweptFault& fault : group.faults) {
      rules.insert(fault.point() + fault.action());
      EXPECT_TRUE(faults::MakeRule(fault.point(), fault.action()).ok())
          << fault.action();
    }
  }
  EXPECT_GT(subsets.size(), 20U);  // of 31
  EXPECT_GT(rules.size(), 500U);
}

// What swarms are measured against: every rule of every family.
TEST(SwarmTest, AllFamiliesMeansAll) {
  v1::SweepOptions options;
  options.set_swarm_count(8);
  options.set_all_families(true);
  std::set<size_t> rules;
  std::set<std::string> swarms;
  for (const Group& group : GroupsOf(AllPassed(1), options, 1)) {
    if (group.kind == SweepCell::KIND_SWARM) {
      EXPECT_EQ(group.families.size(),
                static_cast<size_t>(faults::kFamilyCount));
      rules.insert(group.faults.size());
      swarms.insert(group.faults[0].action());
    }
  }
  EXPECT_EQ(rules.size(), 1U);
  EXPECT_GT(swarms.size(), 1U);  // the rates differ
}

// A family that is off has no rule.
TEST(SwarmTest, FamiliesThatAreOffAreOff) {
  v1::SweepOptions options;
  options.set_swarm_count(32);
  for (const Group& group : GroupsOf(AllPassed(1), options, 5)) {
    for (const v1::SweptFault& fault : group.faults) {
      const std::string action =
          fault.action().substr(fault.action().find('%') + 1);
      EXPECT_THAT(group.families,
                  ::testing::Contains(faults::FamilyName(faults::FamilyOf(
                      *faults::FindPoint(fault.point()), action))));
    }
  }
}

}  // namespace
}  // namespace mmfault::sweep
