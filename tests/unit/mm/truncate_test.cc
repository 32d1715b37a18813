// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// What happens to a file, seen from its mappings.

#include "gtest/gtest.h"
#include "server/mm/memory.h"
#include "server/mm/mmap.h"
#include "server/mm/page_table.h"
#include "server/mm/rmap.h"
#include "tests/unit/mm/notified_mm.h"

namespace mmfault::mm {
namespace {

// Pages 0 to 16 are the file, shared and written; 16 to 32 the same, private:
// four read, four written.
class TruncateTest : public ::testing::Test {
 protected:
  void SetUp() override {
    mm_.Map(0, 16, kRw | VM_SHARED, file_);
    mm_.Map(16, 32, kRw, file_);
    mm_.Write(0, 16);
    mm_.Read(16, 20);
    mm_.Write(20, 24);
    mm_.Calls();
  }
  void TearDown() override { EXPECT_EQ(mm_.world().Violations(), ""); }

  int Truncate(uint64_t pages) {
    return mm_.Do([=, this] { return do_truncate(file_, pages); });
  }
  int Punch(uint64_t first, uint64_t count) {
    return mm_.Do([=, this] { return punch_hole(file_, first, count); });
  }

  NotifiedMm mm_{"6.1"};
  address_space* file_ = NewFile(16, 64);
};

TEST_F(TruncateTest, TwoPassesOverEveryMappingWithoutMmapLock) {
  EXPECT_EQ(Truncate(12), 0);
  // Dirty pages are flushed at once; the others after the end.
  EXPECT_EQ(mm_.Calls(),
            "S CLEAR 12-16 -, IR 12-16, IR 12-16, E 12-16, "
            "S CLEAR 28-32 -, IR 28-32, E 28-32, IR 28-32, "
            "S CLEAR 12-16 -, IR 12-16, E 12-16, "
            "S CLEAR 28-32 -, IR 28-32, E 28-32");
  EXPECT_EQ(mm_.Write(12, 13), -EFAULT);  // SIGBUS
  EXPECT_EQ(Truncate(12), 0);             // inside the last page
  EXPECT_EQ(Truncate(20), 0);             // grows
  EXPECT_EQ(mm_.Calls(), "");
  EXPECT_EQ(mm_.Write(12, 13), 0);
  EXPECT_EQ(Truncate(65), -EINVAL);
}

TEST_F(TruncateTest, PrivateCopiesGoToo) {
  EXPECT_EQ(Truncate(0), 0);
  EXPECT_EQ(mm_.PageAt(20), nullptr);
  EXPECT_EQ(mm_.pages_live(), 0U);
}

TEST_F(TruncateTest, AHoleLeavesPrivateCopies) {
  EXPECT_EQ(Punch(2, 2), 0);
  EXPECT_EQ(mm_.Calls(),
            "S CLEAR 2-4 -, IR 2-4, IR 2-4, E 2-4, "
            "S CLEAR 18-20 -, IR 18-20, E 18-20, IR 18-20");
  EXPECT_EQ(Punch(6, 2), 0);
  EXPECT_EQ(mm_.Calls(),
            "S CLEAR 6-8 -, IR 6-8, IR 6-8, E 6-8, "
            "S CLEAR 22-24 -, IR 22-24, E 22-24");
  EXPECT_NE(mm_.PageAt(22), nullptr);
  EXPECT_EQ(file_->size_pages, 16U);
}

// A page that was copied between the two passes is beyond the end, and goes.
TEST_F(TruncateTest, ARacingCopyIsTakenByTheSecondPass) {
  struct Fault {
    static sched::Task<> Run(void* arg) {
      co_await access_page(static_cast<mm_struct*>(arg), At(16), true);
    }
    static sched::Task<> Cut(void* arg) {
      co_await do_truncate(static_cast<address_space*>(arg), 0);
    }
  };
  mm_.world().Spawn("writer", Fault::Run, mm_.mm());
  mm_.world().Spawn("truncater", Fault::Cut, file_);
  const testing_support::Exploration seen =
      mm_.world().Explore(300, [this] { EXPECT_EQ(mm_.pages_live(), 0U); });
  EXPECT_TRUE(seen.Clean()) << seen.Text();
}

class WritebackTest : public ::testing::Test {
 protected:
  std::string CallsOf(const char* protocol, FileKind kind) {
    NotifiedMm mm(protocol);
    address_space* file = NewFile(4, 4, kind);
    mm.Map(0, 4, kRw | VM_SHARED, file);
    mm.Write(0, 2);
    mm.Calls();
    EXPECT_EQ(mm.Do([&] { return do_msync(mm.mm(), At(0), At(4)); }), 0);
    std::string calls = mm.Calls();
    EXPECT_EQ(mm.Do([&] { return writeback(file, 0, 4); }), 0);
    EXPECT_EQ(mm.Calls(), "");  // clean by now
    EXPECT_EQ(mm.Write(0, 1), 0);
    EXPECT_EQ(mm.Calls(), "");
    EXPECT_EQ(mm.world().Violations(), "");
    return calls;
  }
};

TEST_F(WritebackTest, OnlyAFileOnADiskHasIt) {
  EXPECT_EQ(CallsOf("6.1", FileKind::kShmem), "");
  EXPECT_EQ(CallsOf("6.1", FileKind::kRam), "");
  EXPECT_EQ(CallsOf("6.1", FileKind::kDisk),
            "S PROTECTION_PAGE 0-1 -, IR 0-1, E 0-1, "
            "S PROTECTION_PAGE 1-2 -, IR 1-2, E 1-2");
  EXPECT_EQ(CallsOf("v11", FileKind::kDisk),
            "invalidate_page, invalidate_page");
}

TEST_F(WritebackTest, MsyncNamesHoles) {
  NotifiedMm mm("6.1");
  mm.Map(0, 1, kRw);
  EXPECT_EQ(mm.Do([&] { return do_msync(mm.mm(), At(0), At(2)); }), -ENOMEM);
  EXPECT_EQ(mm.mm()->mmap_sem.readers, 0U);
}

}  // namespace
}  // namespace mmfault::mm
