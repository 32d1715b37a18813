// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: what swarms find beside the same number of executions with all families
// of faults on. Method: one busy scenario, each mutant planted in the first
// protocol that has it, both arms with the same seeds and the same rates. A
// mutant is found when a checker is violated that the protocol without it,
// under the same faults, leaves alone. Prints a line a mutant that some arm has
// found, and the score.
//
// $MMFAULT_SWARMS is how many swarms each has, 100 unless it is set. All of it
// is done five times, with other seeds: one draw says little.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <tuple>

#include "server/kernel/mutant.h"
#include "server/notifier/protocols.h"
#include "server/scenario/runner.h"
#include "server/sweep/sweep.h"

namespace mmfault::sweep {
namespace {

constexpr char kBusy[] = R"pb(
  id: "busy"
  protocols: "all"
  file { id: "f" size_pages: 4 }
  mm {
    id: "m0"
    vma {
      start: 0x10000
      end: 0x14000
      anonymous {}
      anon_vma: true
      populated: true
    }
    vma {
      start: 0x20000
      end: 0x24000
      file { file: "f" shared: true }
      populated: true
    }
  }
  task {
    id: "driver"
    mm: "m0"
    step {
      register { notifier: "n0" }
      label: "reg"
    }
    step {
      establish { notifier: "n0" address: 0x10000 write: true }
      only_if { step: "reg" rc: 0 }
    }
    step {
      establish { notifier: "n0" address: 0x20000 }
      only_if { step: "reg" rc: 0 }
    }
    step {
      unregister { notifier: "n0" }
      only_if { step: "reg" rc: 0 }
    }
  }
  task {
    id: "other"
    mm: "m0"
    step {
      register { notifier: "n1" }
      label: "reg1"
    }
    step {
      establish { notifier: "n1" address: 0x12000 }
      only_if { step: "reg1" rc: 0 }
    }
  }
  task {
    id: "user"
    mm: "m0"
    step {
      touch {
        range { start: 0x10000 end: 0x11000 }
        write: true
      }
    }
    step { fork { child: "m1" } }
    step { madvise { range { start: 0x10000 end: 0x12000 } } }
    step { munmap { range { start: 0x12000 end: 0x14000 } } }
  }
  task {
    id: "truncater"
    step { truncate { file: "f" size_pages: 1 } }
  }
)pb";

int64_t Swarms() {
  const char* wanted = std::getenv("MMFAULT_SWARMS");
  return wanted == nullptr ? 100 : std::atoll(wanted);
}

constexpr int kRounds = 5;
constexpr int64_t kNever = INT64_MAX;

// By checker, the first swarm in which it was violated, from 1; 0: without any
// fault.
std::map<std::string, int64_t> Found(const notifier::Protocol& protocol,
                                     const std::string& mutant,
                                     bool all_families, int round) {
  auto scenario = scenario::ParseScenario(kBusy, "busy");
  EXPECT_TRUE(scenario.ok()) << scenario.status();
  if (!mutant.empty()) {
    scenario->add_mutants(mutant);
  }
  v1::SweepOptions options;
  options.set_swarm_count(Swarms());
  options.set_all_families(all_families);
  options.set_schedule_count(4);
  std::map<std::string, int64_t> found;
  Listener listener;
  listener.on_case = [](const v1::SweepCase&) {};
  listener.on_cell = [&found](const v1::SweepCell& cell) {
    for (const v1::SweepFinding& finding : cell.findings()) {
      if (finding.verdict() == v1::VIOLATED) {
        found.emplace(finding.checker(), cell.group());
      }
    }
  };
  listener.goes_on = [] { return true; };
  CaseInput input;
  input.scenario = &*scenario;
  input.protocol = &protocol;
  input.seed = 1 + static_cast<uint64_t>(round) * 100000;
  const absl::Status status = RunSweep(input, options, {}, nullptr, listener);
  EXPECT_TRUE(status.ok()) << status;
  return found;
}

// Where what the mutant alone is to blame for was seen first.
int64_t FirstOf(const std::map<std::string, int64_t>& mutated,
                const std::map<std::string, int64_t>& plain) {
  int64_t first = kNever;
  for (const auto& [checker, swarm] : mutated) {
    if (plain.count(checker) == 0) {
      first = std::min(first, swarm);
    }
  }
  return first;
}

const notifier::Protocol* FirstWith(const kernel::MutantInfo& mutant) {
  for (const notifier::Protocol* protocol : notifier::AllProtocols()) {
    if (kernel::AppliesTo(mutant, protocol->id, protocol->family)) {
      return protocol;
    }
  }
  return nullptr;
}

struct Score {
  int found = 0;
  int alone = 0;   // what the other arm has not found
  int sooner = 0;  // found by both, here in an earlier swarm
  int64_t swarms = 0;

  void Add(int64_t own, int64_t other) {
    found += own != kNever ? 1 : 0;
    alone += own != kNever && other == kNever ? 1 : 0;
    sooner += own < other && other != kNever ? 1 : 0;
    swarms += std::min(own, Swarms());
  }
};

std::string Text(int64_t swarm) {
  return swarm == kNever ? "-" : std::to_string(swarm);
}

// Both arms of one mutant, by whether all families are on.
using Arms = std::array<int64_t, 2>;
Arms FirstOfBoth(const kernel::MutantInfo& mutant,
                 const notifier::Protocol& protocol, int round) {
  static std::map<std::tuple<std::string, bool, int>,
                  std::map<std::string, int64_t>>
      plain;
  Arms first = {};
  for (const bool all : {false, true}) {
    const auto [without, is_new] =
        plain.try_emplace({std::string(protocol.id), all, round});
    if (is_new) {
      without->second = Found(protocol, "", all, round);
    }
    first[all ? 1 : 0] = FirstOf(
        Found(protocol, std::string(mutant.name), all, round), without->second);
  }
  return first;
}

TEST(SwarmTest, FindsAtLeastWhatAllFamiliesFind) {
  Score score[2];
  int found = 0;
  for (int round = 0; round < kRounds; ++round) {
    for (const kernel::MutantInfo& mutant : kernel::Mutants()) {
      const notifier::Protocol* protocol = FirstWith(mutant);
      ASSERT_NE(protocol, nullptr) << mutant.name;
      const Arms first = FirstOfBoth(mutant, *protocol, round);
      if (first[0] == 0 || first[1] == 0 ||
          (first[0] == kNever && first[1] == kNever)) {
        continue;  // needs no fault, or more than these
      }
      ++found;
      score[0].Add(first[0], first[1]);
      score[1].Add(first[1], first[0]);
      std::printf("round %d: %-32s %-12s swarm %5s  all families %5s\n",
                  round + 1, std::string(mutant.name).c_str(),
                  std::string(protocol->id).c_str(), Text(first[0]).c_str(),
                  Text(first[1]).c_str());
    }
  }
  for (int i = 0; i < 2; ++i) {
    std::printf(
        "%-13s found %2d of the %d that either finds in %lld swarms, %2d of "
        "them only here, %2d sooner; %5lld swarms in all\n",
        i == 0 ? "swarms:" : "all families:", score[i].found, found,
        static_cast<long long>(Swarms()), score[i].alone, score[i].sooner,
        static_cast<long long>(score[i].swarms));
  }
  EXPECT_GE(score[0].found, score[1].found);
}

}  // namespace
}  // namespace mmfault::sweep
