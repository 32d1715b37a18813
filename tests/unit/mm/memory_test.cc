// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Faults, copy on write, fork, truncate, reclaim, the end of an mm: one call at
// a time, and what is left.

#include "server/mm/memory.h"

#include "gtest/gtest.h"
#include "server/kernel/errno.h"
#include "server/mm/fork.h"
#include "server/mm/mmap.h"
#include "server/mm/page_table.h"
#include "server/mm/rmap.h"
#include "server/mm/vma.h"
#include "tests/support/engine_world.h"

namespace mmfault::mm {
namespace {

using testing_support::EngineWorld;

constexpr uint64_t kStart = 0x10000;
constexpr uint64_t kRw = VM_READ | VM_WRITE;

struct Args {
  Object object;
  Cell<mm_struct*> mm;
  Cell<mm_struct*> child;
  Cell<address_space*> file;
  Cell<uint64_t> start;
  Cell<uint64_t> end;
  Cell<uint64_t> flags;
  Cell<bool> write;
  Cell<int> rc;
};

sched::Task<> Map(void* arg) {
  auto* a = static_cast<Args*>(arg);
  const int rc =
      co_await do_mmap(a->mm, a->start, a->end, a->flags, a->file, 0);
  a->rc = rc;
}
sched::Task<> Touch(void* arg) {
  auto* a = static_cast<Args*>(arg);
  const int rc = co_await access_page(a->mm, a->start, a->write);
  a->rc = rc;
}
sched::Task<> Protect(void* arg) {
  auto* a = static_cast<Args*>(arg);
  const int rc = co_await do_mprotect(a->mm, a->start, a->end, a->flags);
  a->rc = rc;
}
sched::Task<> DontNeed(void* arg) {
  auto* a = static_cast<Args*>(arg);
  const int rc =
      co_await do_madvise(a->mm, a->start, a->end, Advice::kDontneed);
  a->rc = rc;
}
sched::Task<> Reclaim(void* arg) {
  auto* a = static_cast<Args*>(arg);
  const int rc = co_await reclaim_page(a->mm, a->start);
  a->rc = rc;
}
sched::Task<> TruncateToNothing(void* arg) {
  auto* a = static_cast<Args*>(arg);
  const int rc = co_await do_truncate(a->file, 0);
  a->rc = rc;
}
sched::Task<> Fork(void* arg) {
  auto* a = static_cast<Args*>(arg);
  const int rc = co_await dup_mmap(a->child, a->mm);
  a->rc = rc;
}
sched::Task<> PutParent(void* arg) {
  co_await mmput(static_cast<Args*>(arg)->mm);
}
sched::Task<> PutChild(void* arg) {
  co_await mmput(static_cast<Args*>(arg)->child);
}

class MemoryTest : public ::testing::Test {
 protected:
  MemoryTest() : args_(world_.New<Args>()) {
    args_->mm = mm_alloc();
    args_->start = kStart;
    args_->end = kStart + 4 * kPageSize;
    args_->flags = kRw;
    args_->write = true;
  }
  ~MemoryTest() override {
    EXPECT_EQ(world_.violation_count(), 0) << world_.Violations();
  }

  int Do(sched::TaskEntry entry) {
    EXPECT_EQ(world_.Do(entry, args_), sched::RunStop::kFinished);
    return args_->rc;
  }
  page* PageOf(const mm_struct* mm) const {
    return LookupPte(mm, kStart).target();
  }
  uint64_t pages_live() const { return State()->pages_live - 1; }

