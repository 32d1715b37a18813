// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// DPOR against random schedules, on the real protocols: whatever end a random
// schedule of a scenario comes to, a search that says that it is complete must
// have come to as well. A step that touches what its op does not name would
// show here.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "gtest/gtest.h"
#include "server/notifier/protocols.h"
#include "server/scenario/runner.h"

namespace mmfault {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kRandomSchedules = 400;
constexpr int64_t kLargestSearch = 300000;  // steps

std::vector<std::string> ScenarioFiles() {
  std::vector<std::string> files;
  for (const auto& entry : fs::directory_iterator(MMFAULT_SCENARIOS)) {
    if (entry.path().extension() == ".textproto") {
      files.push_back(entry.path().string());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

v1::Scenario Load(const std::string& file) {
  std::ifstream in(file);
  std::stringstream text;
  text << in.rdbuf();
  auto scenario = scenario::ParseScenario(text.str(), file);
  EXPECT_TRUE(scenario.ok()) << scenario.status().message();
  return *std::move(scenario);
}

struct Ends {
  v1::CaseResult result;
  std::set<uint64_t> states;
};

Ends Search(v1::Scenario scenario, const notifier::Protocol& protocol,
            const std::string& strategy) {
  Ends ends;
  scenario.mutable_explore()->set_strategy(strategy);
  scenario.mutable_explore()->set_search_step_budget(kLargestSearch);
  scenario.mutable_explore()->set_exhaust(true);
  scenario.mutable_explore()->set_schedule_count(
      strategy == "random" ? kRandomSchedules : 0);
  scenario::CaseOptions options;
  options.terminal_states = &ends.states;
  auto result = scenario::RunCase(scenario, protocol, options);
  EXPECT_TRUE(result.ok()) << result.status().message();
  if (result.ok()) {
    ends.result = *std::move(result);
  }
  return ends;
}

bool Complete(const Ends& ends) {
  return ends.result.explore().outcome() == v1::ExploreReport::OUTCOME_COMPLETE;
}

class ProtocolSearchTest : public ::testing::TestWithParam<std::string> {};

TEST_P(ProtocolSearchTest, ACompleteSearchMissesNoEndThatARandomScheduleHas) {
  const v1::Scenario scenario = Load(GetParam());
  if (!scenario.sweep().empty() || !scenario.fault().empty() ||
      scenario.world().memory_order() == v1::MEMORY_ORDER_PSO) {
    GTEST_SKIP() << "decisions beside the schedule";
  }
  const auto protocols = scenario::ProtocolsOf(scenario, {});
  ASSERT_TRUE(protocols.ok()) << protocols.status().message();
  for (const notifier::Protocol* protocol : *protocols) {
    const Ends dpor = Search(scenario, *protocol, "dpor");
    if (!Complete(dpor)) {
      continue;
    }
    const Ends random = Search(scenario, *protocol, "random");
    EXPECT_TRUE(std::includes(dpor.states.begin(), dpor.states.end(),
                              random.states.begin(), random.states.end()))
        << protocol->id << ": dpor has " << dpor.states.size()
        << " ends, random schedules " << random.states.size();
    const Ends stateful = Search(scenario, *protocol, "stateful");
    if (Complete(stateful)) {
      EXPECT_EQ(dpor.states, stateful.states) << protocol->id;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Fast, ProtocolSearchTest,
                         ::testing::ValuesIn(ScenarioFiles()),
                         [](const ::testing::TestParamInfo<std::string>& info) {
                           return fs::path(info.param).stem().string();
                         });

}  // namespace
}  // namespace mmfault
