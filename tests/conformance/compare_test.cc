// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// A comparison that finds nothing proves nothing unless it can find something.
// So recordings are compared with copies of themselves: unchanged ones agree,
// and a copy with one value changed, a row lost, doubled or out of place does
// not, wherever that binds.

#include "tests/conformance/compare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "tests/conformance/case.h"

namespace mmfault::conformance {
namespace {

using Change = std::function<void(Row*)>;

Recordings Read(std::string_view version) {
  const absl::StatusOr<Recordings> read = ReadRecordings(
      "tests/conformance/golden/" + std::string(version) + ".txt");
  EXPECT_TRUE(read.ok()) << read.status().message();
  return read.ok() ? *read : Recordings();
}

std::vector<Row> Exact(std::vector<Row> rows) {
  for (Row& row : rows) {
    row.count_exact = true;
  }
  return rows;
}

bool Differs(const std::string& scenario, const std::vector<Row>& recorded,
             const std::vector<Row>& observed) {
  return Compare(recorded, Exact(observed), RulesFor(scenario)).has_value();
}

size_t IndexOf(const std::vector<Row>& rows, const std::string& actor,
               const std::string& call, const std::string& kind) {
  const auto at = std::find_if(rows.begin(), rows.end(), [&](const Row& row) {
    return row.actor == actor && row.call == call && row.kind == kind;
  });
  EXPECT_NE(at, rows.end());
  return static_cast<size_t>(at - rows.begin());
}

TEST(CompareTest, EveryRecordingIsItself) {
  for (const Kernel& kernel : kKernels) {
    const Recordings recordings = Read(kernel.version);
    EXPECT_EQ(recordings.size(), 40U);
    for (const auto& [name, rows] : recordings) {
      EXPECT_FALSE(Differs(name, rows, rows)) << kernel.version << " " << name;
    }
  }
}

TEST(CompareTest, FindsEachValueOfEachRow) {
  const std::vector<Change> changes = {
      [](Row* r) { r->actor = "Q"; },
      [](Row* r) { r->kind = "mark"; },
      [](Row* r) { r->notifier = "Z"; },
      [](Row* r) { r->call += "x"; },
      [](Row* r) { r->event += "x"; },
      [](Row* r) { r->start = r->start.value_or(0) + 1; },
      [](Row* r) { r->end = r->end.value_or(0) + 1; },
      [](Row* r) { r->blockable = !r->blockable.value_or(false); },
      [](Row* r) { r->rc = r->rc.value_or(0) - 1; },
      [](Row* r) { r->mm += 5; },
      [](Row* r) { r->mm_users += 1; },
      [](Row* r) { r->mm_count += 1; },
      [](Row* r) { r->mmap_lock += "W"; },
      [](Row* r) { r->atomic ^= 1; },
      [](Row* r) { r->vma ^= 1; },
      [](Row* r) { r->x += 2; },
  };
  for (const Kernel& kernel : kKernels) {
    const std::vector<Row> rows = Read(kernel.version)["swap_pageout"];
    for (size_t i = 0; i < rows.size(); ++i) {
      for (size_t c = 0; c < changes.size(); ++c) {
        std::vector<Row> changed = rows;
        changes[c](&changed[i]);
        EXPECT_TRUE(Differs("swap_pageout", rows, changed)) << i << " " << c;
      }
    }
  }
}

TEST(CompareTest, FindsRowsLostDoubledAndSwapped) {
  for (const char* name : {"thp", "sig_get", "exit_registered_interval"}) {
    const std::vector<Row> rows = Read("6.1.192")[name];
    for (size_t i = 0; i + 1 < rows.size(); ++i) {
      std::vector<Row> lost = rows;
      lost.erase(lost.begin() + static_cast<int64_t>(i));
      EXPECT_TRUE(Differs(name, rows, lost)) << name << " " << i;
      std::vector<Row> doubled = rows;
      doubled.insert(doubled.begin() + static_cast<int64_t>(i), rows[i]);
      EXPECT_TRUE(Differs(name, rows, doubled)) << name << " " << i;
      std::vector<Row> swapped = rows;
      std::swap(swapped[i], swapped[i + 1]);
      EXPECT_TRUE(Differs(name, rows, swapped)) << name << " " << i;
    }
  }
}

TEST(CompareTest, LazyCountsMayBeHigherInTheRecordingOnly) {
  const std::vector<Row> rows = Read("6.12.95")["mprotect"];
  std::vector<Row> observed = rows;
  observed[5].mm_count -= 1;
  EXPECT_FALSE(Compare(rows, observed, RulesFor("mprotect")).has_value());
  observed[5].mm_count += 2;
  EXPECT_TRUE(Compare(rows, observed, RulesFor("mprotect")).has_value());
}

// The reader that waits for the sleeper may go on before or after the sleeper
// says so, and not before the sleeper wakes.
TEST(CompareTest, OrderIsFreeFromTheWakeUpOn) {
  const std::string name = "conc_readbegin_during";
  const std::vector<Row> rows = Read("6.12.95")[name];
  const size_t reader = IndexOf(rows, "M", "mmu_interval_read_begin", "api");
  const size_t wakes = IndexOf(rows, "T", "invalidate_range_end", "cb");
  ASSERT_LT(wakes, reader);
  std::vector<Row> early = rows;
  std::rotate(early.begin() + static_cast<int64_t>(wakes),
              early.begin() + static_cast<int64_t>(reader),
              early.begin() + static_cast<int64_t>(reader) + 1);
  EXPECT_FALSE(Differs(name, rows, early));
  early[wakes].time_ns = rows[wakes - 1].time_ns;
  EXPECT_TRUE(Differs(name, rows, early)) << "it did not wait";
}

TEST(CompareTest, AWorkersTimeIsBetweenPutAndSynchronize) {
  const std::vector<Row> rows = Read("6.12.95")["get_put"];
  const size_t freed = IndexOf(rows, "kworker", "free_notifier", "cb");
  const size_t sync = IndexOf(rows, "P", "mmu_notifier_synchronize", "api");
  ASSERT_EQ(sync, freed + 1);
  std::vector<Row> late = rows;
  std::swap(late[freed], late[sync]);
  EXPECT_TRUE(Differs("get_put", rows, late));
  std::vector<Row> early = rows;
  std::rotate(early.begin() + 1, early.begin() + static_cast<int64_t>(freed),
              early.begin() + static_cast<int64_t>(freed) + 1);
  EXPECT_TRUE(Differs("get_put", rows, early));
}

}  // namespace
}  // namespace mmfault::conformance
