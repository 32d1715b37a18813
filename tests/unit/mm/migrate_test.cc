// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// move_pages() and /proc/pid/clear_refs.

#include "server/mm/migrate.h"

#include "gtest/gtest.h"
#include "server/mm/fork.h"
#include "server/mm/page_table.h"
#include "server/mm/rmap.h"
#include "server/mm/task_mmu.h"
#include "tests/unit/mm/notified_mm.h"

namespace mmfault::mm {
namespace {

class MigrateTest : public ::testing::Test {
 protected:
  void TearDown() override { EXPECT_EQ(mm_.world().Violations(), ""); }
  int Move(uint64_t first, uint64_t end) {
    return mm_.Do(
        [=, this] { return do_pages_move(mm_.mm(), At(first), At(end)); });
  }
  int ClearRefsOf(ClearRefs what) {
    return mm_.Do([=, this] { return clear_refs_write(mm_.mm(), what); });
  }

  NotifiedMm mm_{"6.1"};
};

TEST_F(MigrateTest, EachPageHasItsSectionWithoutMmapLock) {
  mm_.Map(0, 4, kRw);
  mm_.Write(0, 2, 65);
  const page* old = mm_.PageAt(0);
  mm_.Establish(0);
  EXPECT_EQ(Move(0, 4), 0);
  EXPECT_EQ(mm_.Calls(),
            "S CLEAR 0-1 -, IR 0-1, E 0-1, S CLEAR 1-2 -, IR 1-2, E 1-2");
  EXPECT_NE(mm_.PageAt(0), old);
  EXPECT_EQ(mm_.PageAt(0)->value, 65);
  EXPECT_EQ(mm_.pages_live(), 2U);
  EXPECT_EQ(mm_.dev()->spte_count, 0U);
  mm_.Write(0, 1);
  EXPECT_EQ(mm_.Calls(), "");  // as writable as before
}

TEST_F(MigrateTest, SharedAndPinnedPagesStay) {
  mm_.Map(0, 2, kRw);
  mm_.Write(0, 2);
  mm_struct* child = mm_.Fork();
  mm_.Write(1, 2);
  page* pinned = mm_.Pin(1);
  mm_.Calls();
  EXPECT_EQ(Move(0, 2), 0);
  EXPECT_EQ(mm_.Calls(), "S CLEAR 1-2 -, IR 1-2, E 1-2");
  EXPECT_EQ(mm_.PageAt(1), pinned);
  mm_.Unpin(pinned);
  mm_.Put(child);
}

TEST_F(MigrateTest, FilePagesMoveWithTheirCache) {
  address_space* file = NewFile(4, 4);
  mm_.Map(0, 4, kRw | VM_SHARED, file);
  mm_.Write(0, 1, 3);
  EXPECT_EQ(Move(0, 4), 0);
  EXPECT_EQ(mm_.Calls(), "S CLEAR 0-1 -, IR 0-1, E 0-1");
  EXPECT_EQ(mm_.PageAt(0), file->pages[0]);
  EXPECT_EQ(file->pages[0]->refcount.counter, 2);
  EXPECT_EQ(mm_.pages_live(), 1U);
}

TEST_F(MigrateTest, AHugePageMovesWhole) {
  mm_.Map(0, 512, kRw | VM_HUGEPAGE);
  mm_.Write(0, 1);
  const page* old = mm_.PageAt(0);
  EXPECT_EQ(Move(0, 512), 0);
  EXPECT_EQ(mm_.Calls(), "S CLEAR 0-512 -, IR 0-512, E 0-512");
  EXPECT_TRUE(mm_.IsHuge(5));
  EXPECT_NE(mm_.PageAt(0), old);
  EXPECT_EQ(mm_.pages_live(), 1U);
}

TEST_F(MigrateTest, AHugePageMappedByPtesMovesInOneSection) {
  mm_.Map(0, 512, kRw | VM_HUGEPAGE);
  mm_.Write(0, 1);
  mm_.Dontneed(3, 4);
  mm_.Calls();
  EXPECT_EQ(Move(0, 512), 0);
  EXPECT_EQ(mm_.Calls(), "S CLEAR 0-512 -, IR 0-512, E 0-512");
  EXPECT_EQ(mm_.PageAt(511)->mapcount, 511U);
  EXPECT_EQ(mm_.pages_live(), 1U);
}

TEST_F(MigrateTest, SoftDirtyIsToldOverEverything) {
  mm_.Map(0, 4, kRw);
  mm_.Write(0, 2);
  EXPECT_EQ(ClearRefsOf(ClearRefs::kSoftDirty), 0);
  EXPECT_EQ(mm_.Calls(), "S SOFT_DIRTY all W, IR all, E all");
  EXPECT_FALSE(LookupPte(mm_.mm(), At(0)).writable());
  mm_.Write(0, 1);
  EXPECT_EQ(ClearRefsOf(ClearRefs::kReferenced), 0);
  EXPECT_EQ(mm_.Calls(), "");
  EXPECT_FALSE(LookupPte(mm_.mm(), At(0)).young());
}

TEST(MigrateErasTest, OldErasTellOfThePageUnderTheLock) {
  NotifiedMm mm("2.6.27");
  mm.Map(0, 1, kRw);
  mm.Write(0, 1);
  EXPECT_EQ(mm.Do([&] { return do_pages_move(mm.mm(), At(0), At(1)); }), 0);
  EXPECT_EQ(mm.Calls(), "invalidate_page");
  EXPECT_EQ(mm.world().Violations(), "");
}

}  // namespace
}  // namespace mmfault::mm
