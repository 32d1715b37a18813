// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Every bug of the corpus is found within a minute of one core by an engine
// that was told the scenario and nothing of the interleaving; and how many
// executions and how long each engine takes to the first one, for
// docs/engines.md.
//
// MMFAULT_UPDATE_GOLDEN: set to anything, writes docs/engines.md anew.
// MMFAULT_ENGINE_SECONDS: what an engine may take, 60 unless set.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "gtest/gtest.h"
#include "tests/scenarios/corpus.h"

namespace mmfault::scenario {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kEngines = std::to_array<const char*>(
    {"random", "pct", "pos", "dfs", "dpor", "stateful", "bounded", "auto"});

int64_t Seconds() {
  const char* text = std::getenv("MMFAULT_ENGINE_SECONDS");
  return text == nullptr ? 60 : std::atoll(text);
}

struct Hunt {
  bool found = false;
  int64_t executions = 0;
  int64_t milliseconds = 0;

  // `12 / 0.3`: executions, and seconds where there are any to speak of.
  std::string Text() const {
    if (!found) {
      return "-";
    }
    char text[64];
    std::snprintf(text, sizeof text, "%lld / %.2f",
                  static_cast<long long>(executions),
                  static_cast<double>(milliseconds) / 1000);
    return text;
  }
};

// Until the first of the violations that the file expects in the protocol.
Hunt HuntFor(const v1::Expect& wanted, const CorpusFile& file,
             const notifier::Protocol& protocol, const std::string& engine) {
  v1::Scenario scenario = file.scenario;
  scenario.clear_expect();
  *scenario.add_expect() = wanted;
  scenario.mutable_explore()->set_strategy(engine);
  scenario.mutable_explore()->set_schedule_count(1000000000);
  scenario.mutable_explore()->set_search_step_budget(100000000000);
  scenario.mutable_explore()->set_preemption_bound(3);
  CaseOptions options;
  const Clock::time_point begin = Clock::now();
  const Clock::time_point end = begin + std::chrono::seconds(Seconds());
  options.progress = [end](int64_t, int64_t) { return Clock::now() < end; };
  // A sweep goes through all its hits; a few executions each will do.
  for (v1::Sweep& sweep : *scenario.mutable_sweep()) {
    sweep.set_schedule_count(std::max<int64_t>(1, sweep.schedule_count()));
  }
  if (scenario.sweep_size() != 0) {
    scenario.mutable_explore()->clear_schedule_count();
  }
  const auto result = RunCase(scenario, protocol, options);
  EXPECT_TRUE(result.ok()) << file.stem << " " << result.status().message();
  Hunt hunt;
  if (result.ok()) {
    hunt.found = std::any_of(result->checkers().begin(),
                             result->checkers().end(), [&](const auto& fired) {
                               return fired.checker() == wanted.checker() &&
                                      fired.violating_schedule_count() != 0;
                             });
    hunt.executions = result->schedule_count();
    hunt.milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(
                            Clock::now() - begin)
                            .count();
  }
  return hunt;
}

// A row of docs/engines.md: the first protocol that has the bug.
std::string Row(const CorpusFile& file, const notifier::Protocol& protocol,
                const v1::Expect& wanted) {
  std::string row = "| `" + file.stem + "` | " + std::string(protocol.id) +
                    " | " + wanted.checker() + " |";
  for (const char* engine : kEngines) {
    row += " " + HuntFor(wanted, file, protocol, engine).Text() + " |";
  }
  std::printf("%s\n", row.c_str());
  std::fflush(stdout);
  return row + "\n";
}

// What a file names where it does not leave the choice to `auto`: random
// schedules, where there are too many tasks for a search.
std::string EngineOf(const CorpusFile& file) {
  return file.scenario.explore().strategy().empty() ? "random" : "auto";
}

TEST(EnginesTest, EveryBugIsFoundWithinAMinute) {
  for (const CorpusFile& file : Corpus()) {
    for (const notifier::Protocol* protocol : file.protocols) {
      const auto broken = ExpectedBroken(file, *protocol);
      if (file.fixed() || broken.empty()) {
        continue;
      }
      const Hunt hunt =
          HuntFor(broken.front(), file, *protocol, EngineOf(file));
      EXPECT_TRUE(hunt.found) << file.stem << " " << protocol->id;
      EXPECT_LT(hunt.milliseconds, 60000) << file.stem << " " << protocol->id;
    }
  }
}

constexpr char kHead[] = R"(# Engines against the known bugs

Executions and seconds of one core to the first violation, of each file of
`tests/scenarios/known_bugs` under the first protocol that has its bug, for each
engine. No engine is told more than the scenario. `-`: not found within the time
limit, or the engine does not do it (`dfs` and `dpor` follow at most
16 tasks, and a store buffer has more). A row with a sweep has the whole sweep.
What is measured depends on the machine; the executions do not.

Written by `MMFAULT_UPDATE_GOLDEN=1 MMFAULT_ENGINE_SECONDS=N scenarios_engines_slow_test`,
here with N = )";

TEST(EnginesTest, TheTableHasEveryBug) {
  const bool update = std::getenv("MMFAULT_UPDATE_GOLDEN") != nullptr;
  std::string table = "\n\n| file | protocol | checker |";
  std::string rule = "|---|---|---|";
  for (const char* engine : kEngines) {
    table += std::string(" ") + engine + " |";
    rule += "---|";
  }
  table += "\n" + rule + "\n";
  const std::string known = ReadFile("docs/engines.md");
  for (const CorpusFile& file : Corpus()) {
    const auto home = std::find_if(
        file.protocols.begin(), file.protocols.end(), [&](const auto* p) {
          return !file.fixed() && !ExpectedBroken(file, *p).empty();
        });
    if (home == file.protocols.end()) {
      continue;
    }
    if (update) {
      table += Row(file, **home, ExpectedBroken(file, **home).front());
    } else {
      EXPECT_NE(known.find("| `" + file.stem + "` |"), std::string::npos)
          << file.stem << " is not in docs/engines.md";
    }
  }
  if (update) {
    std::ofstream("docs/engines.md") << kHead << Seconds() << "." << table;
  }
}

}  // namespace
}  // namespace mmfault::scenario
