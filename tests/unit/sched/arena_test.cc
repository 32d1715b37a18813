// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// The allocator: zeroed blocks, quarantine, reuse, exhaustion, and all of it
// undone.

#include "server/sched/arena.h"

#include <cstring>
#include <map>
#include <set>
#include <vector>

#include "gtest/gtest.h"
#include "server/base/prng.h"
#include "server/sched/world.h"

namespace mmfault::sched {
namespace {

constexpr size_t kReserve = size_t{64} << 20;

class ArenaTest : public ::testing::Test {
 protected:
  ArenaTest() : arena_(kReserve, 4096, 2, 8192) {}
  ~ArenaTest() override { trace::thread_undo_log = nullptr; }

  Arena arena_;
};

TEST_F(ArenaTest, BlocksAreZeroedAndApart) {
  std::map<std::byte*, size_t> blocks;
  base::Prng prng(1);
  for (int i = 0; i < 2000; ++i) {
    const size_t size = 1 + prng.Below(3000);
    auto* block = static_cast<std::byte*>(arena_.Allocate(size));
    ASSERT_NE(block, nullptr);
    ASSERT_EQ(reinterpret_cast<uintptr_t>(block) % 8, 0U);
    for (size_t k = 0; k < size; ++k) {
      ASSERT_EQ(block[k], std::byte{0});
    }
    std::memset(block, 0xff, size);
    blocks[block] = size;
  }
  const std::byte* end = nullptr;
  for (const auto& [block, size] : blocks) {
    ASSERT_GE(block, end);
    end = block + size;
  }
}

TEST_F(ArenaTest, QuarantineKeepsABlockForItsLength) {
  void* freed = arena_.Allocate(64);
  arena_.Free(freed, 64);
  for (size_t i = 0; i < kQuarantineLength - 1; ++i) {
    void* other = arena_.Allocate(64);
    ASSERT_NE(other, freed) << i;
    arena_.Free(other, 64);
  }
  // One more free pushes it out, and the next allocation may have it.
  arena_.Free(arena_.Allocate(64), 64);
  EXPECT_EQ(arena_.Allocate(64), freed);
}

TEST_F(ArenaTest, LargeBlocksAreReusedAtOnce) {
  void* block = arena_.Allocate(kLargeBlock);
  arena_.Free(block, kLargeBlock);
  EXPECT_EQ(arena_.Allocate(kLargeBlock), block);
}

TEST_F(ArenaTest, CountsReturnToZero) {
  base::Prng prng(2);
  std::vector<std::pair<void*, size_t>> blocks;
  for (int i = 0; i < 20000; ++i) {
    if (prng.Below(2) == 0 || blocks.empty()) {
      const size_t size = prng.Below(5000);
      blocks.emplace_back(arena_.Allocate(size), size);
    } else {
      const size_t at = prng.Below(static_cast<uint32_t>(blocks.size()));
      arena_.Free(blocks[at].first, blocks[at].second);
      blocks[at] = blocks.back();
      blocks.pop_back();
    }
  }
  EXPECT_EQ(arena_.state().live_blocks, blocks.size());
  for (const auto& [block, size] : blocks) {
    arena_.Free(block, size);
  }
  EXPECT_EQ(arena_.state().live_blocks, 0U);
  EXPECT_EQ(arena_.state().live_bytes, 0U);
}

TEST_F(ArenaTest, NullWhenSpentOrAbsurd) {
  EXPECT_EQ(arena_.Allocate(kReserve), nullptr);
  EXPECT_EQ(arena_.Allocate(SIZE_MAX), nullptr);
  EXPECT_EQ(arena_.Allocate(SIZE_MAX / 2 + 2), nullptr);
  EXPECT_EQ(arena_.state().live_blocks, 0U);
  EXPECT_NE(arena_.Allocate(1), nullptr);
}

TEST_F(ArenaTest, ReuseAndFreeAreUndone) {
  std::vector<void*> warm;
  for (size_t i = 0; i < 2 * kQuarantineLength; ++i) {
    warm.push_back(arena_.Allocate(128));
  }
  for (void* block : warm) {
    arena_.Free(block, 128);
  }
  trace::UndoLog log;
  trace::thread_undo_log = &log;
  const size_t used = arena_.heap_used();
  const std::vector<std::byte> before(arena_.root(), arena_.heap() + used);
  for (int i = 0; i < 50; ++i) {
    void* block = arena_.Allocate(128);
    arena_.Allocate(9000);
    arena_.Free(block, 128);
  }
  log.Rollback(0);
  ASSERT_EQ(arena_.heap_used(), used);
  EXPECT_EQ(std::memcmp(before.data(), arena_.root(), before.size()), 0);
}

TEST(KaddrTest, ShuffledAddressesAreABijection) {
  WorldOptions options;
  options.seed = 99;
  options.kaddr_order = KaddrOrder::kShuffled;
  const World world(options);
  std::set<uint64_t> seen;
  bool ascending = true;
  for (uint32_t id = 1; id <= 100000; ++id) {
    ascending = ascending && (seen.empty() || world.kaddr(id) > *seen.rbegin());
    ASSERT_TRUE(seen.insert(world.kaddr(id)).second) << id;
  }
  EXPECT_FALSE(ascending);
  const World other(WorldOptions{});
  EXPECT_LT(other.kaddr(1), other.kaddr(2));
}

}  // namespace
}  // namespace mmfault::sched
