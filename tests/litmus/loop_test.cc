// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Livelocks: what goes round and what only looks so. Every engine that goes
// back by undo finds the first kind, none the second, and what was found can be
// followed again.

#include "server/explore/loop.h"

#include <memory>

#include "gtest/gtest.h"
#include "server/kernel/choice.h"
#include "server/kernel/lock.h"
#include "tests/support/engine_world.h"

namespace mmfault {
namespace {

using explore::End;
using explore::Schedule;
using explore::SearchOptions;
using explore::SearchResult;
using testing_support::EngineWorld;
using trace::Cell;
using Engine = SearchResult (*)(sched::World*, const SearchOptions&,
                                const explore::Visitor&);

struct Shared {
  sched::Object object;
  kernel::spinlock_t a;
  kernel::spinlock_t b;
  Cell<int64_t> x;
};

using Tasks = std::initializer_list<sched::TaskEntry>;

std::unique_ptr<EngineWorld> Make(Tasks tasks) {
  auto world = std::make_unique<EngineWorld>();
  auto* shared = world->New<Shared>();
  kernel::spin_lock_init(&shared->a, kernel::LockClass::kDriver);
  kernel::spin_lock_init(&shared->b, kernel::LockClass::kDriverSleeping);
  for (const sched::TaskEntry entry : tasks) {
    world->Spawn(entry, shared);
  }
  return world;
}

struct Found {
  SearchResult result;
  Schedule loop;  // the execution that ends in one; empty: none
};

Found Search(Tasks tasks, Engine engine, uint64_t steps = 14) {
  const auto world = Make(tasks);
  SearchOptions options;
  options.find_loops = true;
  options.preemption_bound = 6;
  options.budget.executions = 2000;
  options.budget.steps_per_execution = steps;
  Found found;
  found.result =
      engine(world->get(), options,
             [&found](sched::World* at, End end, const Schedule& schedule) {
               const uint64_t bit =
                   uint64_t{1} << static_cast<int>(trace::Checker::kNoLivelock);
               EXPECT_EQ((at->state().violated & bit) != 0, end == End::kLoop);
               if (end == End::kLoop) {
                 found.loop = schedule;
               }
               return end != End::kLoop;
             });
  return found;
}

// Holds one lock and tries the other; when that is taken, gives the first back
// and begins anew.
sched::Task<> BackOff(kernel::spinlock_t* mine, kernel::spinlock_t* other,
                      int tries) {
  for (int i = 0; i < tries; ++i) {
    co_await kernel::spin_lock(mine, "first");
    const bool got = co_await kernel::spin_trylock(other, "second");
    if (got) {
      co_await kernel::spin_unlock(other, "second");
    }
    co_await kernel::spin_unlock(mine, "first");
    if (got) {
      co_return;
    }
  }
}

constexpr int kForEver = 1 << 30;

sched::Task<> AThenB(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  co_await BackOff(&s->a, &s->b, kForEver);
}

sched::Task<> BThenA(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  co_await BackOff(&s->b, &s->a, kForEver);
}

// Gives up.
sched::Task<> AThenBTwice(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  co_await BackOff(&s->a, &s->b, 2);
}

sched::Task<> BThenATwice(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  co_await BackOff(&s->b, &s->a, 2);
}

sched::Task<> SpinUntilSet(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  for (;;) {
    const int64_t x = co_await kernel::Load(s->x, "spin");
    if (x != 0) {
      break;
    }
  }
}

sched::Task<> Set(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  co_await kernel::Store(s->x, int64_t{1}, "set");
}

sched::Task<> Touch(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  co_await kernel::Store(s->x, int64_t{0}, "touch");
}

// Reads a count twice, until it has not moved in between.
sched::Task<> ReadStable(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  for (;;) {
    const int64_t before = co_await kernel::Load(s->x, "before");
    const int64_t after = co_await kernel::Load(s->x, "after");
    if (before == after) {
      break;
    }
  }
}

sched::Task<> Storm(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  for (int i = 1;; ++i) {
    co_await kernel::Store(s->x, s->x + 1, "count");
    const bool again = co_await kernel::Again(i < 2, "storm");
    if (!again) {
      break;
    }
  }
}

// As many counts, and then no more.
sched::Task<> CountTwice(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  for (int i = 0; i < 2; ++i) {
    co_await kernel::Store(s->x, s->x + 1, "count");
  }
}

// Walks over many things, and is then done.
sched::Task<> Walk(void* arg) {
  auto* s = static_cast<Shared*>(arg);
  for (int i = 0; i < 500; ++i) {
    const int64_t x = co_await kernel::Load(s->x, "walk");
    if (x != 0) {
      break;
    }
  }
}

class LoopTest : public ::testing::TestWithParam<Engine> {};

// DPOR looks at one order of steps that commute, and with tasks that need not
// end it need not be the one that comes round.
class EveryOrderLoopTest : public LoopTest {};
INSTANTIATE_TEST_SUITE_P(Engines, EveryOrderLoopTest,
                         ::testing::Values(&explore::SleepSetSearch,
                                           &explore::StatefulSearch,
                                           &explore::BoundedSearch));

TEST_P(EveryOrderLoopTest, TwoThatBackOffForEachOther) {
  const Found found = Search({AThenB, BThenA}, GetParam());
  EXPECT_FALSE(found.loop.empty());
  EXPECT_EQ(found.result.outcome, explore::Outcome::kStopped);
}

TEST_P(LoopTest, NotWhenTheyTakeThemInOneOrder) {
  const Found found = Search({AThenB, AThenB}, GetParam());
  EXPECT_TRUE(found.loop.empty());
  EXPECT_EQ(found.result.outcome, explore::Outcome::kComplete);
}

TEST_P(LoopTest, NotWhenTheyGiveUp) {
  const Found found = Search({AThenBTwice, BThenATwice}, GetParam());
  EXPECT_TRUE(found.loop.empty());
  EXPECT_EQ(found.result.outcome, explore::Outcome::kComplete);
}

// Whoever spins for ever only because the other is never let run has no
// complaint.
TEST_P(LoopTest, NotWhenItIsUnfair) {
  const Found found = Search({SpinUntilSet, Set}, GetParam());
  EXPECT_TRUE(found.loop.empty());
}

TEST_P(LoopTest, OneThatSpinsForWhatNobodySets) {
  const Found found = Search({SpinUntilSet, Touch}, GetParam());
  EXPECT_FALSE(found.loop.empty());
}

TEST_P(LoopTest, NotOneThatWalksOverManyThings) {
  EXPECT_TRUE(Search({Walk}, GetParam(), 1000).loop.empty());
  const Found found = Search({SpinUntilSet}, GetParam(), 1000);
  EXPECT_FALSE(found.loop.empty());
}

TEST_P(LoopTest, AReaderInAStorm) {
  EXPECT_FALSE(Search({ReadStable, Storm}, GetParam()).loop.empty());
  const Found found = Search({ReadStable, CountTwice}, GetParam());
  EXPECT_TRUE(found.loop.empty());
  EXPECT_EQ(found.result.outcome, explore::Outcome::kComplete);
}

TEST_P(LoopTest, CanBeFollowed) {
  const Found found = Search({ReadStable, Storm}, GetParam());
  const explore::RepeatedTail tail = explore::FindRepeatedTail(found.loop);
  EXPECT_GT(tail.length, 1U);
  EXPECT_EQ(tail.rounds, explore::kLoopRounds);
  const auto world = Make({ReadStable, Storm});
  Schedule taken;
  EXPECT_TRUE(explore::FollowIntoLoop(world->get(), found.loop, &taken));
  EXPECT_EQ(taken, found.loop);
  EXPECT_TRUE(
      world->Violated(trace::Checker::kNoLivelock, trace::Cause::kGoesRound));
  // One round less is no proof.
  Schedule shorter = found.loop;
  shorter.resize(shorter.size() - tail.length);
  const auto other = Make({ReadStable, Storm});
  taken.clear();
  EXPECT_FALSE(explore::FollowIntoLoop(other->get(), shorter, &taken));
  EXPECT_EQ(other->violation_count(), 0);
}

INSTANTIATE_TEST_SUITE_P(Engines, LoopTest,
                         ::testing::Values(&explore::DporSearch,
                                           &explore::SleepSetSearch,
                                           &explore::StatefulSearch,
                                           &explore::BoundedSearch));

}  // namespace
}  // namespace mmfault
