// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Reclaim: from the page, under rmap locks; PAGEOUT; what comes back from swap.

#include "server/mm/vmscan.h"

#include "gtest/gtest.h"
#include "server/mm/memory.h"
#include "server/mm/mmap.h"
#include "server/mm/page_table.h"
#include "server/mm/rmap.h"
#include "server/mm/swap.h"
#include "tests/unit/mm/notified_mm.h"

namespace mmfault::mm {
namespace {

int Pageout(NotifiedMm* mm, uint64_t first, uint64_t end) {
  return mm->Do([=] {
    return do_madvise(mm->mm(), At(first), At(end), Advice::kPageout);
  });
}
int Reclaim(NotifiedMm* mm, uint64_t page) {
  return mm->Do([=] { return reclaim_page(mm->mm(), At(page)); });
}

TEST(PageoutTest, AsksThenClearsPageByPageAndFlushesAtTheEnd) {
  NotifiedMm mm("6.1");
  mm.Map(0, 4, kRw);
  mm.Write(0, 2);
  const std::string expected =
      "Y 0-1, S CLEAR 0-1 R, IR 0-1, IR 0-1, E 0-1, "
      "Y 1-2, S CLEAR 1-2 R, IR 1-2, IR 1-2, E 1-2, IR 0-2";
  EXPECT_EQ(Pageout(&mm, 0, 4), 0);
  EXPECT_EQ(mm.Calls(), expected);
  EXPECT_EQ(mm.pages_live(), 0U);
  EXPECT_EQ(Pageout(&mm, 0, 4), 0);  // nothing is there
  mm.Read(0, 1);
  mm.Write(1, 2);
  EXPECT_EQ(mm.Calls(), "");  // swap-in tells nobody
  EXPECT_EQ(Pageout(&mm, 0, 4), 0);
  EXPECT_EQ(mm.Calls(), expected);
  mm.Unmap(0, 4);
  EXPECT_EQ(mm.Calls(), "S UNMAP 0-4 R, IR 0-4, E 0-4");  // no page, no flush
  EXPECT_EQ(mm.world().Violations(), "");
}

TEST(PageoutTest, SinceThenNobodyIsAsked) {
  NotifiedMm mm("6.12");
  mm.Map(0, 1, kRw);
  mm.Write(0, 1);
  Pageout(&mm, 0, 1);
  EXPECT_EQ(mm.Calls(), "S CLEAR 0-1 R, E 0-1");
}

TEST(PageoutTest, AYoungPageStays) {
  device::Behaviour young;
  young.answers[0] = {notifier::Method::kClearFlushYoung, false, 1, 0};
  young.answer_count = 1;
  NotifiedMm mm("6.1", {}, young);
  mm.Map(0, 1, kRw);
  mm.Write(0, 1);
  Pageout(&mm, 0, 1);
  EXPECT_EQ(mm.Calls(), "Y 0-1, IR 0-1");
  EXPECT_NE(mm.PageAt(0), nullptr);
}

TEST(PageoutTest, WhatOthersMapTooIsLeftAlone) {
  NotifiedMm mm("6.1");
  mm.Map(0, 1, kRw);
  mm.Write(0, 1);
  mm_struct* child = mm.Fork();
  mm.Calls();
  Pageout(&mm, 0, 1);
  EXPECT_EQ(mm.Calls(), "");
  mm.Put(child);
}

TEST(PageoutTest, FilesByTheirKind) {
  for (const FileKind kind :
       {FileKind::kShmem, FileKind::kDisk, FileKind::kRam}) {
    NotifiedMm mm("6.1");
    address_space* file = NewFile(1, 1, kind);
    mm.Map(0, 1, kRw | VM_SHARED, file);
    mm.Write(0, 1);
    Pageout(&mm, 0, 1);
    // A file's page is flushed by the end alone.
    EXPECT_EQ(mm.Calls(), kind == FileKind::kRam
                              ? "IR 0-1"
                              : "Y 0-1, S CLEAR 0-1 R, IR 0-1, E 0-1, IR 0-1");
    EXPECT_EQ(file->pages[0] != nullptr, kind == FileKind::kRam);
    EXPECT_EQ(Reclaim(&mm, 0), kind == FileKind::kRam ? -EAGAIN : -ENOENT);
  }
}

// Everybody who could map it is told, also who has a copy by now, in the order
// of their age.
TEST(ReclaimTest, EveryVmaThatCoversThePageHasItsSection) {
  NotifiedMm mm("6.1");
  mm.Map(0, 1, kRw);
  mm.Write(0, 1);
  mm_struct* child = mm.Fork();
  mm.Write(0, 1);  // a copy; the first page is the child's alone
  mm.Calls();
  EXPECT_EQ(testing_support::Call<int>(
                &mm.world(), [child] { return reclaim_page(child, At(0)); }),
            0);
  EXPECT_EQ(mm.Calls(), "S CLEAR 0-1 -, IR 0-1, E 0-1");
  EXPECT_NE(mm.PageAt(0), nullptr);
  mm.Put(child);
  EXPECT_EQ(mm.world().Violations(), "");
}

TEST(ReclaimTest, In2008AfterTheFactUnderThePageTableLock) {
  NotifiedMm mm("v11");
  mm.Map(0, 1, kRw);
  mm.Write(0, 1);
  mm.Establish(0);
  EXPECT_EQ(Reclaim(&mm, 0), 0);
  EXPECT_EQ(mm.Calls(), "Y 0-1, invalidate_page");
  EXPECT_EQ(mm.dev()->spte_count, 0U);
  EXPECT_EQ(mm.world().Violations(), "");
}

// A pinned page is not freed, and the next fault finds it again.
TEST(SwapTest, APinnedPageComesBackAsItself) {
  NotifiedMm mm("6.1");
  mm.Map(0, 1, kRw);
  mm.Write(0, 1);
  page* pinned = mm.Pin(0);
  EXPECT_EQ(Reclaim(&mm, 0), 0);
  EXPECT_TRUE(LookupPte(mm.mm(), At(0)).swapped());
  EXPECT_EQ(mm.pages_live(), 1U);
  mm.Read(0, 1);
  EXPECT_EQ(mm.PageAt(0), pinned);
  mm.Unpin(pinned);
  mm.Unmap(0, 1);
  EXPECT_EQ(mm.pages_live(), 0U);
  EXPECT_EQ(mm.world().Violations(), "");
}

TEST(SwapTest, SharedEntriesAreSharedAgainAndCopiedOnWrite) {
  NotifiedMm mm("6.1");
  mm.Map(0, 1, kRw);
  mm.Write(0, 1);
  mm_struct* child = mm.Fork();
  Reclaim(&mm, 0);
  EXPECT_EQ(mm.pages_live(), 0U);
  mm.Calls();
  testing_support::Call<int>(
      &mm.world(), [child] { return access_page(child, At(0), false); });
  mm.Read(0, 1);
  EXPECT_EQ(LookupPte(child, At(0)).target(), mm.PageAt(0));
  EXPECT_EQ(mm.Calls(), "");
  mm.Write(0, 1);
  EXPECT_EQ(mm.Calls(), "S CLEAR 0-1 R, IR 0-1, PTE 0-1, E 0-1");
  mm.Put(child);
  EXPECT_EQ(mm.pages_live(), 1U);
  mm.Unmap(0, 1);
  EXPECT_EQ(mm.pages_live(), 0U);
}

TEST(SwapTest, AForkCopiesEntries) {
  NotifiedMm mm("6.1");
  mm.Map(0, 1, kRw);
  mm.Write(0, 1);
  Reclaim(&mm, 0);
  mm_struct* child = mm.Fork();
  EXPECT_EQ(LookupPte(mm.mm(), At(0)).swap()->count, 2U);
  mm.Put(child);
  EXPECT_EQ(LookupPte(mm.mm(), At(0)).swap()->count, 1U);
}

}  // namespace
}  // namespace mmfault::mm
