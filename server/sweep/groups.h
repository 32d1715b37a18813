// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// groups.h: what a sweep of one case injects, in order.
//
// Group 0 has no fault. Then come chains, one for each action of each point
// that is passed; then pairs; then swarms. What is here follows from the passes
// that the fault-free executions have, and from nothing that a fault did: so
// each shard knows the groups of all others.
//
// Threads: pure functions.

#ifndef MMFAULT_SERVER_SWEEP_GROUPS_H_
#define MMFAULT_SERVER_SWEEP_GROUPS_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "faults/points.h"
#include "mmfault/v1/sweep.pb.h"

namespace mmfault::sweep {

// A point as the fault-free executions pass it, and what is tried there.
struct PassedPoint {
  faults::Point point = faults::Point::kCount;
  std::string task = {};       // whose passes; empty: anybody's
  std::string operation = {};  // in which step; empty: in any
  int64_t hits = 0;            // the most in one execution
  std::vector<std::string> actions = {};
};

// One group, without its outcomes. A chain has one fault, whose `hit` is 0: it
// grows.
struct Group {
  v1::SweepCell::Kind kind = v1::SweepCell::KIND_UNSPECIFIED;
  std::vector<v1::SweptFault> faults = {};
  std::vector<std::string> families = {};  // swarms
  uint64_t seed = 1;                       // of its first execution
};

// The points that `options` names, by the catalogue's order, for each task and
// each operation that it names; with no hits yet.
std::vector<PassedPoint> PointsOf(const v1::SweepOptions& options);

// All groups by number, made when they are asked for: there may be millions.
class Groups {
 public:
  // None at all.
  Groups() = default;
  // `seed` is that of the case's first execution.
  Groups(std::vector<PassedPoint> points, const v1::SweepOptions& options,
         uint64_t seed);

  int64_t count() const;
  // Requires: 0 <= number < count().
  Group At(int64_t number) const;

 private:
  using Pair = std::pair<size_t, size_t>;  // of singles_

  void AddChains();
  void AddPairs(size_t count);
  // The `count` pairs with the smallest draws, or all; in order.
  std::vector<Pair> SomeOfAll(size_t count) const;
  // The same where there are far more than are wanted.
  std::vector<Pair> FewOfMany(size_t count) const;
  Group SwarmAt(uint64_t number) const;

  std::vector<PassedPoint> points_;
  uint64_t seed_ = 1;
  bool exists_ = false;
  bool swarms_yield_ = false;
  bool all_families_ = false;
  std::vector<v1::SweptFault> chains_;   // hit 0
  std::vector<v1::SweptFault> singles_;  // of pairs
  std::vector<Pair> pairs_;
  size_t swarm_count_ = 0;
};

}  // namespace mmfault::sweep

#endif  // MMFAULT_SERVER_SWEEP_GROUPS_H_
