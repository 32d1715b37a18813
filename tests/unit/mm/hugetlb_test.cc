// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// hugetlb: what is told, how far it is widened, and what a shared table takes
// with it.

#include "server/mm/hugetlb.h"

#include "gtest/gtest.h"
#include "server/kernel/errno.h"
#include "server/mm/fork.h"
#include "server/mm/memory.h"
#include "server/mm/mmap.h"
#include "server/mm/page_table.h"
#include "server/mm/rmap.h"
#include "server/mm/vma.h"
#include "tests/unit/mm/notified_mm.h"

namespace mmfault::mm {
namespace {

constexpr uint64_t kGiB = kPudSize / kPageSize;  // in pages
constexpr uint64_t kShared = kRw | VM_SHARED;

address_space* HugeFile(uint64_t pages) {
  return NewFile(pages, pages, FileKind::kHugetlb);
}

TEST(HugetlbTest, FaultsMapWholePagesAndTellNobody) {
  NotifiedMm mm("6.1");
  mm.Map(0, 1024, kShared, HugeFile(1024));
  EXPECT_EQ(mm.Write(3, 4), 0);
  EXPECT_EQ(mm.Read(700, 701), 0);
  EXPECT_EQ(mm.Calls(), "");
  EXPECT_TRUE(mm.IsHuge(0));
  EXPECT_EQ(mm.pages_live(), 2U);
  EXPECT_TRUE(LookupPte(mm.mm(), At(700)).writable());
}

TEST(HugetlbTest, BeyondTheFileIsASignal) {
  NotifiedMm mm("6.1");
  mm.Map(0, 1024, kShared, HugeFile(512));
  EXPECT_EQ(mm.Write(600, 601), -EFAULT);
}

TEST(HugetlbTest, RangesThatSplitAPageAreRefused) {
  NotifiedMm mm("6.1");
  mm.Map(0, 1024, kShared, HugeFile(1024));
  EXPECT_EQ(mm.Map(4096, 4100, kShared, HugeFile(512)), -EINVAL);
  EXPECT_EQ(mm.Unmap(0, 8), -EINVAL);
  EXPECT_EQ(mm.Protect(8, 512, VM_READ), -EINVAL);
  EXPECT_EQ(mm.Dontneed(8, 512), -EINVAL);
  EXPECT_EQ(mm.Dontneed(0, 8), 0);  // rounded down to nothing
  EXPECT_EQ(mm.Calls(), "");
  EXPECT_EQ(mm.Do([&] {
    return do_madvise(mm.mm(), At(0), At(512), Advice::kPageout);
  }),
            -EINVAL);
}

TEST(HugetlbTest, UnmapZapAndProtection) {
  NotifiedMm mm("6.1");
  mm.Map(0, 1024, kShared, HugeFile(1024));
  mm.Write(0, 1);
  mm.Write(512, 513);
  mm.Protect(0, 512, VM_READ);
  EXPECT_EQ(mm.Calls(),
            "S PROTECTION_VMA 0-512 W, IR 0-512, E 0-512, IR 0-512");
  mm.Dontneed(0, 512);
  EXPECT_EQ(mm.Calls(), "S CLEAR 0-512 R, IR 0-512, E 0-512, IR 0-512");
  mm.Unmap(0, 1024);
  EXPECT_EQ(mm.Calls(), "S UNMAP 0-1024 R, IR 0-1024, E 0-1024, IR 512-1024");
  EXPECT_EQ(mm.world().Violations(), "");
}

TEST(HugetlbTest, PrivatePagesAreCopiedAsAWhole) {
  NotifiedMm mm("6.1");
  mm.Map(0, 512, kRw, HugeFile(512));
  mm.Write(0, 1);  // its own at once, for the page cache has none
  EXPECT_EQ(mm.Calls(), "");
  mm_struct* child = mm.Fork();
  EXPECT_EQ(mm.Calls(), "S CLEAR 0-512 W, IR 0-512, E 0-512");
  mm.Write(0, 1);
  EXPECT_EQ(mm.Calls(), "S CLEAR 0-512 R, IR 0-512, IR 0-512, E 0-512");
  EXPECT_EQ(mm.pages_live(), 2U);
  mm.Put(child);
  EXPECT_EQ(mm.pages_live(), 1U);
  EXPECT_EQ(mm.world().Violations(), "");
}

TEST(HugetlbTest, FirstWriteOverThePageCacheIsTold) {
  NotifiedMm mm("6.12");
  address_space* file = HugeFile(512);
  mm.Map(512, 1024, kShared, file);
  mm.Write(512, 513);
  mm.Map(0, 512, kRw, file);
  mm.Calls();
  mm.Write(0, 1);
  EXPECT_EQ(mm.Calls(), "S CLEAR 0-512 -, E 0-512");
  EXPECT_EQ(mm.world().Violations(), "");
}

TEST(HugetlbTest, TruncateAndHolesTakeWholePages) {
  NotifiedMm mm("6.1");
  address_space* file = HugeFile(1024);
  mm.Map(0, 1024, kShared, file);
  mm.Write(0, 1);
  mm.Write(512, 513);
  EXPECT_EQ(mm.Do([=] { return do_truncate(file, 100); }), -EINVAL);
  EXPECT_EQ(mm.Do([=] { return punch_hole(file, 10, 700); }), 0);
  EXPECT_EQ(mm.Calls(), "");  // holds no whole page
  EXPECT_EQ(mm.Do([=] { return do_truncate(file, 512); }), 0);
  EXPECT_EQ(mm.Calls(),
            "S CLEAR 512-1024 -, IR 512-1024, E 512-1024, IR 512-1024, "
            "S CLEAR 512-1024 -, IR 512-1024, E 512-1024");
  EXPECT_EQ(mm.pages_live(), 1U);
  EXPECT_EQ(mm.world().Violations(), "");
}

// --- Shared page tables ------------------------------------------------------

TEST(HugetlbTest, RangesAreWidenedWhereATableMayBeShared) {
  NotifiedMm mm("6.1");
  address_space* file = HugeFile(2 * kGiB);
  mm.Map(0, 2 * kGiB, kShared, file);
  mm.Write(512, 513);
  mm.Dontneed(512, 1024);
  EXPECT_EQ(mm.Calls(),
            "S CLEAR 0-262144 R, IR 0-262144, E 0-262144, "
            "IR 512-1024");
  mm.Write(512, 513);
  mm.Protect(512, 1024, VM_READ);
  // The VMA's split lets go of the table, and the rest covers no whole GiB.
  EXPECT_EQ(mm.Calls(),
            "S CLEAR 0-262144 W, IR 0-262144, E 0-262144, "
            "S PROTECTION_VMA 512-1024 W, IR 512-1024, E 512-1024, "
            "IR 512-1024");
  EXPECT_EQ(mm.world().Violations(), "");
}

TEST(HugetlbTest, PrivateOrShortMappingsAreNotWidened) {
  NotifiedMm mm("6.1");
  mm.Map(0, kGiB, kRw, HugeFile(kGiB));
  mm.Write(512, 513);
  mm.Dontneed(512, 1024);
  EXPECT_EQ(mm.Calls().substr(0, 18), "S CLEAR 512-1024 R");
  mm.Map(512, kGiB, kShared, HugeFile(kGiB));
  mm.Calls();
  mm.Dontneed(1024, 1536);
  EXPECT_EQ(mm.Calls().substr(0, 19), "S CLEAR 1024-1536 R");
}

// P56: DONTNEED of one page lets go of a shared table and with it of the other
// page, which the device maps too. (In 6.1 the flush of the TLBs saves one that
// has invalidate_range.)
TEST(HugetlbMutantTest, ExactRangesMissWhatASharedTableTakes) {
  for (const bool mutated : {false, true}) {
    NotifiedMm mm("6.12",
                  mutated ? std::initializer_list<
                                kernel::Mutant>{kernel::Mutant::kHugetlbExact}
                          : std::initializer_list<kernel::Mutant>{});
    address_space* file = HugeFile(kGiB);
    mm.Map(0, kGiB, kShared, file);
    mm_struct* other = mm_alloc();
    mm.Do([=] { return do_mmap(other, At(0), At(kGiB), kShared, file, 0); });
    mm.Do([=] { return access_page(other, At(0), true); });
    mm.Write(0, 1);
    mm.Write(512, 513);
    EXPECT_EQ(mm.Establish(512), 0);
    EXPECT_EQ(mm.dev()->spte_count, 1U);
    EXPECT_EQ(mm.Dontneed(0, 512), 0);
    EXPECT_EQ(mm.PageAt(512), nullptr);
    EXPECT_EQ(mm.dev()->spte_count, mutated ? 1U : 0U);
    EXPECT_EQ(mm.world().Violated(trace::Checker::kPteChangesAnnounced),
              mutated);
    mm.Put(other);
  }
}

}  // namespace
}  // namespace mmfault::mm
