// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Lock order: the documented one, the observed one, and addresses within a
// class; each rule with an order that breaks it and one that does not.

#include "server/kernel/lockdep.h"

#include <array>

#include "gtest/gtest.h"
#include "tests/support/engine_world.h"

namespace mmfault::kernel {
namespace {

using testing_support::EngineWorld;
using trace::Cause;
using trace::Checker;

// Locks to take in turn, then to release in the same order.
struct Plan {
  sched::Object object;
  std::array<Cell<Lock*>, 4> locks;
  std::array<Cell<bool>, 4> nested;
  std::array<Cell<bool>, 4> try_read;
};

sched::Task<> TakeAll(void* arg) {
  auto* plan = static_cast<Plan*>(arg);
  for (size_t i = 0; i < plan->locks.size() && plan->locks[i] != nullptr; ++i) {
    if (plan->try_read[i]) {
      co_await down_read_trylock(plan->locks[i], "test");
    } else {
      co_await lock(plan->locks[i], "test",
                    plan->nested[i] ? Nest::kNestLock : Nest::kNo);
    }
  }
  for (size_t i = 0; i < plan->locks.size() && plan->locks[i] != nullptr; ++i) {
    if (plan->try_read[i]) {
      co_await up_read(plan->locks[i], "test");
    } else {
      co_await unlock(plan->locks[i], "test");
    }
  }
}

class LockdepTest : public ::testing::Test {
 protected:
  struct Holder {
    sched::Object object;
    Lock lock;
  };

  Lock* New(LockClass lock_class) {
    auto* holder = world_.New<Holder>();
    InitLock(&holder->lock, lock_class, sched::LockKind::kMutex);
    return &holder->lock;
  }
  void Take(std::initializer_list<Lock*> locks, bool nested = false,
            bool last_is_tried = false) {
    auto* plan = world_.New<Plan>();
    size_t i = 0;
    for (Lock* l : locks) {
      plan->locks[i] = l;
      plan->nested[i] = nested;
      plan->try_read[i] = last_is_tried && i + 1 == locks.size();
      ++i;
    }
    ASSERT_EQ(world_.Do(TakeAll, plan), sched::RunStop::kFinished);
  }
  int Count() const { return world_.violation_count(); }
  bool Cycle() const {
    return world_.Violated(Checker::kLockOrder, Cause::kLockClassCycle);
  }

  EngineWorld world_;
};

TEST_F(LockdepTest, TheDocumentedOrderHolds) {
  Take({New(LockClass::kMmap), New(LockClass::kMapping),
        New(LockClass::kAnonVma), New(LockClass::kPageTable)});
  EXPECT_EQ(Count(), 0) << world_.Violations();
}

TEST_F(LockdepTest, ItsInversionIsReportedWithoutHavingSeenIt) {
  Take({New(LockClass::kAnonVma), New(LockClass::kMapping)});
  EXPECT_TRUE(Cycle());
  EXPECT_EQ(Count(), 1);
}

TEST_F(LockdepTest, AnObservedOrderMayNotBeInverted) {
  Lock* notifier = New(LockClass::kNotifier);
  Lock* driver = New(LockClass::kDriver);
  Take({driver, notifier});
  EXPECT_EQ(Count(), 0);
  Take({driver, notifier});
  EXPECT_EQ(Count(), 0);
  Take({notifier, driver});
  EXPECT_TRUE(Cycle());
}

TEST_F(LockdepTest, CyclesAreFoundThroughAThirdClass) {
  Lock* notifier = New(LockClass::kNotifier);
  Lock* driver = New(LockClass::kDriver);
  Lock* page = New(LockClass::kPage);
  Take({driver, notifier});
  Take({notifier, page});
  EXPECT_EQ(Count(), 0);
  Take({page, driver});
  EXPECT_TRUE(Cycle());
}

TEST_F(LockdepTest, OneClassAscendsByAddress) {
  Lock* low = New(LockClass::kAnonVma);
  Lock* high = New(LockClass::kAnonVma);
  Take({low, high});
  EXPECT_EQ(Count(), 0);
  Take({high, low});
  EXPECT_TRUE(world_.Violated(Checker::kLockOrder, Cause::kLockAddressOrder));
}

TEST_F(LockdepTest, AnOuterLockOrdersOneClass) {
  Lock* low = New(LockClass::kAnonVma);
  Lock* high = New(LockClass::kAnonVma);
  Take({high, low}, true);
  EXPECT_EQ(Count(), 0);
}

// __lock_acquire() records no dependency for a lock that was tried for.
TEST_F(LockdepTest, ATrylockClosesNoCycle) {
  Lock* mmap = New(LockClass::kMmap);
  Lock* mapping = New(LockClass::kMapping);
  Take({mapping, mmap}, false, true);
  EXPECT_EQ(Count(), 0) << world_.Violations();
}

TEST_F(LockdepTest, LocksWithoutAClassTakeNoPart) {
  Lock* a = New(LockClass::kNone);
  Lock* b = New(LockClass::kNone);
  Lock* mmap = New(LockClass::kMmap);
  Take({b, a});
  Take({a, mmap});
  Take({mmap, b});
  EXPECT_EQ(Count(), 0) << world_.Violations();
}

sched::Task<> ReleaseTheHighestThenTakeBetween(void* arg) {
  auto* plan = static_cast<Plan*>(arg);
  co_await lock(plan->locks[0], "test");
  co_await lock(plan->locks[2], "test");
  co_await unlock(plan->locks[2], "test");
  co_await lock(plan->locks[1], "test");
  EXPECT_EQ(HeldOfClass(*Current(), LockClass::kAnonVma), 2U);
  co_await unlock(plan->locks[1], "test");
  co_await unlock(plan->locks[0], "test");
}

TEST_F(LockdepTest, AReleasedLockIsNotTheOneToBeat) {
  auto* plan = world_.New<Plan>();
  for (size_t i = 0; i < 3; ++i) {
    plan->locks[i] = New(LockClass::kAnonVma);
  }
  world_.Do(ReleaseTheHighestThenTakeBetween, plan);
  EXPECT_EQ(Count(), 0) << world_.Violations();
}

}  // namespace
}  // namespace mmfault::kernel
