// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Huge pages: what their splits, copies and collapses tell, and when.

#include "server/mm/huge_memory.h"

#include "gtest/gtest.h"
#include "server/kernel/errno.h"
#include "server/mm/khugepaged.h"
#include "server/mm/mmap.h"
#include "server/mm/page_table.h"
#include "server/mm/rmap.h"
#include "server/mm/vmscan.h"
#include "tests/unit/mm/notified_mm.h"

namespace mmfault::mm {
namespace {

constexpr uint64_t kHugeRw = kRw | VM_HUGEPAGE;

class HugeMemoryTest : public ::testing::Test {
 protected:
  void TearDown() override {
    EXPECT_EQ(mm_.world().Violations(), "");
    mm_.Put(mm_.mm());
    EXPECT_EQ(mm_.pages_live(), files_ * 1U);
    EXPECT_EQ(mm_.world().Violations(), "");
  }
  int Collapse(uint64_t first, uint64_t end) {
    return mm_.Do(
        [=, this] { return madvise_collapse(mm_.mm(), At(first), At(end)); });
  }

  NotifiedMm mm_{"6.1"};
  uint64_t files_ = 0;
};

TEST_F(HugeMemoryTest, FirstWriteMapsTwoMegabytesAndTellsNobody) {
  mm_.Map(0, 1024, kHugeRw);
  EXPECT_EQ(mm_.Write(3, 4), 0);
  EXPECT_EQ(mm_.Calls(), "");
  EXPECT_TRUE(mm_.IsHuge(0));
  EXPECT_TRUE(mm_.IsHuge(511));
  EXPECT_EQ(mm_.PageAt(512), nullptr);
  EXPECT_EQ(mm_.pages_live(), 1U);
  EXPECT_EQ(mm_.mm()->mm_count.counter, 3);  // users, notifier, khugepaged
}

TEST_F(HugeMemoryTest, NoHugePageBesideATableOrAtTheEdgeOfAVma) {
  mm_.Map(0, 1000, kHugeRw);
  EXPECT_EQ(mm_.Write(600, 601), 0);
  EXPECT_FALSE(mm_.IsHuge(600));
  mm_.Map(0, 512, kRw);
  mm_.Write(5, 6);
  mm_.Do([this] { return hugepage_madvise(mm_.mm(), At(0), At(512), true); });
  mm_.Write(6, 7);
  EXPECT_FALSE(mm_.IsHuge(6));
}

TEST_F(HugeMemoryTest, PartialZapSplitsInsideItsOwnSection) {
  mm_.Map(0, 1024, kHugeRw);
  mm_.Write(0, 1);
  EXPECT_EQ(mm_.Dontneed(0, 1), 0);
  EXPECT_EQ(mm_.Calls(),
            "S CLEAR 0-1 R, S CLEAR 0-512 R, E 0-512, IR 0-1, E 0-1, IR 0-1");
  EXPECT_FALSE(mm_.IsHuge(1));
  EXPECT_EQ(mm_.PageAt(0), nullptr);
  EXPECT_EQ(mm_.PageAt(1), mm_.PageAt(511));
  EXPECT_EQ(mm_.PageAt(1)->mapcount, 511U);
  EXPECT_EQ(mm_.pages_live(), 1U);
}

TEST_F(HugeMemoryTest, WholeZapHasOneSection) {
  mm_.Map(0, 1024, kHugeRw);
  mm_.Write(0, 1);
  EXPECT_EQ(mm_.Dontneed(0, 512), 0);
  EXPECT_EQ(mm_.Calls(), "S CLEAR 0-512 R, IR 0-512, E 0-512, IR 0-512");
  EXPECT_EQ(mm_.pages_live(), 0U);
  mm_.Write(0, 1);
  EXPECT_TRUE(mm_.IsHuge(0));  // no table was left behind
}

TEST_F(HugeMemoryTest, MunmapSplitsBeforeItsSection) {
  mm_.Map(0, 512, kHugeRw);
  mm_.Write(0, 1);
  EXPECT_EQ(mm_.Unmap(0, 8), 0);
  EXPECT_EQ(mm_.Calls(),
            "S CLEAR 0-512 W, E 0-512, "
            "S UNMAP 0-8 R, IR 0-8, E 0-8, IR 0-8");
  EXPECT_EQ(mm_.PageAt(8)->mapcount, 504U);
}

TEST_F(HugeMemoryTest, ProtectionOfAWholeHugePageKeepsItWhole) {
  mm_.Map(0, 512, kHugeRw);
  mm_.Write(0, 1);
  mm_.Protect(0, 512, VM_READ);
  EXPECT_EQ(mm_.Calls(),
            "S PROTECTION_VMA 0-512 W, IR 0-512, E 0-512, IR 0-512");
  mm_.Protect(0, 512, kRw);
  EXPECT_EQ(mm_.Calls(), "S PROTECTION_VMA 0-512 W, IR 0-512, E 0-512");
  EXPECT_TRUE(mm_.IsHuge(0));
  EXPECT_FALSE(LookupPte(mm_.mm(), At(0)).writable());
  mm_.Write(9, 10);
  EXPECT_EQ(mm_.Calls(), "");
  EXPECT_TRUE(LookupPte(mm_.mm(), At(0)).writable());
}

TEST_F(HugeMemoryTest, WriteUnderAForkSplitsAndCopiesOnePage) {
  mm_.Map(0, 512, kHugeRw);
  mm_.Write(0, 1);
  mm_struct* child = mm_.Fork();
  EXPECT_EQ(mm_.Calls(), "S PROTECTION_PAGE 0-512 W, IR 0-512, E 0-512");
  EXPECT_TRUE(LookupPte(child, At(0)).huge());
  mm_.Write(3, 4);
  EXPECT_EQ(mm_.Calls(),
            "S CLEAR 0-512 R, E 0-512, S CLEAR 3-4 R, IR 3-4, PTE 3-4, E 3-4");
  EXPECT_EQ(mm_.pages_live(), 2U);
  EXPECT_TRUE(LookupPte(child, At(0)).huge());
  mm_.Put(child);
}

TEST_F(HugeMemoryTest, WriteAfterTheChildIsGoneReuses) {
  mm_.Map(0, 512, kHugeRw);
  mm_.Write(0, 1);
  mm_struct* child = mm_.Fork();
  mm_.Put(child);
  mm_.Calls();
  mm_.Write(3, 4);
  EXPECT_EQ(mm_.Calls(), "");
  EXPECT_TRUE(mm_.IsHuge(3));
}

TEST_F(HugeMemoryTest, ZeroPageIsSplitByTheFirstWrite) {
  mm_.Map(0, 512, kHugeRw);
  mm_.Read(0, 1);
  EXPECT_TRUE(mm_.IsHuge(0));
  EXPECT_EQ(mm_.pages_live(), 0U);
  mm_.Write(2, 3);
  EXPECT_EQ(mm_.Calls(),
            "S CLEAR 0-512 R, E 0-512, S CLEAR 2-3 R, IR 2-3, PTE 2-3, E 2-3");
  EXPECT_EQ(mm_.pages_live(), 1U);
}

TEST_F(HugeMemoryTest, MremapMovesWholeEntriesBetweenAlignedPlaces) {
  mm_.Map(0, 512, kHugeRw);
  mm_.Write(0, 1);
  EXPECT_EQ(mm_.Do([this] {
    return do_mremap(mm_.mm(), {At(0), At(512), kHugeSize, At(2048), false});
  }),
            0);
  EXPECT_TRUE(mm_.IsHuge(2048));
  EXPECT_EQ(mm_.PageAt(0), nullptr);
  mm_.Calls();
  EXPECT_EQ(mm_.Do([this] {
    return do_mremap(mm_.mm(),
                     {At(2048), At(2560), kHugeSize, At(4097), false});
  }),
            0);
  EXPECT_EQ(mm_.Calls().substr(0, 60),
            "S UNMAP 2048-2560 W, S CLEAR 2048-2560 W, E 2048-2560, IR 20");
  EXPECT_FALSE(mm_.IsHuge(4097));
  EXPECT_EQ(mm_.PageAt(4097)->mapcount, 512U);
}

TEST_F(HugeMemoryTest, ReclaimOfAHugePageMakesSmallOnesFirst) {
  mm_.Map(0, 512, kHugeRw);
  mm_.Write(0, 1);
  EXPECT_EQ(mm_.Do([this] { return reclaim_page(mm_.mm(), At(7)); }), 0);
  EXPECT_EQ(mm_.Calls(),
            "S CLEAR 0-512 -, E 0-512, S CLEAR 0-512 -, IR 0-512, E 0-512, "
            "Y 7-8, S CLEAR 7-8 -, IR 7-8, IR 7-8, E 7-8");
  EXPECT_EQ(mm_.pages_live(), 511U);
}

TEST_F(HugeMemoryTest, APinnedHugePageIsNotSplitForReclaim) {
  mm_.Map(0, 512, kHugeRw);
  mm_.Write(0, 1);
  page* pinned = mm_.Pin(3);
  EXPECT_EQ(mm_.Do([this] { return reclaim_page(mm_.mm(), At(7)); }), -EAGAIN);
  EXPECT_EQ(mm_.Calls(), "");
  mm_.Unpin(pinned);
}

// --- Collapse ----------------------------------------------------------------

TEST_F(HugeMemoryTest, CollapseTakesTheTablesAwayUnderMmapLock) {
  mm_.Map(0, 512, kRw);
  mm_.Write(0, 512);
  EXPECT_EQ(mm_.pages_live(), 512U);
  EXPECT_EQ(Collapse(0, 512), 0);
  EXPECT_EQ(mm_.Calls(), "S CLEAR 0-512 W, IR 0-512, E 0-512");
  EXPECT_TRUE(mm_.IsHuge(0));
  EXPECT_EQ(mm_.pages_live(), 1U);
  EXPECT_EQ(Collapse(0, 512), 0);  // is one
  EXPECT_EQ(mm_.Calls(), "");
}

TEST_F(HugeMemoryTest, CollapseBringsSwappedPagesBack) {
  mm_.Map(0, 512, kRw);
  mm_.Write(0, 8, 65);
  mm_.Do([this] { return reclaim_page(mm_.mm(), At(0)); });
  mm_.Calls();
  EXPECT_EQ(Collapse(0, 512), 0);
  EXPECT_EQ(mm_.PageAt(0)->value, 65);
  EXPECT_EQ(mm_.pages_live(), 1U);
}

TEST_F(HugeMemoryTest, CollapseOfAPteMappedHugePage) {
  mm_.Map(0, 512, kHugeRw);
  mm_.Write(0, 1);
  mm_.Dontneed(0, 1);
  mm_.Calls();
  EXPECT_EQ(Collapse(0, 512), 0);  // something in it is writable
  EXPECT_EQ(mm_.Calls(), "S CLEAR 0-512 W, IR 0-512, E 0-512");
}

TEST_F(HugeMemoryTest, CollapseRefusesWhatIsNotWritableUntil6_17) {
  mm_.Map(0, 512, kHugeRw);
  mm_.Write(0, 1);
  mm_.Protect(0, 512, VM_READ);
  mm_.Protect(0, 512, kRw);  // the entry stays read-only until it is written
  mm_.Dontneed(0, 1);
  mm_.Calls();
  EXPECT_EQ(Collapse(0, 512), -EINVAL);
  EXPECT_EQ(mm_.Calls(), "");
}

TEST_F(HugeMemoryTest, CollapseRefusals) {
  mm_.Map(0, 512, kRw);
  EXPECT_EQ(Collapse(0, 512), -EINVAL);  // never written
  mm_.Write(0, 512);
  EXPECT_EQ(Collapse(0, 600), -ENOMEM);  // a hole behind it
  EXPECT_EQ(Collapse(100, 300), 0);      // nothing aligned
  mm_.Do([this] { return hugepage_madvise(mm_.mm(), At(0), At(512), false); });
  EXPECT_EQ(Collapse(0, 512), -EINVAL);  // not wanted there
}

TEST_F(HugeMemoryTest, CollapseWaitsForPins) {
  mm_.Map(0, 512, kRw);
  mm_.Write(0, 512);
  page* pinned = mm_.Pin(3);
  EXPECT_EQ(Collapse(0, 512), -EAGAIN);
  EXPECT_EQ(mm_.Calls(), "");
  mm_.Unpin(pinned);
}

TEST_F(HugeMemoryTest, FileCollapseUnmapsPagesThenTables) {
  files_ = 1;
  address_space* file = NewFile(512, 512);
  mm_.Map(0, 512, kRw | VM_SHARED, file);
  mm_.Write(0, 2);
  EXPECT_EQ(mm_.Do([=] { return collapse_file(file, 0); }), 0);
  EXPECT_EQ(mm_.Calls(),
            "S CLEAR 0-1 -, IR 0-1, E 0-1, S CLEAR 1-2 -, IR 1-2, E 1-2, "
            "S CLEAR 0-512 W, IR 0-512, E 0-512");
  mm_.Read(5, 6);
  EXPECT_EQ(mm_.PageAt(5)->order, kHugeOrder);
  EXPECT_EQ(mm_.Do([=] { return collapse_file(file, 1); }), -EINVAL);
}

// --- Later eras --------------------------------------------------------------

TEST(HugeMemoryErasTest, TheWriteRightOfAHugePageComesBackWithMprotect) {
  for (const char* protocol : {"6.12", "7.3"}) {
    NotifiedMm mm(protocol);
    mm.Map(0, 512, kHugeRw);
    mm.Write(0, 1);
    mm.Protect(0, 512, VM_READ);
    mm.Protect(0, 512, kRw);
    EXPECT_TRUE(LookupPte(mm.mm(), At(0)).writable()) << protocol;
    mm.Dontneed(0, 1);
    mm.Calls();
    EXPECT_EQ(mm.Do([&] { return madvise_collapse(mm.mm(), At(0), At(512)); }),
              0)
        << protocol;
    EXPECT_EQ(mm.Calls(), "S CLEAR 0-512 W, E 0-512") << protocol;
    EXPECT_EQ(mm.world().Violations(), "");
  }
}

TEST(HugeMemoryErasTest, LaterTheHugeZeroPageIsReplacedAsAWhole) {
  NotifiedMm mm("7.3");
  mm.Map(0, 512, kHugeRw);
  mm.Read(0, 1);
  mm.Write(2, 3);
  EXPECT_EQ(mm.Calls(), "S CLEAR 0-512 -, E 0-512");
  EXPECT_TRUE(mm.IsHuge(0));
  EXPECT_EQ(mm.world().Violations(), "");
}

TEST(HugeMemoryErasTest, LaterReclaimSplitsInOneSection) {
  NotifiedMm mm("7.3");
  mm.Map(0, 512, kHugeRw);
  mm.Write(0, 1);
  mm.Do([&] { return reclaim_page(mm.mm(), At(7)); });
  EXPECT_EQ(mm.Calls().substr(0, 45),
            "S CLEAR 0-512 -, E 0-512, Y 7-8, S CLEAR 7-8 ");
}

TEST(HugeMemoryErasTest, BeforeTheyWereThereNothingIsHuge) {
  NotifiedMm mm("2.6.27");
  mm.Map(0, 512, kHugeRw);
  mm.Write(0, 1);
  EXPECT_FALSE(mm.IsHuge(0));
  EXPECT_EQ(
      mm.Do([&] { return hugepage_madvise(mm.mm(), At(0), At(512), true); }),
      -EINVAL);
}

// P59: a device that mapped the huge page of the file after its small ones were
// unmapped is told when the table goes, or it keeps what no pte maps any more.
TEST(HugeMemoryMutantTest, SilentCollapseOfAFileIsFound) {
  for (const bool mutated : {false, true}) {
    NotifiedMm mm(
        "6.1", mutated
                   ? std::initializer_list<
                         kernel::Mutant>{kernel::Mutant::kCollapseUnannounced}
                   : std::initializer_list<kernel::Mutant>{});
    address_space* file = NewFile(512, 512);
    mm.Map(0, 512, kRw | VM_SHARED, file);
    mm.Write(0, 2);
    mm.Do([=] { return collapse_file(file, 0); });
    mm.Establish(3);
    mm.Do([=] { return collapse_file(file, 0); });
    EXPECT_EQ(mm.dev()->spte_count, mutated ? 1U : 0U);
    EXPECT_EQ(mm.world().Violated(trace::Checker::kPteChangesAnnounced),
              mutated);
  }
}

}  // namespace
}  // namespace mmfault::mm
