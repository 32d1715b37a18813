// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// KSM: which pages ksmd merges, in which order devices are told, and how they
// come apart.

#include "server/mm/ksm.h"

#include "gtest/gtest.h"
#include "server/kernel/errno.h"
#include "server/mm/fork.h"
#include "server/mm/huge_memory.h"
#include "server/mm/memory.h"
#include "server/mm/mmap.h"
#include "server/mm/page_table.h"
#include "server/mm/vmscan.h"
#include "tests/unit/mm/notified_mm.h"

namespace mmfault::mm {
namespace {

class KsmTest : public ::testing::Test {
 protected:
  void TearDown() override {
    EXPECT_EQ(mm_.world().Violations(), "");
    mm_.Put(mm_.mm());
    EXPECT_EQ(mm_.pages_live(), 0U);
    EXPECT_EQ(mm_.world().Violations(), "");
  }
  int Advise(uint64_t first, uint64_t end, bool mergeable) {
    return mm_.Do([=, this] {
      return ksm_madvise(mm_.mm(), At(first), At(end), mergeable);
    });
  }
  int Scan() {
    return mm_.Do([] { return ksm_do_scan(); });
  }
  void FourEqualPages() {
    mm_.Map(0, 4, kRw);
    mm_.Write(0, 4, 0x5a);
    Advise(0, 4, true);
  }

