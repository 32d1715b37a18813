// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Every engine against every other, over generated models. Two oracles: a
// search that prunes reaches the terminal states of one that does not; and with
// the conditional rules off, sleep sets and DPOR visit one execution for each
// class of equivalent schedules, so their counts are equal.

#include "server/explore/search.h"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "server/base/prng.h"
#include "server/explore/job_book.h"
#include "tests/litmus/generated_models.h"

namespace mmfault::litmus {
namespace {

using explore::SearchOptions;
using explore::SearchResult;
using States = std::map<std::string, uint64_t>;
using Engine = SearchResult (*)(sched::World*, const SearchOptions&,
                                const explore::Visitor&);

constexpr uint64_t kModels = 640;
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

// Each of two readers keeps the writer out. One comes after the other by way of
// a counter, so only the later one is next to the writer; still it has to be
// tried before both.
TEST(ReadersTest, AWriterIsTriedBeforeAllReadersThatKeepItOut) {
  using I = Instruction;
  const Model model = {
      {{{I::kLockInterruptible},
        {I::kGetNotZero},
        {I::kUnlock},
        {I::kReadLock}},
       {{I::kWriteLock},
        {I::kLoad, 1},
        {I::kWriteUnlock},
        {I::kReadLock},
        {I::kGetNotZero}},
       {{I::kDec}, {I::kWriteLock}, {I::kDec}, {I::kWriteUnlock}}},
      1};
  SearchOptions plain;
  plain.conditional = false;
  const Found sleep = Search(model, explore::SleepSetSearch, plain);
  const Found dpor = Search(model, explore::DporSearch, plain);
  EXPECT_EQ(sleep.states, dpor.states);
  EXPECT_EQ(dpor.result.executions, 19U);
}

struct Shared {
  SearchResult sum;
  States states;
  std::vector<std::string> order;  // of the ends
};

// A search in jobs, each on a world of its own. They are given away as soon as
// can be, and taken from the front or, as another worker might, from anywhere.
Shared ShareSearch(const Model& model, const SearchOptions& options,
                   uint64_t quota, uint64_t seed) {
  using Book = explore::JobBook<explore::Job, Shared>;
  Book book({explore::Job()});
  Shared all;
  base::Prng prng(seed);
  while (!book.empty()) {
    Book::Place place;
    std::vector<Book::Place> takers;  // as many as would be at work at once
    for (uint32_t i = prng.Below(4); book.Take(&place); --i) {
      takers.push_back(place);
      if (i == 0) {
        break;
      }
    }
    std::reverse(takers.begin(), takers.end());
    for (const Book::Place taken : takers) {
      const auto world = MakeWorld(model);
      Shared found;
      explore::Sharing sharing;
      sharing.quota = quota;
      sharing.give = [&](std::vector<explore::Job> jobs) {
        book.Give(taken, std::move(jobs));
      };
      found.sum =
          explore::RunJob(world->get(), options, taken->job, sharing,
                          [&found](sched::World* at, explore::End /*end*/,
                                   const explore::Schedule& /*schedule*/) {
                            found.order.push_back(Observe(at));
                            return true;
                          });
      book.Finish(taken, std::move(found));
    }
    for (; book.FrontDone(); book.PopFront()) {
      const Shared& part = book.front().result;
      all.sum.executions += part.sum.executions;
      all.sum.steps += part.sum.steps;
      all.sum.pruned += part.sum.pruned;
      all.sum.share += part.sum.share;
      for (const std::string& end : part.order) {
        ++all.states[end];
        all.order.push_back(end);
      }
    }
  }
  return all;
}

TEST_P(SearchTest, JobsTogetherFindWhatOneSearchFinds) {
  const Model model = GenerateModel(GetParam());
  for (const bool conditional : {false, true}) {
    SearchOptions options;
    options.conditional = conditional;
    const Found whole = Search(model, explore::DporSearch, options);
    for (const uint64_t quota : {1, 20}) {
      const Shared one = ShareSearch(model, options, quota, 1);
      EXPECT_EQ(Keys(whole.states), Keys(one.states)) << model.ToString();
      EXPECT_NEAR(one.sum.share, 1, 1e-9) << model.ToString();
      if (!conditional) {  // an execution for each class, whoever has it
        EXPECT_EQ(whole.result.executions, one.sum.executions)
            << model.ToString() << " quota " << quota;
        EXPECT_EQ(whole.states, one.states);
      }
      const Shared other = ShareSearch(model, options, quota, GetParam());
      EXPECT_EQ(one.order, other.order) << model.ToString();
      EXPECT_EQ(one.sum.steps, other.sum.steps);
      EXPECT_EQ(one.sum.pruned, other.sum.pruned);
    }
  }
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
