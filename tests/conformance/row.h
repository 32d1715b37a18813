// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// row.h: one line of what happened: a step begins or ends, a notifier's
// function returns, a method is called, a mark. Recorded on a kernel, or
// observed in the simulator.

#ifndef MMFAULT_TESTS_CONFORMANCE_ROW_H_
#define MMFAULT_TESTS_CONFORMANCE_ROW_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace mmfault::conformance {

// Texts are as recorded; empty where the recording has null.
struct Row {
  std::string actor;  // `P`, `C`, `T`, `M`, `victim`, `ksmd`, `kworker`
  std::string kind;   // enter, exit, api, cb, mark
  std::string notifier;
  std::string call;
  std::string event;
  // Pages from the start of the scenario's window; unset in callbacks for the
  // whole address space and where there is no range.
  std::optional<int64_t> start;
  std::optional<int64_t> end;
  bool range_binds = true;  // observed: the step has a range of its own
  std::string region;       // recorded: win, cross, all, none
  std::optional<bool> blockable;
  std::optional<int64_t> rc;
  int64_t mm = -1;  // recorded: by first sight; observed: the object's number
  int64_t mm_users = -1;
  int64_t mm_count = -1;
  std::string mmap_lock = "?";  // W, R, -
  int64_t atomic = 0;
  int64_t vma = 0;
  int64_t x = 0;
  // Observed: whether mm_count is what the kernel's must be. An idle CPU holds
  // the mm that it ran last (lazy TLB), so theirs may be higher once the mm's
  // own task has slept, or another task has touched the mm.
  bool count_exact = false;
  // Observed, in the first row of an mm: earlier ones without users by now.
  std::vector<int64_t> gone;
  uint64_t time_ns = 0;  // the guest's, or virtual
};

// For reports: the values that bind, in one line.
std::string ToText(const Row& row);

// A kernel's recordings, by scenario. Rows that are no part of a comparison are
// left out: those about memory that no scenario owns (stack, libraries), and
// marks that say what the guest was like.
using Recordings = std::map<std::string, std::vector<Row>>;
absl::StatusOr<Recordings> ReadRecordings(const std::string& path);

}  // namespace mmfault::conformance

#endif  // MMFAULT_TESTS_CONFORMANCE_ROW_H_
