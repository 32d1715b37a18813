// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: no fault point is there that no scenario comes to: a rule on it would be
// one that nobody has ever seen act. Method: a few schedules of every scenario
// under every protocol it names, with each point counted; what was never passed
// is named. The remedy for a failure is a scenario, or one point less.

#include "faults/points.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bitset>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "server/notifier/protocols.h"
#include "server/scenario/runner.h"

namespace mmfault::scenario {
namespace {

using Points = std::bitset<faults::kPointCount>;

constexpr int64_t kSchedules = 2;

v1::Scenario Read(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  const auto scenario = ParseScenario(text.str(), path.string());
  EXPECT_TRUE(scenario.ok()) << scenario.status().message();
  return scenario.ok() ? *scenario : v1::Scenario();
}

// Random schedules, and no faults but the scenario's own.
void Count(v1::Scenario scenario, Points* points) {
  scenario.mutable_explore()->clear_strategy();
  scenario.clear_sweep();
  scenario.clear_probe();
  const auto protocols = ProtocolsOf(scenario, {});
  ASSERT_TRUE(protocols.ok()) << protocols.status().message();
  for (const notifier::Protocol* protocol : *protocols) {
    CaseOptions options;
    options.schedule_count = kSchedules;
    options.exhaust = true;
    options.points = points;
    const auto result = RunCase(scenario, *protocol, options);
    ASSERT_TRUE(result.ok()) << result.status().message();
  }
}

std::vector<std::string> NeverPassed(const Points& points) {
  std::vector<std::string> names;
  for (const faults::PointInfo& info : faults::AllPoints()) {
    if (!points[static_cast<size_t>(info.point)]) {
      names.emplace_back(info.name);
    }
  }
  return names;
}

TEST(PointsTest, EveryPointIsPassedByAScenario) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(MMFAULT_SCENARIOS)) {
    if (entry.path().extension() == ".textproto") {
      files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  ASSERT_GT(files.size(), 100U);
  Points points;
  for (const std::filesystem::path& file : files) {
    Count(Read(file), &points);
    if (NeverPassed(points).empty()) {
      break;
    }
  }
  EXPECT_THAT(NeverPassed(points), ::testing::IsEmpty())
      << "no file of tests/scenarios comes to these points";
}

// The other way: a task that does nothing comes to no registration, and is told
// so.
TEST(PointsTest, WhatIsNotPassedIsNamed) {
  const auto scenario = ParseScenario(
      "id: 'idle' protocols: '6.1' mm { id: 'm' } task { id: 't' mm: 'm' }",
      "idle");
  ASSERT_TRUE(scenario.ok());
  Points points;
  Count(*scenario, &points);
  const std::vector<std::string> never = NeverPassed(points);
  EXPECT_THAT(never, ::testing::Contains("notifier/register/enter"));
  EXPECT_THAT(never, ::testing::Not(::testing::Contains("mm/exit_mmap/enter")));
}

}  // namespace
}  // namespace mmfault::scenario
