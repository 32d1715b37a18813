// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// registry.h: the rules of one world.
//
// A rule says at which point, for which task, at which hits, and what happens
// then. A point without a rule costs one load and one branch that predicts
// well. Rules are evaluated in the order in which they were armed; the first
// one that acts wins.
//
// Threads: Arm, Disarm and Evaluate run on the world's thread; armed() may be
// read from anywhere.

#ifndef MMFAULT_FAULTS_REGISTRY_H_
#define MMFAULT_FAULTS_REGISTRY_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "faults/decision_source.h"
#include "faults/points.h"

namespace mmfault::faults {

enum class ActionKind : uint8_t {
  kNone = 0,
  kError = 1,           // arg: errno, positive
  kSignal = 2,          // arg: signal number
  kHold = 3,            // the task stops there until it is resumed
  kYield = 4,           // arg: how many scheduling points to give away
  kDropCapability = 5,  // the task's world loses the capability
  kTeardownKill = 6,    // ForceTeardown of the mm at hand
  kTeardownForce = 7,
};

struct Action {
  ActionKind kind = ActionKind::kNone;
  int64_t arg = 0;
};

inline constexpr uint64_t kForEver = std::numeric_limits<uint64_t>::max();

// strace's `when`: hits first, first + step, ... up to last. Counted from 1.
struct When {
  uint64_t first = 1;
  uint64_t last = kForEver;
  uint64_t step = 1;

  bool Matches(uint64_t hit) const {
    return hit >= first && hit <= last && (hit - first) % step == 0;
  }
};

// What the world knows at a point.
struct PointContext {
  int task = -1;       // slot
  uint32_t mm = 0;     // object id; 0 when no mm is at hand
  uint64_t scope = 0;  // counts restart when it changes, if per_scope is set
};

struct Rule {
  Point point = Point::kCount;
  When when;
  uint32_t probability_ppm = 1000000;
  uint64_t times = kForEver;  // acts at most this often
  int task = -1;              // slot; -1 for every task
  uint32_t mm = 0;            // object id; 0 for every mm
  Action action;
  // Filled by Arm().
  uint32_t id = 0;
  CounterId counter = 0;
};

class Registry {
 public:
  explicit Registry(DecisionSource* source) : source_(source) {}

  bool armed(Point point) const {
    return armed_[static_cast<size_t>(point)].load(std::memory_order_relaxed) !=
           0;
  }

  // Arms a rule and returns its id, from 1.
  uint32_t Arm(Rule rule);

  // Disarms a rule. False when it is not armed (any more): safe to repeat.
  bool Disarm(uint32_t id);
  void DisarmAll();

  // Which action happens here now. Only called where armed() is true.
  Action Evaluate(Point point, const PointContext& context);

  const std::vector<Rule>& rules() const { return rules_; }
  const Rule* Find(uint32_t id) const;

 private:
  DecisionSource* source_;
  std::vector<Rule> rules_;
  uint32_t next_id_ = 1;
  std::array<std::atomic<uint8_t>, kPointCount> armed_ = {};
};

}  // namespace mmfault::faults

#endif  // MMFAULT_FAULTS_REGISTRY_H_
