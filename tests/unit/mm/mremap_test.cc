// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// mremap: the old range alone is announced.

#include "gtest/gtest.h"
#include "server/mm/mmap.h"
#include "server/mm/page_table.h"
#include "server/mm/rmap.h"
#include "server/mm/vma.h"
#include "tests/unit/mm/notified_mm.h"

namespace mmfault::mm {
namespace {

struct To {
  uint64_t pages;
  int64_t page = -1;
  bool dontunmap = false;
};

int Remap(NotifiedMm* mm, uint64_t first, uint64_t end, To to) {
  const MremapArgs args{
      .start = At(first),
      .end = At(end),
      .new_size = to.pages << kPageShift,
      .new_start = to.page < 0 ? 0 : At(static_cast<uint64_t>(to.page)),
      .dontunmap = to.dontunmap};
  return mm->Do([=] { return do_mremap(mm->mm(), args); });
}

class MremapTest : public ::testing::Test {
 protected:
  void SetUp() override {
    mm_.Map(0, 8, kRw);
    mm_.Write(0, 8);
  }
  void TearDown() override { EXPECT_EQ(mm_.world().Violations(), ""); }

  NotifiedMm mm_{"6.1"};
};

TEST_F(MremapTest, AMoveIsToldOnceAndTheUnmapOnceMore) {
  const page* first = mm_.PageAt(0);
  mm_.Establish(0);
  EXPECT_EQ(Remap(&mm_, 0, 8, {.pages = 8, .page = 32}), 0);
  EXPECT_EQ(mm_.Calls(),
            "S UNMAP 0-8 W, IR 0-8, E 0-8, S UNMAP 0-8 W, IR 0-8, E 0-8");
  EXPECT_EQ(mm_.PageAt(32), first);
  EXPECT_EQ(mm_.PageAt(0), nullptr);
  EXPECT_EQ(mm_.dev()->spte_count, 0U);
  EXPECT_EQ(mm_.Write(32, 40), 0);
  EXPECT_EQ(mm_.Calls(), "");
  // Reclaim finds it at its new place.
  EXPECT_EQ(mm_.Do([&] { return reclaim_page(mm_.mm(), At(32)); }), 0);
  EXPECT_EQ(mm_.Calls(),
            "Y 32-33, S CLEAR 32-33 -, IR 32-33, IR 32-33, "
            "E 32-33");
}

TEST_F(MremapTest, APartMovesOntoSomethingElse) {
  mm_.Map(16, 24, kRw);
  mm_.Write(16, 24);
  mm_.Calls();
  EXPECT_EQ(Remap(&mm_, 2, 6, {.pages = 2, .page = 18}), 0);
  EXPECT_EQ(mm_.Calls(),
            "S UNMAP 18-20 W, IR 18-20, E 18-20, IR 18-20, "
            "S UNMAP 4-6 W, IR 4-6, E 4-6, IR 4-6, "
            "S UNMAP 2-4 W, IR 2-4, E 2-4, S UNMAP 2-4 W, IR 2-4, E 2-4");
  EXPECT_EQ(mm_.Write(18, 20), 0);
  EXPECT_EQ(mm_.pages_live(), 12U);
}

TEST_F(MremapTest, DontunmapLeavesItEmpty) {
  EXPECT_EQ(Remap(&mm_, 0, 8, {.pages = 8, .page = 32, .dontunmap = true}), 0);
  EXPECT_EQ(mm_.Calls(), "S UNMAP 0-8 W, IR 0-8, E 0-8");
  EXPECT_EQ(mm_.mm()->map_count, 2U);
  EXPECT_EQ(mm_.Write(0, 1), 0);  // fresh
  EXPECT_EQ(mm_.pages_live(), 9U);
}

TEST_F(MremapTest, ShrinksUnderTheReadLockAndGrowsInSilence) {
  EXPECT_EQ(Remap(&mm_, 0, 8, {.pages = 4}), 0);
  EXPECT_EQ(mm_.Calls(), "S UNMAP 4-8 R, IR 4-8, E 4-8, IR 4-8");
  EXPECT_EQ(Remap(&mm_, 0, 4, {.pages = 6}), 0);
  EXPECT_EQ(mm_.Write(0, 6), 0);
  EXPECT_EQ(mm_.Calls(), "");
  mm_.Map(8, 9, VM_READ);
  EXPECT_EQ(Remap(&mm_, 0, 6, {.pages = 9}), -ENOMEM);  // in the way
}

TEST_F(MremapTest, Refusals) {
  EXPECT_EQ(Remap(&mm_, 10, 12, {.pages = 2}), -EFAULT);  // nothing there
  EXPECT_EQ(Remap(&mm_, 6, 10, {.pages = 8}), -EFAULT);   // past its end
  EXPECT_EQ(Remap(&mm_, 0, 8, {.pages = 8, .page = 4}), -EINVAL);
  EXPECT_EQ(Remap(&mm_, 0, 8, {.pages = 4, .page = 32, .dontunmap = true}),
            -EINVAL);
  EXPECT_EQ(mm_.Calls(), "");
  EXPECT_EQ(mm_.mm()->mmap_sem.owner, 0);
}

// #v11: move_ptes() is bracketed, 64 pages at a time, where there is a table.
TEST(MremapEraTest, In2008StretchByStretch) {
  NotifiedMm mm("v11");
  mm.Map(0, 100, kRw);
  mm.Write(0, 1);
  EXPECT_EQ(Remap(&mm, 0, 100, {.pages = 100, .page = 200}), 0);
  EXPECT_EQ(mm.Calls(),
            "S UNMAP 0-64 W, E 0-64, S UNMAP 64-100 W, E 64-100, "
            "S UNMAP 0-100 W, E 0-100");
  EXPECT_EQ(mm.world().Violations(), "");
}

// A page that moves while reclaim looks for it is found or is left alone.
TEST(MremapEraTest, AgainstReclaim) {
  struct Racers {
    static sched::Task<> Move(void* arg) {
      co_await do_mremap(static_cast<mm_struct*>(arg),
                         {.start = At(0),
                          .end = At(2),
                          .new_size = 2 * kPageSize,
                          .new_start = At(32),
                          .dontunmap = false});
    }
    static sched::Task<> Reclaim(void* arg) {
      co_await reclaim_page(static_cast<mm_struct*>(arg), At(0));
    }
  };
  for (const char* protocol : {"6.12", "v11"}) {
    NotifiedMm mm(protocol);
    mm.Map(0, 2, kRw);
    mm.Write(0, 2);
    mm.Establish(0);
    mm.world().Spawn("mover", Racers::Move, mm.mm());
    mm.world().Spawn("kswapd", Racers::Reclaim, mm.mm());
    const testing_support::Exploration seen = mm.world().Explore(500);
    EXPECT_TRUE(seen.Clean()) << seen.Text();
  }
}

}  // namespace
}  // namespace mmfault::mm
