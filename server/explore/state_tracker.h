// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// state_tracker.h: a hash of a world's state that costs what a step wrote.
//
// The hash is a sum over the words of simulated memory, so changing a word
// changes the sum by two terms; which words a step changed is in the undo log.
// Left out: what tells nothing about the future (step counters, the event hash,
// recorded violations but for which checkers fired, object numbers still to be
// given, allocator cursors).
//
// Two sums with different mixing make 128 bits: with a billion states the
// chance of one false match is below 10^-20.
//
// Threads: as the world. Undo must be on.

#ifndef MMFAULT_SERVER_EXPLORE_STATE_TRACKER_H_
#define MMFAULT_SERVER_EXPLORE_STATE_TRACKER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "server/sched/world.h"

namespace mmfault::explore {

struct StateKey {
  uint64_t low = 0;
  uint64_t high = 0;

  bool operator==(const StateKey&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, const StateKey& key) {
    return H::combine(std::move(h), key.low, key.high);
  }
};

class StateTracker {
 public:
  // Reads the whole state once.
  explicit StateTracker(sched::World* world);

  // After a step of `task`, made at undo depth `depth`.
  void Stepped(int task, size_t depth);
  // After that step was undone; calls nest like the steps.
  void Undone();
  // After the clock was moved, which belongs to the last step.
  void Resync(size_t depth);

  StateKey key() const { return sum_; }

 private:
  struct Level {
    size_t touched;  // into touched_
    int task;
    StateKey frames;  // of the task, before the step
  };

  void Update(const std::byte* word);
  void AddFrames(int task, const StateKey& sum, bool add);
  StateKey FramesOf(int task) const;
  bool Counts(const std::byte* word) const;
  uint64_t* ShadowOf(const std::byte* word);

  sched::World* world_;
  StateKey sum_;
  const std::byte* root_;
  const std::byte* heap_;
  std::vector<uint64_t> root_shadow_;
  std::vector<uint64_t> heap_shadow_;
  std::array<StateKey, sched::kMaxTasks> frames_ = {};
  std::vector<const std::byte*> touched_;
  std::vector<Level> levels_;
};

}  // namespace mmfault::explore

#endif  // MMFAULT_SERVER_EXPLORE_STATE_TRACKER_H_
