// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// term.h: what one term of a trigger says: when, and what then.
//
// Plain data. Evaluation is in registry.h, the text form in trigger/trigger.h.

#ifndef MMFAULT_FAULTS_TERM_H_
#define MMFAULT_FAULTS_TERM_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <vector>

namespace mmfault::faults {

enum class ActionKind : uint8_t {
  kNone = 0,            // `off`: matches, and nothing happens
  kError = 1,           // arg: errno, positive
  kSignal = 2,          // arg: signal number
  kHold = 3,            // until it is resumed; arg: ns at most, 0: no limit
  kYield = 4,           // arg: how many scheduling points to give away
  kDropCapability = 5,  // the task's world loses the capability
  kTeardownKill = 6,    // ForceTeardown of the mm at hand
  kTeardownForce = 7,
  kDelay = 8,  // arg: ns of virtual time; arg2 above arg: up to so many, drawn
  // What becomes of a callback, or of its answer, on the way.
  kDrop = 9,
  kDuplicate = 10,
  kReorder = 11,     // arg: overtaken by so many
  kCorrupt = 12,     // arg: what the answer says instead
  kDisconnect = 13,  // ends the stream of the client that answers there
  kCrash = 14,       // of the server, where that is allowed
};

struct Action {
  ActionKind kind = ActionKind::kNone;
  int64_t arg = 0;
  int64_t arg2 = 0;

  friend bool operator==(const Action&, const Action&) = default;
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
  // Which of the hits that match this one is, from 1. Requires: Matches().
  uint64_t PlaceOf(uint64_t hit) const { return (hit - first) / step + 1; }

  friend bool operator==(const When&, const When&) = default;
};

// What a condition may ask about.
enum class Variable : uint8_t {
  kTask = 0,          // the running task's slot: 0 for the first one created
  kCall = 1,          // number of the scripted call that it is in
  kStep = 2,          // steps that the world has taken
  kLocksHeld = 3,     // locks that the task holds
  kPreemptCount = 4,  // above 0: the task must not sleep
  kMmUsers = 5,       // of the mm at hand, as those below
  kMmCount = 6,
  kMapCount = 7,
};
inline constexpr int kVariableCount = 8;

// `task`, `call`, `step`, `locks_held`, `preempt_count`, `mm_users`,
// `mm_count`, `map_count`.
std::string_view VariableName(Variable variable);
std::optional<Variable> FindVariable(std::string_view name);

enum class Comparison : uint8_t {
  kEqual = 0,
  kNotEqual = 1,
  kLess = 2,
  kLessOrEqual = 3,
  kGreater = 4,
  kGreaterOrEqual = 5,
};

bool Compare(int64_t actual, Comparison comparison, int64_t value);

// Like `mm_users==0`.
struct Condition {
  Variable variable = Variable::kTask;
  Comparison comparison = Comparison::kEqual;
  int64_t value = 0;

  bool HoldsFor(int64_t actual) const {
    return Compare(actual, comparison, value);
  }

  friend bool operator==(const Condition&, const Condition&) = default;
};

inline constexpr uint32_t kAlwaysPpm = 1000000;

// One term. Its parts are asked in the order in which they stand here; the
// first that says no makes the term decline. Each counts only what the one
// before it has let through.
struct Term {
  std::vector<Condition> conditions = {};  // all must hold
  When when = {};                          // counts passes at which they hold
  // Bit k says whether the k-th, from 0, may act; later ones may not. 0: no
  // mask, all may.
  uint64_t mask = 0;
  // As Linux has them: the first `space` - 1 are let go by, then all but every
  // `interval`-th. 0 and 1 let none go by.
  uint64_t space = 0;
  uint64_t interval = 0;
  uint32_t probability_ppm = kAlwaysPpm;
  uint64_t times = kForEver;  // acts at most this often
  Action action = {};

  // What when, mask, space and interval say together of a hit, from 1.
  bool Selects(uint64_t hit) const;
  // Hits after `hits` that are known not to be selected; kForEver: all.
  uint64_t QuietHits(uint64_t hits) const;

  friend bool operator==(const Term&, const Term&) = default;
};

}  // namespace mmfault::faults

#endif  // MMFAULT_FAULTS_TERM_H_
