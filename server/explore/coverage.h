// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// coverage.h: in which orders a search has seen operations that conflict.
//
// An operation is a task, a kind of step, a kernel function and a type of
// object. Two of different tasks conflict when they do not commute, were on one
// object, and nothing but that object ordered them. A complete search sees each
// pair in both orders, unless the other order keeps one of them from happening.
//
// Costs the search a look into a small table per race; what it finds does not
// depend on the build.
//
// Threads: one thread.

#ifndef MMFAULT_SERVER_EXPLORE_COVERAGE_H_
#define MMFAULT_SERVER_EXPLORE_COVERAGE_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/container/flat_hash_map.h"
#include "server/base/prng.h"
#include "server/explore/footprint.h"

namespace mmfault::explore {

class Coverage {
 public:
  // Two steps that race, in the order in which they ran.
  void NoteRace(const Footprint& older, const Footprint& newer) {
    const uint64_t key = Place(older) * 3 + Place(newer);
    uint64_t& known = recent_[key >> 54];
    if (known != key) [[unlikely]] {
      known = key;
      Keep(older, newer);
    }
  }
  // What another part of the search saw.
  void Add(const Coverage& other);

  // Pairs seen in some order, and those seen in both.
  size_t pair_count() const { return pairs_.size(); }
  size_t both_count() const;

 private:
  // Good within a process: names by their addresses.
  static uint64_t Place(const Footprint& step) {
    return base::Mix64(reinterpret_cast<uintptr_t>(step.where) ^
                       static_cast<uint64_t>(step.kind) << 48 ^
                       static_cast<uint64_t>(step.task) << 56) +
           (step.obj.bits >> 56);
  }
  void Keep(const Footprint& older, const Footprint& newer);

  std::array<uint64_t, 1024> recent_ = {};
  // By the two operations; a bit for each order.
  // tidy: allow(determinism: counted, never listed)
  absl::flat_hash_map<uint64_t, uint8_t> pairs_;
};

}  // namespace mmfault::explore

#endif  // MMFAULT_SERVER_EXPLORE_COVERAGE_H_