  NotifiedMm mm_{"6.1"};
};

// As recorded: the second page becomes the shared one, the first is protected
// and replaced, then the others.
TEST_F(KsmTest, FourEqualPagesInTheOrderOfTheTrees) {
  FourEqualPages();
  EXPECT_EQ(Scan(), 3);
  std::string expected;
  for (const char* page : {"1-2", "0-1", "0-1", "2-3", "2-3", "3-4", "3-4"}) {
    expected += expected.empty() ? "" : ", ";
    expected += std::string("S CLEAR ") + page + " R, PTE " + page + ", IR " +
                page + ", E " + page;
  }
  EXPECT_EQ(mm_.Calls(), expected);
  EXPECT_EQ(mm_.pages_live(), 1U);
  EXPECT_EQ(mm_.PageAt(0), mm_.PageAt(3));
  EXPECT_EQ(Scan(), 3);
  EXPECT_EQ(mm_.Calls(), "");
}

TEST_F(KsmTest, DifferentPagesStayApart) {
  mm_.Map(0, 4, kRw);
  for (uint64_t i = 0; i < 4; ++i) {
    mm_.Write(i, i + 1, static_cast<uint8_t>(i + 1));
  }
  Advise(0, 4, true);
  EXPECT_EQ(Scan(), 0);
  EXPECT_EQ(mm_.Calls(), "");
}

TEST_F(KsmTest, OnlyWhatIsMergeableIsLookedAt) {
  mm_.Map(0, 4, kRw);
  mm_.Write(0, 4, 7);
  EXPECT_EQ(Scan(), 0);
  Advise(0, 2, true);
  EXPECT_EQ(Scan(), 1);
  EXPECT_EQ(mm_.pages_live(), 3U);
  EXPECT_EQ(mm_.mm()->mm_count.counter, 3);  // users, notifier, ksmd
}

TEST_F(KsmTest, AWriteCopiesEvenTheLastMapping) {
  FourEqualPages();
  Scan();
  mm_.Calls();
  mm_.Write(1, 2, 0x41);
  EXPECT_EQ(mm_.Calls(), "S CLEAR 1-2 R, IR 1-2, PTE 1-2, E 1-2");
  mm_.Write(0, 1, 1);
  mm_.Write(2, 3, 2);
  mm_.Calls();
  mm_.Write(3, 4, 3);
  EXPECT_EQ(mm_.Calls(), "S CLEAR 3-4 R, IR 3-4, PTE 3-4, E 3-4");
  EXPECT_EQ(mm_.pages_live(), 4U);
  EXPECT_EQ(Scan(), 0);
}

TEST_F(KsmTest, UnmergeableBreaksSharedPagesUnderMmapLock) {
  FourEqualPages();
  Scan();
  mm_.Write(1, 2, 0x41);
  mm_.Calls();
  EXPECT_EQ(Advise(0, 4, false), 0);
  EXPECT_EQ(mm_.Calls(),
            "S CLEAR 0-1 W, IR 0-1, PTE 0-1, E 0-1, "
            "S CLEAR 2-3 W, IR 2-3, PTE 2-3, E 2-3, "
            "S CLEAR 3-4 W, IR 3-4, PTE 3-4, E 3-4");
  EXPECT_EQ(mm_.pages_live(), 4U);
  EXPECT_EQ(Scan(), 0);
}

TEST_F(KsmTest, APinnedPageIsNotMerged) {
  mm_.Map(0, 2, kRw);
  mm_.Write(0, 2, 9);
  Advise(0, 2, true);
  page* pinned = mm_.Pin(1);
  EXPECT_EQ(Scan(), 0);
  EXPECT_NE(mm_.PageAt(0), mm_.PageAt(1));
  EXPECT_EQ(mm_.PageAt(1), pinned);
  EXPECT_TRUE(LookupPte(mm_.mm(), At(1)).writable());
  mm_.Unpin(pinned);
  EXPECT_EQ(Scan(), 1);
}

TEST_F(KsmTest, PagesOfTwoMmsAreMerged) {
  FourEqualPages();
  mm_struct* other = mm_alloc();
  mm_.Do([=] { return do_mmap(other, At(0), At(1), kRw, nullptr, 0); });
  mm_.Do([=] { return access_page(other, At(0), true); });
  LookupPte(other, At(0)).target()->value = 0x5a;
  mm_.Do([=] { return ksm_madvise(other, At(0), At(1), true); });
  EXPECT_EQ(Scan(), 4);
  EXPECT_EQ(LookupPte(other, At(0)).target(), mm_.PageAt(0));
  mm_.Put(other);
  EXPECT_EQ(mm_.PageAt(0)->mapcount, 4U);
  EXPECT_EQ(Scan(), 3);
}

TEST_F(KsmTest, ReclaimFindsEveryMapping) {
  FourEqualPages();
  Scan();
  mm_struct* child = mm_.Fork();
  EXPECT_EQ(mm_.PageAt(0)->mapcount, 8U);
  mm_.Calls();
  EXPECT_EQ(mm_.Do([this] { return reclaim_page(mm_.mm(), At(2)); }), 0);
  EXPECT_EQ(mm_.PageAt(0), nullptr);
  EXPECT_EQ(LookupPte(child, At(3)).target(), nullptr);
  EXPECT_EQ(mm_.pages_live(), 0U);
  mm_.Read(0, 4);
  EXPECT_EQ(mm_.PageAt(0)->value, 0x5a);
  mm_.Put(child);
}

TEST_F(KsmTest, AHugePageIsSplitToBeMerged) {
  mm_.Map(0, 512, kRw | VM_HUGEPAGE);
  mm_.Write(0, 1, 0x5a);
  Advise(0, 512, true);
  EXPECT_EQ(Scan(), 511);
  EXPECT_EQ(mm_.pages_live(), 1U);
}

TEST(KsmErasTest, LaterNoPteIsAnnouncedByItself) {
  for (const char* protocol : {"6.12", "7.3"}) {
    NotifiedMm mm(protocol);
    mm.Map(0, 2, kRw);
    mm.Write(0, 2, 5);
    mm.Do([&] { return ksm_madvise(mm.mm(), At(0), At(2), true); });
    EXPECT_EQ(mm.Do([] { return ksm_do_scan(); }), 1);
    EXPECT_EQ(mm.Calls(),
              "S CLEAR 1-2 R, E 1-2, S CLEAR 0-1 R, E 0-1, S CLEAR 0-1 R, "
              "E 0-1")
        << protocol;
    EXPECT_EQ(mm.world().Violations(), "");
  }
}

// ksmd scans while the mm's last user goes, in every order.
TEST(KsmRaceTest, ExitFencesKsmd) {
  NotifiedMm mm("6.1");
  mm.Map(0, 3, kRw);
  mm.Write(0, 3, 5);
  mm.Do([&] { return ksm_madvise(mm.mm(), At(0), At(3), true); });
  mm.world().Spawn(
      "ksmd", [](void*) -> sched::Task<> { co_await ksm_do_scan(); }, nullptr);
  mm.world().Spawn(
      "exit",
      [](void* arg) -> sched::Task<> {
        co_await mmput(static_cast<mm_struct*>(arg));
      },
      mm.mm());
  int dead = 0;
  const testing_support::Exploration seen = mm.world().Explore(
      500, [&] { dead += State()->pages_live == 1 ? 1 : 0; });
  EXPECT_TRUE(seen.Clean()) << seen.Text();
  EXPECT_EQ(dead, 500);
}

}  // namespace
}  // namespace mmfault::mm
