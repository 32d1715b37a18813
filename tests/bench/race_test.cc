// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: the race that model checkers are compared on stays what it is. Method:
// its executions are counted, and its terminal states compared between engines.
// Where a count changes, a commutation rule or the race has.

#include "tests/bench/race.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "server/explore/search.h"

namespace mmfault::bench {
namespace {

using Engine = explore::SearchResult (*)(sched::World*,
                                         const explore::SearchOptions&,
                                         const explore::Visitor&);

struct Found {
  uint64_t executions = 0;
  std::set<std::string> states;
};

Found Search(int rounds, Engine engine, bool conditional) {
  const auto world = MakeRace(rounds, rounds);
  explore::SearchOptions options;
  options.conditional = conditional;
  Found found;
  found.executions = engine(world.get(), options,
                            [&found](sched::World* at, explore::End /*end*/,
                                     const explore::Schedule& /*schedule*/) {
                              found.states.insert(RaceState(*at));
                              return true;
                            })
                         .executions;
  return found;
}

TEST(RaceTest, SmallForm) {
  const Found off = Search(1, explore::DporSearch, false);
  const Found on = Search(1, explore::DporSearch, true);
  const Found sleep = Search(1, explore::SleepSetSearch, false);
  EXPECT_EQ(off.executions, 8464U);
  EXPECT_EQ(sleep.executions, 8464U);
  EXPECT_EQ(on.executions, 1773U);
  EXPECT_EQ(off.states.size(), 90U);
  EXPECT_EQ(on.states, off.states);
  EXPECT_EQ(sleep.states, off.states);
  EXPECT_EQ(Search(1, explore::StatefulSearch, true).states, off.states);
}

TEST(RaceTest, LargeForm) {
  const Found on = Search(2, explore::DporSearch, true);
  EXPECT_EQ(on.executions, 25064U);
  EXPECT_EQ(on.states.size(), 296U);
}

}  // namespace
}  // namespace mmfault::bench
