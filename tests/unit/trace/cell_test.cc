// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Every write through a Cell or LogRange() can be taken back.

#include "server/trace/cell.h"

#include <array>
#include <cstring>

#include "gtest/gtest.h"
#include "server/base/prng.h"

namespace mmfault::trace {
namespace {

struct Record {
  Cell<uint64_t> wide;
  Cell<uint32_t> word;
  Cell<int16_t> half;
  Cell<bool> flag;
  Cell<Record*> link;
  std::array<unsigned char, 40> raw;
};

class CellTest : public ::testing::Test {
 protected:
  CellTest() { std::memset(static_cast<void*>(&record_), 0, sizeof record_); }
  ~CellTest() override { thread_undo_log = nullptr; }

  Record record_;
  UndoLog log_;
};

TEST_F(CellTest, ReadsAndWritesAsItsValue) {
  record_.wide = 7;
  record_.wide += 3;
  record_.word = static_cast<uint32_t>(record_.wide);
  record_.word |= 5;
  record_.word &= 6;
  record_.link = &record_;
  EXPECT_EQ(record_.wide, 10U);
  EXPECT_EQ(record_.word, 6U);
  EXPECT_EQ(record_.link->wide, 10U);
}

TEST_F(CellTest, CopyingACellWritesThroughTheLog) {
  Record other;
  std::memset(static_cast<void*>(&other), 0, sizeof other);
  other.wide = 9;
  thread_undo_log = &log_;
  record_.wide = other.wide;
  EXPECT_EQ(log_.Mark(), 1U);
  log_.Rollback(0);
  EXPECT_EQ(record_.wide, 0U);
}

TEST_F(CellTest, NothingIsLoggedWithoutALog) {
  record_.wide = 1;
  EXPECT_EQ(log_.Mark(), 0U);
}

TEST_F(CellTest, RandomWritesRollBackToEveryMark) {
  thread_undo_log = &log_;
  base::Prng prng(5);
  struct Saved {
    size_t mark;
    std::array<unsigned char, sizeof(Record)> bytes;
  };
  std::vector<Saved> saved;
  for (int i = 0; i < 500; ++i) {
    Saved now{log_.Mark(), {}};
    std::memcpy(now.bytes.data(), &record_, sizeof record_);
    saved.push_back(now);
    switch (prng.Below(5)) {
      case 0:
        record_.wide = prng.Next();
        break;
      case 1:
        record_.word = static_cast<uint32_t>(prng.Next());
        break;
      case 2:
        record_.half -= 1;
        break;
      case 3:
        record_.flag = !record_.flag;
        break;
      default: {
        const uint32_t from = prng.Below(40);
        const uint32_t size = prng.Below(41 - from);
        LogRange(&record_.raw[from], size);
        std::memset(&record_.raw[from], static_cast<int>(i), size);
      }
    }
  }
  for (; !saved.empty(); saved.pop_back()) {
    log_.Rollback(saved.back().mark);
    ASSERT_EQ(std::memcmp(saved.back().bytes.data(), &record_, sizeof record_),
              0)
        << saved.size();
  }
}

TEST_F(CellTest, BytesSinceCountsWhatWasReplaced) {
  thread_undo_log = &log_;
  record_.wide = 1;
  const size_t mark = log_.Mark();
  record_.half = 1;
  LogRange(record_.raw.data(), 20);
  EXPECT_EQ(log_.BytesSince(mark), 22U);
  EXPECT_EQ(log_.BytesSince(0), 30U);
}

}  // namespace
}  // namespace mmfault::trace
