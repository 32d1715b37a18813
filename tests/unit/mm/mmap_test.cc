// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// munmap, MAP_FIXED and brk: what notifiers are told, kernel by kernel.

#include "server/mm/mmap.h"

#include "gtest/gtest.h"
#include "server/mm/vma.h"
#include "tests/unit/mm/notified_mm.h"

namespace mmfault::mm {
namespace {

int Brk(NotifiedMm* mm, uint64_t page) {
  return mm->Do([=] { return do_brk(mm->mm(), At(page)); });
}

TEST(MunmapTest, TheRangeAskedForIsAnnouncedAndFlushedAfterTheEnd) {
  NotifiedMm mm("6.1");
  mm.Map(0, 16, kRw);
  mm.Write(0, 16);
  EXPECT_EQ(mm.Calls(), "");
  mm.Establish(5);
  EXPECT_EQ(mm.Unmap(4, 8), 0);
  EXPECT_EQ(mm.Calls(), "S UNMAP 4-8 R, IR 4-8, E 4-8, IR 4-8");
  EXPECT_EQ(mm.dev()->spte_count, 0U);
  EXPECT_EQ(mm.Unmap(4, 8), 0);  // a hole
  EXPECT_EQ(mm.Calls(), "");
  EXPECT_EQ(mm.Unmap(2, 20), 0);  // with a hole, and beyond the end
  EXPECT_EQ(mm.Calls(), "S UNMAP 2-20 R, IR 2-20, E 2-20, IR 2-16");
  EXPECT_EQ(mm.pages_live(), 2U);
  EXPECT_EQ(mm.world().Violations(), "");
}

TEST(MunmapTest, UntouchedMemoryIsAnnouncedAndNotFlushed) {
  NotifiedMm mm("6.1");
  mm.Map(0, 8, kRw);
  mm.Unmap(0, 8);
  EXPECT_EQ(mm.Calls(), "S UNMAP 0-8 R, IR 0-8, E 0-8");
}

TEST(MunmapTest, MapFixedUnmapsUnderTheWriteLock) {
  for (const char* protocol : {"6.12", "7.3"}) {
    NotifiedMm mm(protocol);
    mm.Map(0, 8, kRw);
    mm.Write(0, 8);
    EXPECT_EQ(mm.Map(2, 6, kRw), 0);
    EXPECT_EQ(mm.Calls(), "S UNMAP 2-6 W, E 2-6");
    EXPECT_EQ(mm.mm()->map_count, 1U);  // anonymous neighbours are one again
    EXPECT_EQ(mm.pages_live(), 4U);
  }
}

TEST(MunmapTest, In2008TheLockStaysAWriteLock) {
  NotifiedMm mm("v11");
  mm.Map(0, 2, kRw);
  mm.Write(0, 2);
  mm.Unmap(0, 1);
  EXPECT_EQ(mm.Calls(), "S UNMAP 0-1 W, E 0-1");
}

// P48: a blockable start that fails is warned about; the pages go all the same,
// and who has an end gets it twice.
TEST(MunmapTest, AnErrorOfABlockableStartStopsNothing) {
  device::Behaviour refusing;
  refusing.answers[0] = {notifier::Method::kInvalidateRangeStart, false,
                         -EAGAIN, 0};
  refusing.answer_count = 1;
  NotifiedMm mm("6.12", {}, refusing);
  mm.Map(0, 4, kRw);
  mm.Write(0, 4);
  EXPECT_EQ(mm.Unmap(0, 4), 0);
  EXPECT_EQ(mm.Calls(), "S UNMAP 0-4 R, E 0-4, E 0-4");
  EXPECT_EQ(mm.pages_live(), 0U);
  EXPECT_TRUE(mm.world().Violated(trace::Checker::kErrorsAsSpecified));
  EXPECT_FALSE(mm.world().Violated(trace::Checker::kPteChangesAnnounced));
}

TEST(BrkTest, GrowsSilentlyAndShrinksAsMunmap) {
  NotifiedMm mm("6.1");
  mm.mm()->start_brk = At(0);
  mm.mm()->brk = At(0);
  EXPECT_EQ(Brk(&mm, 4), 0);
  EXPECT_EQ(Brk(&mm, 8), 0);
  EXPECT_EQ(mm.mm()->map_count, 1U);
  mm.Write(0, 8);
  EXPECT_EQ(mm.Calls(), "");
  EXPECT_EQ(Brk(&mm, 2), 0);
  EXPECT_EQ(mm.Calls(), "S UNMAP 2-8 R, IR 2-8, E 2-8, IR 2-8");
  mm.Map(4, 5, kRw);
  EXPECT_EQ(Brk(&mm, 6), -ENOMEM);  // something is in the way
  EXPECT_EQ(mm.mm()->brk, At(2));
  EXPECT_EQ(mm.mm()->mmap_sem.owner, 0);
}

TEST(BrkTest, ThereMustBeAHeap) {
  NotifiedMm mm("6.1");
  EXPECT_EQ(Brk(&mm, 4), -ENOMEM);
}

}  // namespace
}  // namespace mmfault::mm
