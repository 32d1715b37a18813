// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// The corpus of known bugs under random schedules: every bug is found, no fixed
// twin is accused, and every mutant of mutants.inc is among the bugs. The last
// lines are the score. tests/scenarios/known_bugs runs as its files say in
// scenarios_known_bugs_test; this says what luck alone finds.
//
// MMFAULT_CORPUS_SCHEDULES: schedules of a case, 1000 unless set. A bug that
// they miss must be found by the search that its file names.
// MMFAULT_CORPUS_TABLE: set to anything, prints a line per case.

#include "tests/scenarios/corpus.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "server/kernel/mutant.h"
#include "server/notifier/protocols.h"
#include "server/scenario/runner.h"

namespace mmfault::scenario {
namespace {

constexpr int64_t kFewSchedules = 1000;
constexpr int64_t kSearchSteps = 1'000'000;
constexpr int64_t kFewSearchSteps = 20'000;

int64_t Schedules() {
  const char* text = std::getenv("MMFAULT_CORPUS_SCHEDULES");
  return text == nullptr ? kFewSchedules : std::atoll(text);
}

struct Score {
  int bugs = 0;
  int found = 0;
  int found_by_random = 0;
  int twins = 0;
  int accused = 0;
  std::set<std::string> mutants;  // seen at work
};

// Whether a checker that the file names has fired as it says.
bool Found(const v1::CaseResult& result) {
  return std::any_of(result.checkers().begin(), result.checkers().end(),
                     [](const v1::CheckerResult& checker) {
                       return IsViolation(checker.expected()) && checker.met();
                     });
}

// Whether the file expects anything to be broken in the protocol.
bool IsBug(const v1::CaseResult& result) {
  return std::any_of(result.checkers().begin(), result.checkers().end(),
                     [](const v1::CheckerResult& checker) {
                       return IsViolation(checker.expected());
                     });
}

// What fired and was not to fire, separated by blanks.
std::string Accused(const v1::CaseResult& result) {
  std::string out;
  for (const v1::CheckerResult& checker : result.checkers()) {
    if (!checker.met() && IsViolation(checker.verdict())) {
      out += checker.checker() + " ";
    }
  }
  return out;
}

void PrintCase(const CorpusFile& file, const v1::CaseResult& result,
               const char* how) {
  if (std::getenv("MMFAULT_CORPUS_TABLE") == nullptr) {
    return;
  }
  std::printf("%-40s %-16s %-8s %8lld", file.stem.c_str(),
              result.protocol().c_str(), how,
              static_cast<long long>(result.schedule_count()));
  for (const v1::CheckerResult& checker : result.checkers()) {
    std::printf(" %s=%lld", checker.checker().c_str(),
                static_cast<long long>(checker.violating_schedule_count()));
  }
  std::printf("\n");
}

v1::CaseResult Run(const CorpusFile& file, const notifier::Protocol& protocol,
                   bool random) {
  v1::Scenario scenario = file.scenario;
  if (random) {
    scenario.mutable_explore()->set_strategy("random");
    scenario.mutable_explore()->set_schedule_count(Schedules());
  }
  auto result = RunCase(scenario, protocol, CaseOptions());
  EXPECT_TRUE(result.ok()) << file.stem << ": " << result.status().message();
  return result.ok() ? *std::move(result) : v1::CaseResult();
}

void RunTwin(const CorpusFile& file, const v1::CaseResult& result,
             Score* score) {
  PrintCase(file, result, result.met() ? "holds" : "ACCUSED");
  ++score->twins;
  score->accused += result.met() ? 0 : 1;
  if (result.met()) {  // a mutant that is the correction, as of P46
    score->mutants.insert(file.scenario.mutants().begin(),
                          file.scenario.mutants().end());
  }
  EXPECT_TRUE(result.met()) << file.stem << " " << result.protocol() << "\n"
                            << result.ShortDebugString();
}

void RunBug(const CorpusFile& file, const notifier::Protocol& protocol,
            const v1::CaseResult& random, Score* score) {
  ++score->bugs;
  EXPECT_EQ(Accused(random), "") << file.stem << " " << protocol.id;
  bool found = Found(random);
  PrintCase(file, random, found ? "random" : "MISSED");
  score->found_by_random += found ? 1 : 0;
  if (!found) {
    const v1::CaseResult searched = Run(file, protocol, false);
    found = Found(searched);
    PrintCase(file, searched, found ? "search" : "MISSED");
  }
  score->found += found ? 1 : 0;
  EXPECT_TRUE(found) << file.stem << " " << protocol.id;
  if (found) {
    score->mutants.insert(file.scenario.mutants().begin(),
                          file.scenario.mutants().end());
  }
}

void RunFile(const CorpusFile& file, Score* score) {
  for (const notifier::Protocol* protocol : file.protocols) {
    const v1::CaseResult random = Run(file, *protocol, true);
    if (random.schedule_count() == 0) {
      continue;  // NOT_APPLICABLE: the protocol has no such rule
    }
    if (file.fixed() || !IsBug(random)) {
      RunTwin(file, random, score);
    } else {
      RunBug(file, *protocol, random, score);
    }
  }
}

TEST(CorpusTest, EveryBugIsFoundAndNoTwinIsAccused) {
  Score score;
  for (const CorpusFile& file : Corpus()) {
    RunFile(file, &score);
  }
  const bool all = std::getenv("MMFAULT_CORPUS_FILES") == nullptr;
  for (const kernel::MutantInfo& mutant : kernel::Mutants()) {
    EXPECT_TRUE(!all || score.mutants.contains(std::string(mutant.name)))
        << mutant.name << " is in no file of the corpus";
  }
  std::printf(
      "mutants: found %d of %d; fixed twins: %d accused of %d\n"
      "%d of the %d by %lld random schedules each, the others by search; %zu "
      "of %d planted mistakes\n",
      score.found, score.bugs, score.accused, score.twins,
      score.found_by_random, score.bugs, static_cast<long long>(Schedules()),
      score.mutants.size(), kernel::kMutantCount);
}

// The interleaving in a file's comment has as few preemptions as any: the
// bounded search, which goes 0, 1, 2, ..., finds nothing before.
TEST(CorpusTest, PreemptionsAreTheFewest) {
  for (const CorpusFile& file : Corpus()) {
    if (file.fixed() || file.scenario.sweep_size() != 0) {
      continue;
    }
    for (const notifier::Protocol* protocol : file.protocols) {
      v1::Scenario scenario = file.scenario;
      scenario.mutable_explore()->set_strategy("bounded");
      scenario.mutable_explore()->set_preemption_bound(3);
      const auto result = RunCase(scenario, *protocol, CaseOptions());
      ASSERT_TRUE(result.ok()) << file.stem << result.status().message();
      if (result->schedule_count() == 0 || !IsBug(*result)) {
        continue;
      }
      EXPECT_EQ(result->explore().reason(),
                "the first violation needs " +
                    std::to_string(scenario.preemptions()) + " preemptions")
          << file.stem << " " << protocol->id;
    }
  }
}

// A run stops where all that is expected has come; this goes on to the end of
// the search, or of its budget: what else fires, a file has to say.
TEST(CorpusTest, WhatFiresInAnyOrderIsListed) {
  const int64_t steps =
      Schedules() > kFewSchedules ? kSearchSteps : kFewSearchSteps;
  for (const CorpusFile& file : Corpus()) {
    for (const notifier::Protocol* protocol : file.protocols) {
      v1::Scenario scenario = file.scenario;
      scenario.mutable_explore()->set_strategy("dpor");
      scenario.mutable_explore()->set_exhaust(true);
      scenario.mutable_explore()->set_search_step_budget(steps);
      const auto result = RunCase(scenario, *protocol, CaseOptions());
      ASSERT_TRUE(result.ok()) << file.stem << result.status().message();
      EXPECT_EQ(Accused(*result), "") << file.stem << " " << protocol->id;
    }
  }
}

TEST(CorpusTest, EveryBugHasATwinAndEveryTwinABug) {
  std::set<std::string> stems;
  const std::vector<CorpusFile> corpus = Corpus();
  for (const CorpusFile& file : corpus) {
    stems.insert(file.stem);
  }
  for (const CorpusFile& file : corpus) {
    EXPECT_EQ(file.stem, file.scenario.id());
    const std::string other = file.fixed()
                                  ? file.stem.substr(0, file.stem.size() - 6)
                                  : file.stem + "_fixed";
    EXPECT_TRUE(stems.contains(other)) << file.stem << " has no " << other;
  }
}

std::string Names(const std::set<std::string>& names) {
  std::string out;
  for (const std::string& name : names) {
    out += (out.empty() ? "" : ", ") + name;
  }
  return out;
}

// A row of docs/corpus.md from the file's name on.
std::string Row(const CorpusFile& file) {
  const v1::Scenario& scenario = file.scenario;
  std::string protocols;
  for (const std::string& name : scenario.protocols()) {
    protocols += (protocols.empty() ? "" : ", ") + name;
  }
  std::string mutants;
  for (const std::string& name : scenario.mutants()) {
    mutants += (mutants.empty() ? "`" : ", `") + name + "`";
  }
  std::set<std::string> checkers;
  for (const v1::Expect& expect : scenario.expect()) {
    if (IsViolation(expect.verdict())) {
      checkers.insert(expect.checker());
    }
  }
  return "| `" + file.stem + "` | " + protocols + " | " +
         (mutants.empty() ? "-" : mutants) + " | " + Names(checkers) + " | " +
         std::to_string(scenario.preemptions()) + " |";
}

TEST(CorpusTest, TheTableSaysWhatTheFilesSay) {
  const std::string table = ReadFile("docs/corpus.md");
  for (const CorpusFile& file : Corpus()) {
    if (!file.fixed()) {
      EXPECT_NE(table.find(Row(file)), std::string::npos)
          << "docs/corpus.md lacks\n"
          << Row(file);
    }
  }
}

}  // namespace
}  // namespace mmfault::scenario
