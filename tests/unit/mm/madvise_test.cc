// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// madvise: one section for each VMA; which lock; which errors.

#include "gtest/gtest.h"
#include "server/mm/mmap.h"
#include "server/mm/page_table.h"
#include "server/mm/rmap.h"
#include "tests/unit/mm/notified_mm.h"

namespace mmfault::mm {
namespace {

int Advise(NotifiedMm* mm, uint64_t first, uint64_t end, Advice advice) {
  return mm->Do(
      [=] { return do_madvise(mm->mm(), At(first), At(end), advice); });
}

void Fill(NotifiedMm* mm) {
  mm->Map(0, 16, kRw);
  mm->Write(0, 8);
  mm->Protect(4, 5, VM_READ);
  mm->Calls();
}

TEST(MadviseTest, DontneedTellsVmaByVmaAndFreesAfterTheEnd) {
  NotifiedMm mm("6.1");
  Fill(&mm);
  EXPECT_EQ(mm.Dontneed(0, 16), 0);
  EXPECT_EQ(mm.Calls(),
            "S CLEAR 0-4 R, IR 0-4, E 0-4, IR 0-4, S CLEAR 4-5 R, IR 4-5, "
            "E 4-5, IR 4-5, S CLEAR 5-16 R, IR 5-16, E 5-16, IR 5-8");
  EXPECT_EQ(mm.pages_live(), 0U);
  mm.Unmap(8, 9);
  mm.Calls();
  EXPECT_EQ(mm.Dontneed(6, 12), -ENOMEM);  // the hole is passed over
  EXPECT_EQ(mm.Calls(),
            "S CLEAR 6-8 R, IR 6-8, E 6-8, S CLEAR 9-12 R, IR 9-12, E 9-12");
  EXPECT_EQ(mm.world().Violations(), "");
}

TEST(MadviseTest, In73OneVmaNeedsNoMmapLock) {
  NotifiedMm mm("7.3");
  Fill(&mm);
  mm.Dontneed(0, 4);
  EXPECT_EQ(mm.Calls(), "S CLEAR 0-4 -, E 0-4");
  Advise(&mm, 5, 16, Advice::kFree);
  EXPECT_EQ(mm.Calls(), "S CLEAR 5-16 -, E 5-16");
  mm.Dontneed(4, 6);  // two VMAs
  EXPECT_EQ(mm.Calls(), "S CLEAR 4-5 R, E 4-5, S CLEAR 5-6 R, E 5-6");
}

TEST(MadviseTest, FreeIsForAnonymousMemory) {
  NotifiedMm mm("6.1");
  mm.Map(0, 4, kRw);
  mm.Write(0, 2);
  mm.Establish(0);
  EXPECT_EQ(Advise(&mm, 0, 4, Advice::kFree), 0);
  EXPECT_EQ(mm.Calls(), "S CLEAR 0-4 R, IR 0-4, E 0-4, IR 0-2");
  EXPECT_EQ(mm.dev()->spte_count, 0U);
  EXPECT_TRUE(mm.PageAt(0)->lazyfree);
  // Reclaim drops it instead of swapping it out.
  EXPECT_EQ(mm.Do([&] { return reclaim_page(mm.mm(), At(0)); }), 0);
  EXPECT_TRUE(LookupPte(mm.mm(), At(0)).none());
  EXPECT_EQ(mm.Calls(), "Y 0-1, S CLEAR 0-1 -, IR 0-1, IR 0-1, E 0-1");
  mm.Map(4, 6, kRw | VM_SHARED, NewFile(2, 2));
  EXPECT_EQ(Advise(&mm, 4, 6, Advice::kFree), -EINVAL);
  EXPECT_EQ(mm.world().Violations(), "");
}

TEST(MadviseTest, ColdTellsOnlySharedPageTables) {
  NotifiedMm mm("6.1");
  mm.Map(0, 4, kRw);
  mm.Write(0, 2);
  EXPECT_EQ(Advise(&mm, 0, 4, Advice::kCold), 0);
  EXPECT_EQ(mm.Calls(), "IR 0-2");
  EXPECT_EQ(Advise(&mm, 0, 4, Advice::kCold), 0);  // cold already
  EXPECT_EQ(mm.Calls(), "");
}

TEST(MadviseTest, RemovePunchesAHoleWithoutMmapLock) {
  NotifiedMm mm("6.1");
  address_space* file = NewFile(8, 8);
  mm.Map(0, 8, kRw | VM_SHARED, file);
  mm.Write(0, 8);
  EXPECT_EQ(Advise(&mm, 2, 4, Advice::kRemove), 0);
  EXPECT_EQ(mm.Calls(), "S CLEAR 2-4 -, IR 2-4, IR 2-4, E 2-4");
  EXPECT_EQ(file->pages[2], nullptr);
  mm.Protect(0, 1, VM_READ);
  EXPECT_EQ(Advise(&mm, 0, 1, Advice::kRemove), -EACCES);
  mm.Map(8, 9, kRw);
  EXPECT_EQ(Advise(&mm, 8, 9, Advice::kRemove), -EINVAL);
  EXPECT_EQ(mm.mm()->mmap_sem.readers, 0U);
  EXPECT_EQ(mm.world().Violations(), "");
}

TEST(MadviseTest, WhatIsNotToBeForkedIsNot) {
  NotifiedMm mm("6.1");
  mm.Map(0, 4, kRw);
  mm.Write(0, 4);
  EXPECT_EQ(Advise(&mm, 0, 2, Advice::kDontfork), 0);
  EXPECT_EQ(mm.Calls(), "");
  mm_struct* child = mm.Fork();
  EXPECT_EQ(mm.Calls(), "S PROTECTION_PAGE 2-4 W, IR 2-4, E 2-4");
  EXPECT_EQ(child->map_count, 1U);
  mm.Put(child);
}

}  // namespace
}  // namespace mmfault::mm