  EngineWorld world_;
  Args* args_;
};

TEST_F(MemoryTest, ReadMapsTheZeroPageAndWriteReplacesIt) {
  Do(Map);
  args_->write = false;
  EXPECT_EQ(Do(Touch), 0);
  EXPECT_EQ(PageOf(args_->mm), State()->zero_page);
  EXPECT_EQ(State()->zero_page->refcount.counter, 2);
  args_->write = true;
  EXPECT_EQ(Do(Touch), 0);
  EXPECT_NE(PageOf(args_->mm), State()->zero_page);
  EXPECT_EQ(State()->zero_page->refcount.counter, 1);
  EXPECT_EQ(pages_live(), 1U);
}

TEST_F(MemoryTest, FaultsOutsideAndAgainstProtectionFail) {
  EXPECT_EQ(Do(Touch), -EFAULT);
  args_->flags = VM_READ;
  Do(Map);
  EXPECT_EQ(Do(Touch), -EFAULT);
  EXPECT_EQ(pages_live(), 0U);
}

TEST_F(MemoryTest, SharedFilePagesOutliveMappingsAndDieByTruncate) {
  args_->file = NewFile(4, 4);
  args_->flags = kRw | VM_SHARED;
  Do(Map);
  Do(Touch);
  page* p = PageOf(args_->mm);
  EXPECT_EQ(p->refcount.counter, 2);  // pte and page cache
  EXPECT_EQ(Do(DontNeed), 0);
  EXPECT_EQ(p->refcount.counter, 1);
  EXPECT_EQ(Do(Touch), 0);
  EXPECT_EQ(PageOf(args_->mm), p);
  EXPECT_EQ(Do(TruncateToNothing), 0);
  EXPECT_EQ(PageOf(args_->mm), nullptr);
  EXPECT_EQ(pages_live(), 0U);
  EXPECT_EQ(Do(Touch), -EFAULT);  // SIGBUS
}

TEST_F(MemoryTest, PrivateFileWritesDoNotReachTheFile) {
  args_->file = NewFile(4, 4);
  Do(Map);
  args_->write = false;
  Do(Touch);
  page* cached = PageOf(args_->mm);
  args_->write = true;
  Do(Touch);
  page* copy = PageOf(args_->mm);
  EXPECT_NE(copy, cached);
  EXPECT_TRUE(copy->anonymous);
  EXPECT_EQ(args_->file->pages[0], cached);
  EXPECT_EQ(cached->refcount.counter, 1);
}

TEST_F(MemoryTest, ForkSharesAndTheFirstWriterCopies) {
  Do(Map);
  Do(Touch);
  page* shared = PageOf(args_->mm);
  args_->child = mm_alloc();
  EXPECT_EQ(Do(Fork), 0);
  EXPECT_EQ(PageOf(args_->child), shared);
  EXPECT_EQ(shared->refcount.counter, 2);
  EXPECT_FALSE(LookupPte(args_->mm, kStart).writable());
  EXPECT_FALSE(LookupPte(args_->child, kStart).writable());
  Do(Touch);
  EXPECT_NE(PageOf(args_->mm), shared);
  EXPECT_EQ(shared->refcount.counter, 1);
  Do(PutChild);
  EXPECT_EQ(pages_live(), 1U);
}

TEST_F(MemoryTest, ReclaimUnmapsFromAllWhoShare) {
  Do(Map);
  Do(Touch);
  args_->child = mm_alloc();
  Do(Fork);
  EXPECT_EQ(Do(Reclaim), 0);
  EXPECT_TRUE(LookupPte(args_->mm, kStart).swapped());
  EXPECT_TRUE(LookupPte(args_->child, kStart).swapped());
  EXPECT_EQ(pages_live(), 0U);
  EXPECT_EQ(Do(Reclaim), -ENOENT);
}

// The family's anon_vma outlives the parent that began it.
TEST_F(MemoryTest, ReclaimFindsThePagesOfAnOrphan) {
  Do(Map);
  Do(Touch);
  args_->child = mm_alloc();
  Do(Fork);
  Do(PutParent);
  EXPECT_EQ(pages_live(), 1U);
  args_->mm = args_->child.get();
  EXPECT_EQ(Do(Reclaim), 0);
  EXPECT_EQ(pages_live(), 0U);
}

TEST_F(MemoryTest, MprotectSplitsAndHolesAreNamed) {
  Do(Map);
  args_->start = kStart + kPageSize;
  args_->end = kStart + 2 * kPageSize;
  args_->flags = VM_READ;
  EXPECT_EQ(Do(Protect), 0);
  EXPECT_EQ(args_->mm->map_count, 3U);
  args_->end = kStart + 8 * kPageSize;
  EXPECT_EQ(Do(Protect), -ENOMEM);
  EXPECT_EQ(Do(DontNeed), -ENOMEM);
}

TEST_F(MemoryTest, FailedForkLeavesAChildThatCanBePut) {
  Do(Map);
  Do(Touch);
  const uint64_t blocks = world_->arena().state().live_blocks;
  args_->child = mm_alloc();
  faults::Rule rule;
  rule.point = faults::Point::kKmalloc;
  rule.terms.emplace_back();
  rule.terms.back().action = {faults::ActionKind::kError, ENOMEM};
  const uint32_t id = world_->faults().Arm(rule);
  const uint64_t counters =
      world_->arena().state().live_blocks - blocks - 1;  // the child is one
  EXPECT_EQ(Do(Fork), -ENOMEM);
  EXPECT_EQ(args_->mm->mmap_sem.owner, 0);
  world_->faults().Disarm(id);
  Do(PutChild);
  EXPECT_EQ(world_->arena().state().live_blocks, blocks + counters);
  EXPECT_EQ(PageOf(args_->mm)->refcount.counter, 1);
}

// The bar: a VMA with its chain, anon_vma and share of the page table, pages
// left out, takes at most 256 bytes.
TEST(VmaSizeTest, IsAtMost256Bytes) {
  constexpr uint64_t kVmas = 100000;
  sched::WorldOptions options;
  options.max_map_count = 2 * kVmas;
  EngineWorld world(options);
  auto* args = world.New<Args>();
  args->mm = mm_alloc();
  args->flags = kRw;
  args->write = true;
  const uint64_t before = world->arena().state().live_bytes;
  for (uint64_t i = 0; i < kVmas; ++i) {
    args->start = kStart + i * 2 * kPageSize;  // a hole between any two
    args->end = args->start + kPageSize;
    world.Do(Map, args);
    world.Do(Touch, args);
  }
  ASSERT_EQ(args->mm->map_count, kVmas);
  ASSERT_EQ(State()->pages_live, kVmas + 1);
  const uint64_t bytes =
      world->arena().state().live_bytes - before - kVmas * sizeof(page);
  EXPECT_LE(bytes / kVmas, 256U);
  const uint64_t blocks_with_mm = world->arena().state().live_blocks;
  EXPECT_EQ(world.Do(PutParent, args), sched::RunStop::kFinished);
  EXPECT_LT(world->arena().state().live_blocks, blocks_with_mm - 4 * kVmas);
}

}  // namespace
}  // namespace mmfault::mm
