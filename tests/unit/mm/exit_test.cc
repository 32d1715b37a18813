// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// The end of an mm, by its last user, by exec and by a worker.

#include "gtest/gtest.h"
#include "server/mm/fork.h"
#include "server/mm/mmap.h"
#include "server/notifier/registration.h"
#include "tests/unit/mm/notified_mm.h"

namespace mmfault::mm {
namespace {

TEST(ExitTest, ReleaseComesFirstAndNobodyIsLeftForTheRest) {
  for (const char* protocol : {"v11", "2.6.27", "3.10", "6.1", "6.12", "7.3"}) {
    NotifiedMm mm(protocol);
    mm.Map(0, 4, kRw);
    mm.Write(0, 4);
    mm.Establish(0);
    testing_support::Call(&mm.world(), [&] { return mmgrab(mm.mm()); });
    mm.Put(mm.mm());
    EXPECT_EQ(mm.Calls(), "release");
    EXPECT_EQ(mm.mm()->exit_phase, ExitPhase::kDead);
    EXPECT_EQ(mm.pages_live(), 0U);
    EXPECT_EQ(mm.world().Violations(), "") << protocol;
  }
}

// P21: the pages of a device that was not told yet are freed. From 5.0 on the
// section over everything hides it from devices that have range_start.
TEST(ExitTest, ALateReleaseIsFound) {
  for (const bool mutated : {false, true}) {
    NotifiedMm mm(
        "v11", mutated ? std::initializer_list<
                             kernel::Mutant>{kernel::Mutant::kExitReleasesLate}
                       : std::initializer_list<kernel::Mutant>{});
    mm.Map(0, 1, kRw);
    mm.Write(0, 1);
    mm.Establish(0);
    mm.Put(mm.mm());
    EXPECT_EQ(mm.world().Violated(trace::Checker::kNoStaleSecondaryMapping),
              mutated);
  }
}

TEST(ExitTest, WhoSharesTheMmOnlyCounts) {
  NotifiedMm mm("6.1");
  mm.Map(0, 1, kRw);
  testing_support::Call(&mm.world(), [&] { return mmget(mm.mm()); });
  mm.Put(mm.mm());
  EXPECT_EQ(mm.Calls(), "");
  EXPECT_EQ(mm.mm()->mm_users.counter, 1);
}

TEST(ExitTest, AWorkerRunsIt) {
  NotifiedMm mm("6.1");
  mm.Map(0, 1, kRw);
  mm.Write(0, 1);
  testing_support::Call(&mm.world(), [&] { return mmgrab(mm.mm()); });
  struct Putter {
    static sched::Task<> Run(void* arg) {
      auto* mm = static_cast<mm_struct*>(arg);
      co_await mmput_async(mm);
      CHECK(mm->exit_phase == ExitPhase::kLive);
    }
  };
  mm.world().Spawn("putter", Putter::Run, mm.mm());
  EXPECT_EQ(mm.world().Run(1), sched::RunStop::kFinished);
  EXPECT_EQ(mm.Calls(), "release");
  EXPECT_EQ(mm.mm()->exit_phase, ExitPhase::kDead);
}

TEST(ExecTest, WaitsForMmapLockAndTellsNobody) {
  NotifiedMm mm("6.1");
  mm.Map(0, 1, kRw);
  EXPECT_EQ(mm.Do([&] { return exec_mmap(mm.mm()); }), 0);
  EXPECT_EQ(mm.Calls(), "");
  EXPECT_EQ(mm.mm()->mmap_sem.readers, 0U);
}

}  // namespace
}  // namespace mmfault::mm
