// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// compare.h: whether observed rows are what a kernel did.
//
// Rows are compared one by one, each value that binds:
//   - a row without an mm (mm -1, mmap_lock ?) and one of the actor `victim`:
//     kind, call, event and rc only;
//   - mm: one of ours is always the same one of theirs; theirs may stand for
//     another one of ours when the first has no users any more, since the
//     recording knows an mm by its address;
//   - mm_count: equal, or theirs higher by at most the guest's CPUs where
//     Row::count_exact says so;
//   - ranges beyond the user's address space: by their length, since where the
//     window lies is the guest's affair.
//
// A worker of the kernel frees notifiers when a grace period is over: at any
// time after the last put began and before a later synchronize returns. Where
// among the other rows it did so does not bind, and mm_count is compared as if
// it had not dropped any.
//
// A scenario with two threads (`conc_*`) has a head and a tail: one thread
// sleeps in a callback while the other does its part, and up to there the order
// is fixed; from the moment on when the sleeper wakes, only the order of each
// thread's own rows binds. mmap_lock and mm_count do not bind
// at all, and in the tail mm_users may differ by the thread that exits.
//
// fork_cow: parent and child run side by side from the fork on, so there too
// only the order of each one's own rows binds; the script orders the rest.
//
// conc_register_during_truncate: the new notifier may get none, some or all of
// the callbacks of the truncation in the tail; they do not bind.

#ifndef MMFAULT_TESTS_CONFORMANCE_COMPARE_H_
#define MMFAULT_TESTS_CONFORMANCE_COMPARE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/conformance/row.h"

namespace mmfault::conformance {

enum class Order : uint8_t {
  kTotal,    // every row after the one before
  kByActor,  // each actor's rows in order
  kSleeper,  // as `conc_*`
};

struct Rules {
  Order order = Order::kTotal;
  std::string optional_notifier;  // its callbacks in the tail do not bind
};
Rules RulesFor(const std::string& scenario);

struct Divergence {
  size_t row = 0;       // place among the recorded rows, or those of one actor
  std::string what;     // which values differ, or what is missing
  std::string context;  // the rows around, recorded and observed
};

// Nothing when they agree.
std::optional<Divergence> Compare(const std::vector<Row>& recorded,
                                  const std::vector<Row>& observed,
                                  const Rules& rules);

}  // namespace mmfault::conformance

#endif  // MMFAULT_TESTS_CONFORMANCE_COMPARE_H_
