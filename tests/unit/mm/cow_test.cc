// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Copy on write, fork, and what a forced write does.

#include "server/mm/cow.h"

#include "gtest/gtest.h"
#include "server/mm/fork.h"
#include "server/mm/memory.h"
#include "server/mm/page_table.h"
#include "server/mm/rmap.h"
#include "tests/unit/mm/notified_mm.h"

namespace mmfault::mm {
namespace {

// Of the first write to a page that a child shares.
std::string CallsOfCopy(const char* protocol) {
  NotifiedMm mm(protocol);
  mm.Map(0, 4, kRw);
  mm.Write(0, 4);
  mm_struct* child = mm.Fork();
  const std::string fork = mm.Calls();
  mm.Write(0, 1);
  std::string calls = fork + "; " + mm.Calls();
  mm.Put(child);
  EXPECT_EQ(mm.world().Violations(), "");
  return calls;
}

TEST(CowTest, TheOldPageGoesBeforeTheNewOneComes) {
  EXPECT_EQ(CallsOfCopy("6.1"),
            "S PROTECTION_PAGE 0-4 W, IR 0-4, E 0-4; S CLEAR 0-1 R, IR 0-1, "
            "PTE 0-1, E 0-1");
  // Under the lock of the VMA alone.
  for (const char* protocol : {"6.12", "7.3"}) {
    EXPECT_EQ(CallsOfCopy(protocol),
              "S PROTECTION_PAGE 0-4 W, E 0-4; S CLEAR 0-1 -, E 0-1");
  }
  EXPECT_EQ(CallsOfCopy("v11"),
            "S PROTECTION_PAGE 0-4 W, E 0-4; invalidate_page");
  EXPECT_EQ(CallsOfCopy("emm_v3"),
            "S PROTECTION_PAGE 0-4 W, E 0-4; S CLEAR 0-1 R, E 0-1");
}

TEST(CowTest, NobodyIsToldWhereNothingGoes) {
  NotifiedMm mm("6.1");
  mm.Map(0, 4, kRw);
  mm.Write(0, 4);
  mm_struct* child = mm.Fork();
  testing_support::Call<int>(
      &mm.world(), [child] { return access_page(child, At(3), true); });
  mm.Calls();
  mm.Write(3, 4);  // the child has its copy
  mm.Read(1, 2);
  EXPECT_EQ(mm.Calls(), "");
  mm.Put(child);
  mm.Write(2, 3);  // the child is gone
  EXPECT_EQ(mm.Calls(), "");
  EXPECT_EQ(mm.world().Violations(), "");
}

TEST(CowTest, TheZeroPageAndAFilesPageAreReplaced) {
  NotifiedMm mm("6.1");
  mm.Map(0, 4, kRw);
  mm.Map(4, 8, kRw, NewFile(8, 8));
  mm.Read(0, 2);
  mm.Read(4, 5);
  mm.Write(3, 4);  // fresh
  mm.Write(6, 7);  // fresh: copied before it is mapped
  EXPECT_EQ(mm.Calls(), "");
  mm.Write(0, 1);
  EXPECT_EQ(mm.Calls(), "S CLEAR 0-1 R, IR 0-1, PTE 0-1, E 0-1");
  mm.Write(4, 5);
  EXPECT_EQ(mm.Calls(), "S CLEAR 4-5 R, IR 4-5, PTE 4-5, E 4-5");
  EXPECT_EQ(mm.world().Violations(), "");
}

// 2.6.24 to 2.6.31 had no zero page.
TEST(CowTest, In2008AReadGivesMemoryAtOnce) {
  NotifiedMm mm("v11");
  mm.Map(0, 1, kRw);
  mm.Read(0, 1);
  mm.Write(0, 1);
  EXPECT_EQ(mm.Calls(), "");
  EXPECT_EQ(mm.pages_live(), 1U);
}

// Since 5.19 a page that is one pte's alone is written in place, pinned or not;
// before, a pin made a copy.
TEST(CowTest, APinMatteredOnce) {
  for (const auto& [protocol, copies] :
       {std::pair{"6.1", false}, std::pair{"v11", true}}) {
    NotifiedMm mm(protocol);
    mm.Map(0, 1, kRw);
    mm.Write(0, 1);
    page* pinned = mm.Pin(0);
    mm.Protect(0, 1, VM_READ);
    mm.Protect(0, 1, kRw);
    mm.Write(0, 1);
    EXPECT_EQ(mm.PageAt(0) != pinned, copies) << protocol;
    mm.Unpin(pinned);
  }
}

TEST(ForkTest, TheChildHasNoNotifiersAndOnlyCowVmasAreTold) {
  NotifiedMm mm("6.1");
  mm.Map(0, 4, kRw);
  mm.Map(6, 8, kRw | VM_SHARED, NewFile(2, 2));
  mm.Map(10, 12, kRw);
  mm.Write(0, 2);
  mm.Write(6, 8);
  mm_struct* child = mm.Fork();
  EXPECT_EQ(mm.Calls(), "S PROTECTION_PAGE 0-4 W, IR 0-4, E 0-4");
  EXPECT_EQ(child->subscriptions, nullptr);
  EXPECT_EQ(child->map_count, 3U);
  mm.Put(child);
  EXPECT_EQ(mm.Calls(), "");
}

// P44.
TEST(ForkTest, AFailedCopyHasItsEnd) {
  struct Case {
    const char* protocol;
    bool mutated;
    bool ends;
  };
  for (const Case& c : {Case{"6.1", false, true}, Case{"6.1", true, false},
                        Case{"v11", false, false}, Case{"emm_v3", false, true},
                        Case{"2.6.27", false, true}}) {
    NotifiedMm mm(c.protocol,
                  c.mutated
                      ? std::initializer_list<
                            kernel::Mutant>{kernel::Mutant::kForkErrorSkipsEnd}
                      : std::initializer_list<kernel::Mutant>{});
    mm.Map(0, 4, kRw);
    mm.Write(0, 4);
    mm_struct* child = mm_alloc();
    mm.world().Arm(faults::Point::kKmalloc, faults::ActionKind::kError, ENOMEM);
    EXPECT_EQ(mm.Do([&] { return dup_mmap(child, mm.mm()); }), -ENOMEM);
    EXPECT_EQ(mm.Calls().find(", E 0-4") != std::string::npos, c.ends)
        << c.protocol;
    EXPECT_EQ(mm.dev()->mn.open_total, c.ends ? 0U : 1U) << c.protocol;
    mm.Put(child);
  }
}

int Poke(NotifiedMm* mm, uint64_t page, bool write = true) {
  return mm->Do([=] { return access_remote_vm(mm->mm(), At(page), write); });
}

TEST(GupTest, AForcedWriteGoesToThePageItselfUnlessItIsShared) {
  NotifiedMm mm("6.1");
  mm.Map(0, 4, kRw);
  mm.Write(0, 2);
  mm.Protect(0, 2, VM_READ);
  mm.Calls();
  EXPECT_EQ(Poke(&mm, 0), 0);
  EXPECT_EQ(Poke(&mm, 3), 0);  // untouched, and writable
  EXPECT_EQ(mm.Calls(), "");
  mm_struct* child = mm.Fork();
  mm.Calls();
  EXPECT_EQ(Poke(&mm, 0), 0);
  EXPECT_EQ(mm.Calls(), "S CLEAR 0-1 R, IR 0-1, PTE 0-1, E 0-1");
  EXPECT_FALSE(LookupPte(mm.mm(), At(0)).writable());
  EXPECT_EQ(Poke(&mm, 9), -EIO);  // nothing there
  mm.Put(child);
  EXPECT_EQ(mm.world().Violations(), "");
}

TEST(GupTest, ForceDoesNotReachSharedPagesAndMayBeForbidden) {
  NotifiedMm mm("6.1");
  mm.Map(0, 1, VM_READ | VM_SHARED, NewFile(1, 1));
  EXPECT_EQ(Poke(&mm, 0), -EIO);
  EXPECT_EQ(Poke(&mm, 0, false), 0);
  NotifiedMm strict("7.3");
  strict.Map(0, 1, VM_READ);
  strict.Map(4, 5, kRw);
  strict.Map(8, 9, 0);
  EXPECT_EQ(Poke(&strict, 0), -EIO);
  EXPECT_EQ(Poke(&strict, 4), 0);
  EXPECT_EQ(Poke(&strict, 8, false), -EIO);
}

}  // namespace
}  // namespace mmfault::mm
