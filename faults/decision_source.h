// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// decision_source.h: the questions that faults asks of whoever runs the world.
//
// Faults decides whether a rule acts; it keeps no state of its own that a run
// could change, so that undo, snapshots and replay need not know about it. Hit
// counts live with the world and are reached through this interface.

#ifndef MMFAULT_FAULTS_DECISION_SOURCE_H_
#define MMFAULT_FAULTS_DECISION_SOURCE_H_

#include <cstdint>
#include <optional>

#include "faults/points.h"
#include "faults/term.h"

namespace mmfault::faults {

// A handle for one rule's counters; 0 is no counter.
using CounterId = uint32_t;

// What a point is about. 0 means that there is no such thing there.
struct PointPlace {
  uint32_t mm = 0;        // object id
  uint32_t notifier = 0;  // object id
  uint32_t event = 0;     // method number, as in Rule::events
  uint64_t start = 0;     // addresses [start, end); none when they are equal
  uint64_t end = 0;
};

// What the world knows at a point.
struct PointContext {
  int task = -1;           // slot
  uint32_t mm = 0;         // object id; 0 when no mm is at hand
  uint64_t scope = 0;      // number of the scripted call that the task is in
  uint32_t operation = 0;  // of that call; 0 outside of calls
  uint32_t client = 0;     // whose calls the task runs; 0 for nobody's
  PointPlace place = {};   // its mm is the one above
};

class DecisionSource {
 public:
  virtual ~DecisionSource() = default;

  // Counters for a rule that is being armed on the point: hits and fires, both
  // 0. Given back when nobody asks about it any more. No counter when there is
  // no room for one.
  virtual CounterId NewCounter(Point point) = 0;
  virtual void FreeCounter(CounterId counter) = 0;

  // The rules of a point are about to change.
  virtual void BeforeChange(Point /*point*/) {}

  // Adds one hit and returns the new count, from 1.
  virtual uint64_t CountHit(CounterId counter) = 0;

  // Notes that the rule acted, at the present step.
  virtual void CountFire(CounterId counter) = 0;

  virtual uint64_t Hits(CounterId counter) const = 0;
  virtual uint64_t Fires(CounterId counter) const = 0;

  // The step of the last fire; 0 when it never fired.
  virtual uint64_t LastFireStep(CounterId counter) const = 0;

  // The value of a variable at a point; nothing when it has none there, as
  // mm_users without an mm. Asked only about kStep and what follows it.
  virtual std::optional<int64_t> Value(Variable /*variable*/,
                                       const PointContext& /*context*/) const {
    return std::nullopt;
  }

  // A draw that depends only on the world's seed and the arguments: the same
  // on every machine and in every order of asking.
  virtual uint64_t Draw(uint64_t point, uint64_t scope, uint64_t hit) const = 0;
};

}  // namespace mmfault::faults

#endif  // MMFAULT_FAULTS_DECISION_SOURCE_H_
