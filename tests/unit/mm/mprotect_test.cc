// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// mprotect: only what is populated is announced, and only what changes flushed.

#include "gtest/gtest.h"
#include "server/mm/mmap.h"
#include "server/mm/page_table.h"
#include "server/mm/rmap.h"
#include "tests/unit/mm/notified_mm.h"

namespace mmfault::mm {
namespace {

class MprotectTest : public ::testing::Test {
 protected:
  void SetUp() override {
    mm_.Map(0, 16, kRw);
    mm_.Write(0, 8);
  }
  void TearDown() override { EXPECT_EQ(mm_.world().Violations(), ""); }

  NotifiedMm mm_{"6.1"};
};

TEST_F(MprotectTest, EveryChangeOfARightIsTold) {
  EXPECT_EQ(mm_.Protect(0, 4, VM_READ), 0);
  EXPECT_EQ(mm_.Calls(), "S PROTECTION_VMA 0-4 W, IR 0-4, E 0-4, IR 0-4");
  EXPECT_EQ(mm_.Write(0, 1), -EFAULT);
  EXPECT_EQ(mm_.Protect(0, 4, kRw), 0);
  EXPECT_EQ(mm_.Calls(), "S PROTECTION_VMA 0-4 W, IR 0-4, E 0-4, IR 0-4");
  EXPECT_EQ(mm_.Protect(0, 4, kRw), 0);  // nothing changes
  EXPECT_EQ(mm_.Calls(), "");
  EXPECT_EQ(mm_.Write(0, 8), 0);
  EXPECT_EQ(mm_.Calls(), "");
}

TEST_F(MprotectTest, WhatWasNotAccessibleNeedsNoFlush) {
  EXPECT_EQ(mm_.Protect(2, 6, 0), 0);
  EXPECT_EQ(mm_.Calls(), "S PROTECTION_VMA 2-6 W, IR 2-6, E 2-6, IR 2-6");
  EXPECT_EQ(mm_.Read(2, 3), -EFAULT);
  EXPECT_EQ(mm_.Protect(0, 8, kRw), 0);
  EXPECT_EQ(mm_.Calls(), "S PROTECTION_VMA 2-6 W, IR 2-6, E 2-6");
  EXPECT_EQ(mm_.mm()->map_count, 1U);
}

// VMAs that became alike are one, so the next call sees fewer.
TEST_F(MprotectTest, OneSectionForEachVmaAndOneFlushForAll) {
  mm_.Protect(10, 14, VM_READ);
  EXPECT_EQ(mm_.Calls(), "S PROTECTION_VMA 10-14 W, IR 10-14, E 10-14");
  EXPECT_EQ(mm_.Protect(0, 16, VM_READ), 0);
  EXPECT_EQ(mm_.Calls(),
            "S PROTECTION_VMA 0-10 W, IR 0-10, E 0-10, S PROTECTION_VMA 14-16 "
            "W, IR 14-16, E 14-16, IR 0-8");
  EXPECT_EQ(mm_.mm()->map_count, 1U);
}

TEST_F(MprotectTest, UpToAHoleItIsDone) {
  mm_.Unmap(8, 9);
  mm_.Calls();
  EXPECT_EQ(mm_.Protect(0, 16, VM_READ), -ENOMEM);
  EXPECT_EQ(mm_.Calls(), "S PROTECTION_VMA 0-8 W, IR 0-8, E 0-8, IR 0-8");
  EXPECT_EQ(mm_.Protect(8, 10, VM_READ), -ENOMEM);
  EXPECT_EQ(mm_.Calls(), "");
}

// 1024 pages are two pmds of one pud.
std::string Sparse(const char* protocol) {
  NotifiedMm mm(protocol);
  mm.Map(0, 1024, kRw);
  mm.Protect(0, 1024, VM_READ);
  const std::string untouched = mm.Calls();
  mm.Protect(0, 1024, kRw);
  mm.Write(700, 701);
  mm.Calls();
  mm.Protect(0, 1024, VM_READ);
  return "[" + untouched + "] " + mm.Calls();
}

TEST(MprotectEraTest, WhatIsPopulatedIsAMatterOfThePageTables) {
  EXPECT_EQ(Sparse("6.1"),
            "[] S PROTECTION_VMA 512-1024 W, IR 512-1024, E 512-1024, "
            "IR 700-701");
  EXPECT_EQ(Sparse("6.12"), "[] S PROTECTION_VMA 0-1024 W, E 0-1024");
  // 2.6.25 to 3.14: whatever is there.
  EXPECT_EQ(Sparse("v11"),
            "[S PROTECTION_VMA 0-1024 W, E 0-1024] S PROTECTION_VMA 0-1024 W, "
            "E 0-1024");
}

TEST(MprotectEraTest, AFileOnADiskStaysReadOnlyUntilItIsWritten) {
  for (const FileKind kind : {FileKind::kShmem, FileKind::kDisk}) {
    NotifiedMm mm("6.1");
    mm.Map(0, 1, kRw | VM_SHARED, NewFile(1, 1, kind));
    mm.Read(0, 1);
    mm.Protect(0, 1, VM_READ);
    mm.Protect(0, 1, kRw);
    EXPECT_EQ(LookupPte(mm.mm(), At(0)).writable(), kind == FileKind::kShmem);
  }
}

}  // namespace
}  // namespace mmfault::mm
