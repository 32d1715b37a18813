// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// The radix tree against a std::map of page numbers.

#include "server/mm/page_table.h"

#include <map>

#include "gtest/gtest.h"
#include "server/base/prng.h"
#include "server/mm/fork.h"
#include "tests/support/engine_world.h"

namespace mmfault::mm {
namespace {

using testing_support::EngineWorld;

uint64_t Next(const std::map<uint64_t, uint64_t>& model, uint64_t address,
              uint64_t end) {
  const auto it = model.lower_bound(address);
  return it == model.end() || it->first >= end ? end : it->first;
}

// Dense runs, and addresses that differ at every level of the tree.
uint64_t RandomAddress(base::Prng* prng) {
  const uint64_t page = prng->Below(96);
  const uint64_t level = prng->Below(6);
  const uint64_t address = (page << (6 * level)) << kPageShift;
  return address < kTaskSize ? address : kTaskSize - kPageSize;
}

TEST(PageTableTest, FollowsAMap) {
  EngineWorld world;
  mm_struct* mm = mm_alloc();
  std::map<uint64_t, uint64_t> model;
  base::Prng prng(3);
  for (int round = 0; round < 50000; ++round) {
    const uint64_t address = RandomAddress(&prng);
    if (prng.Below(2) == 0) {
      SetPte(mm, address, Pte(Pte::kSwapped));
      model[address] = Pte::kSwapped;
    } else {
      SetPte(mm, address, Pte());
      model.erase(address);
    }
    const uint64_t probe = RandomAddress(&prng);
    ASSERT_EQ(LookupPte(mm, probe).none(), model.count(probe) == 0);
    uint64_t end = RandomAddress(&prng);
    end = end > probe ? end : kTaskSize;
    ASSERT_EQ(NextMapped(mm, probe, end), Next(model, probe, end))
        << std::hex << probe << " " << end;
  }
}

TEST(PageTableTest, IsEmptyAtFirst) {
  EngineWorld world;
  mm_struct* mm = mm_alloc();
  EXPECT_TRUE(LookupPte(mm, 0x5000).none());
  EXPECT_EQ(NextMapped(mm, 0, kTaskSize), kTaskSize);
  FreePageTables(mm);
}

TEST(PageTableTest, GivesItsNodesBack) {
  EngineWorld world;
  mm_struct* mm = mm_alloc();
  const uint64_t blocks = world->arena().state().live_blocks;
  for (uint64_t i = 0; i < 1000; ++i) {
    SetPte(mm, i * 977 * kPageSize, Pte(Pte::kSwapped));
    SetPte(mm, i * 977 * kPageSize, Pte());
  }
  EXPECT_GT(world->arena().state().live_blocks, blocks);
  FreePageTables(mm);
  EXPECT_EQ(world->arena().state().live_blocks, blocks);
}

TEST(PageTableTest, EntryKeepsFlagsApartFromItsPage) {
  EngineWorld world;
  mm_struct* mm = mm_alloc();
  page* p = State()->zero_page;
  SetPte(mm, 0x7000, Pte(p, Pte::kWritable));
  const Pte pte = LookupPte(mm, 0x7000);
  EXPECT_EQ(pte.target(), p);
  EXPECT_TRUE(pte.present());
  EXPECT_TRUE(pte.writable());
  EXPECT_FALSE(pte.young());
  const Pte swapped(Pte::kSwapped);
  EXPECT_FALSE(swapped.present());
  EXPECT_FALSE(swapped.none());
}

}  // namespace
}  // namespace mmfault::mm
