// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// What is found of the corpus, minimised, needs no more preemptions than the
// interleaving in the file's comment. A file whose bug breaks several promises
// speaks of the one that breaks first: another may need more switches, and what
// it needs is printed.
//
// MMFAULT_CORPUS_ALL: set to anything, takes every file under every protocol;
// without, one protocol of some files.

#include <cstdio>
#include <cstdlib>
#include <string>

#include "gtest/gtest.h"
#include "server/scenario/decisions.h"
#include "server/scenario/minimize.h"
#include "tests/scenarios/corpus.h"

namespace mmfault::scenario {
namespace {

bool All() { return std::getenv("MMFAULT_CORPUS_ALL") != nullptr; }

bool IsSample(const std::string& stem) {
  return (stem.starts_with("p0") && !stem.starts_with("p08")) ||
         stem == "p46_by_exploration" || stem == "p52_livelock" ||
         stem.starts_with("p58");
}

// Preemptions of the capsule that is left of a violation; -1: there is none.
int64_t Minimized(const CorpusFile& file, const notifier::Protocol& protocol,
                  const v1::Violation& violation) {
  MinimizeOptions options;
  const auto schedule = ParseDecisions(violation.decisions());
  EXPECT_TRUE(schedule.ok()) << schedule.status().message();
  options.story.seed = static_cast<uint64_t>(violation.schedule_seed());
  options.story.schedule = violation.decisions().empty() ? nullptr : &*schedule;
  options.story.sweep = violation.sweep();
  options.story.sweep_hit = violation.sweep_hit();
  options.checker = violation.checker();
  const auto smaller = Minimize(file.scenario, protocol, options);
  EXPECT_TRUE(smaller.ok())
      << file.stem << " " << protocol.id << " " << violation.checker() << ": "
      << smaller.status().message();
  if (!smaller.ok()) {
    return -1;
  }
  EXPECT_EQ(smaller->violation.checker(), violation.checker());
  return smaller->report.preemption_count();
}

void CheckFile(const CorpusFile& file, const notifier::Protocol& protocol) {
  const auto result = RunCase(file.scenario, protocol, CaseOptions());
  ASSERT_TRUE(result.ok()) << file.stem << result.status().message();
  bool small_enough = false;
  for (const v1::Violation& violation : result->violations()) {
    const int64_t needs = Minimized(file, protocol, violation);
    small_enough =
        small_enough || (needs >= 0 && needs <= file.scenario.preemptions());
    if (needs > file.scenario.preemptions()) {
      std::printf("%s under %s: %s needs %lld, the file says %d\n",
                  file.stem.c_str(), std::string(protocol.id).c_str(),
                  violation.checker().c_str(), static_cast<long long>(needs),
                  file.scenario.preemptions());
    }
  }
  EXPECT_TRUE(small_enough) << file.stem << " " << protocol.id;
}

TEST(MinimizedTest, NeedsNoMorePreemptionsThanTheFileSays) {
  for (const CorpusFile& file : Corpus()) {
    if (file.fixed() || (!All() && !IsSample(file.stem))) {
      continue;
    }
    for (const notifier::Protocol* protocol : file.protocols) {
      if (!ExpectedBroken(file, *protocol).empty()) {
        CheckFile(file, *protocol);
        if (!All()) {
          break;
        }
      }
    }
  }
}

}  // namespace
}  // namespace mmfault::scenario
