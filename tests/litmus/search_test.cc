// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Every engine against every other, over generated models. Two oracles: a
// search that prunes reaches the terminal states of one that does not; and with
// the conditional rules off, sleep sets and DPOR visit one execution for each
// class of equivalent schedules, so their counts are equal.

#include "server/explore/search.h"

#include <map>
#include <string>

#include "gtest/gtest.h"
#include "tests/litmus/generated_models.h"

namespace mmfault::litmus {
namespace {

using explore::SearchOptions;
using explore::SearchResult;
using States = std::map<std::string, uint64_t>;
using Engine = SearchResult (*)(sched::World*, const SearchOptions&,
                                const explore::Visitor&);

constexpr uint64_t kModels = 400;
constexpr uint64_t kLargestTree = 4000;

struct Found {
  SearchResult result;
  States states;
};

Found Search(const Model& model, Engine engine, const SearchOptions& options) {
  const auto world = MakeWorld(model);
  Found found;
  found.result = engine(world->get(), options,
                        [&found](sched::World* at, explore::End /*end*/,
                                 const explore::Schedule& /*schedule*/) {
                          ++found.states[Observe(at)];
                          return true;
                        });
  return found;
}

std::vector<std::string> Keys(const States& states) {
  std::vector<std::string> keys;
  for (const auto& [key, count] : states) {
    keys.push_back(key);
  }
  return keys;
}

class SearchTest : public ::testing::TestWithParam<uint64_t> {};

TEST_P(SearchTest, PrunedSearchesReachTheSameTerminalStates) {
  const Model model = GenerateModel(GetParam());
  SearchOptions full;
  full.budget.executions = kLargestTree;
  const Found all = Search(model, explore::FullSearch, full);
  SearchOptions plain;
  plain.conditional = false;
  const Found sleep = Search(model, explore::SleepSetSearch, plain);
  const Found dpor = Search(model, explore::DporSearch, plain);
  const Found conditional = Search(model, explore::DporSearch, {});
  const Found conditional_sleep = Search(model, explore::SleepSetSearch, {});
  if (all.result.outcome == explore::Outcome::kComplete) {
    EXPECT_EQ(Keys(all.states), Keys(sleep.states)) << model.ToString();
  }
  EXPECT_EQ(Keys(sleep.states), Keys(dpor.states)) << model.ToString();
  EXPECT_EQ(Keys(sleep.states), Keys(conditional.states)) << model.ToString();
  EXPECT_EQ(Keys(sleep.states), Keys(conditional_sleep.states))
      << model.ToString();
  EXPECT_EQ(sleep.result.executions, dpor.result.executions)
      << model.ToString();
  const Found stateful = Search(model, explore::StatefulSearch, {});
  EXPECT_EQ(Keys(sleep.states), Keys(stateful.states)) << model.ToString();
  EXPECT_LE(conditional.result.executions, dpor.result.executions);
}

// As many workers as there are jobs would do: each on a world of its own.
TEST_P(SearchTest, JobsTogetherFindWhatOneSearchFinds) {
  const Model model = GenerateModel(GetParam());
  const Found whole = Search(model, explore::DporSearch, {});
  const auto world = MakeWorld(model);
  States states;
  for (const explore::Job& job : explore::SplitSearch(world->get(), {}, 16)) {
    const auto own = MakeWorld(model);
    explore::RunJob(own->get(), {}, job,
                    [&states](sched::World* at, explore::End /*end*/,
                              const explore::Schedule& /*schedule*/) {
                      ++states[Observe(at)];
                      return true;
                    });
  }
  EXPECT_EQ(Keys(whole.states), Keys(states)) << model.ToString();
}

TEST_P(SearchTest, BoundedSearchFindsWhatFullSearchFindsWithinTheBound) {
  const Model model = GenerateModel(GetParam());
  for (const int bound : {0, 1, 2}) {
    SearchOptions options;
    options.preemption_bound = bound;
    options.budget.executions = kLargestTree;
    const Found all = Search(model, explore::FullSearch, options);
    if (all.result.outcome != explore::Outcome::kComplete) {
      continue;
    }
    options.budget.executions = UINT64_MAX;
    const Found bounded = Search(model, explore::BoundedSearch, options);
    EXPECT_EQ(Keys(all.states), Keys(bounded.states))
        << model.ToString() << " bound " << bound;
  }
}

INSTANTIATE_TEST_SUITE_P(Generated, SearchTest,
                         ::testing::Range(uint64_t{1}, kModels + 1));

}  // namespace
}  // namespace mmfault::litmus
