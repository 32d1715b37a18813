// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// The corpus under random schedules: every planted bug is found, no fixed twin
// is accused. Schedules of a case: MMFAULT_CORPUS_SCHEDULES, 1000 unless set. A
// bug that random schedules miss must be found by the search that its file
// names; the last line says how many were found, and how.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "server/notifier/protocols.h"
#include "server/scenario/runner.h"

namespace mmfault::scenario {
namespace {

namespace fs = std::filesystem;

int64_t Schedules() {
  const char* text = std::getenv("MMFAULT_CORPUS_SCHEDULES");
  return text == nullptr ? 1000 : std::atoll(text);
}

std::vector<std::string> Files() {
  std::vector<std::string> files;
  for (const auto& entry : fs::directory_iterator(MMFAULT_CORPUS)) {
    if (entry.path().extension() == ".textproto") {
      files.push_back(entry.path().string());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

bool IsFixed(const std::string& file) {
  return fs::path(file).stem().string().ends_with("_fixed");
}

struct Score {
  int bugs = 0;
  int found_by_random = 0;
  int found = 0;
  int twins = 0;
  int accused = 0;
};

v1::CaseResult Run(v1::Scenario scenario, const notifier::Protocol& protocol,
                   bool random) {
  if (random) {
    scenario.mutable_explore()->set_strategy("random");
    scenario.mutable_explore()->set_schedule_count(Schedules());
  }
  auto result = RunCase(scenario, protocol, CaseOptions());
  EXPECT_TRUE(result.ok()) << result.status().message();
  return result.ok() ? *std::move(result) : v1::CaseResult();
}

// Whether anything was reported that the design does not live with.
bool Reported(const v1::CaseResult& result) {
  return std::any_of(result.checkers().begin(), result.checkers().end(),
                     [](const v1::CheckerResult& checker) {
                       return checker.verdict() == v1::VIOLATED ||
                              checker.verdict() == v1::TOLERATED;
                     });
}

// Whether the file expects anything to be broken in the protocol: a mutant of
// one design may be harmless in another, which its file then says.
bool IsBug(const v1::CaseResult& result) {
  return std::any_of(result.checkers().begin(), result.checkers().end(),
                     [](const v1::CheckerResult& checker) {
                       return checker.expected() == v1::VIOLATED ||
                              checker.expected() == v1::TOLERATED;
                     });
}

bool NotApplicable(const v1::CaseResult& result) {
  return result.schedule_count() == 0;
}

void RunFile(const std::string& file, Score* score) {
  std::ifstream in(file);
  std::stringstream text;
  text << in.rdbuf();
  const auto scenario = ParseScenario(text.str(), file);
  ASSERT_TRUE(scenario.ok()) << scenario.status().message();
  const auto protocols = ProtocolsOf(*scenario, {});
  ASSERT_TRUE(protocols.ok()) << protocols.status().message();
  for (const notifier::Protocol* protocol : *protocols) {
    const v1::CaseResult random = Run(*scenario, *protocol, true);
    if (NotApplicable(random)) {
      continue;
    }
    if (IsFixed(file) || !IsBug(random)) {
      ++score->twins;
      score->accused += random.met() ? 0 : 1;
      EXPECT_TRUE(random.met()) << file << " " << protocol->id << "\n"
                                << random.ShortDebugString();
      continue;
    }
    ++score->bugs;
    const bool by_random = Reported(random);
    score->found_by_random += by_random ? 1 : 0;
    const bool found = by_random || Reported(Run(*scenario, *protocol, false));
    score->found += found ? 1 : 0;
    EXPECT_TRUE(found) << file << " " << protocol->id;
  }
}

TEST(CorpusTest, EveryBugIsFoundAndNoTwinIsAccused) {
  Score score;
  for (const std::string& file : Files()) {
    RunFile(file, &score);
  }
  std::printf(
      "mutants: found %d of %d (%d by %lld random schedules each); fixed "
      "twins: "
      "%d accused of %d\n",
      score.found, score.bugs, score.found_by_random,
      static_cast<long long>(Schedules()), score.accused, score.twins);
  EXPECT_EQ(score.found, score.bugs);
  EXPECT_EQ(score.accused, 0);
}

}  // namespace
}  // namespace mmfault::scenario
