// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// search_stack.h: the depth-first engines' stack of nodes, and their clocks.
//
// A node is a state on the way down and what is known about it: who can run,
// who need not (asleep), who has been tried. The step that was taken from it is
// an event; events carry vector clocks, so that "happens before" is two loads
// and a compare. Events on one object are chained, newest first, so that
// looking for races does not walk the whole execution.

#ifndef MMFAULT_SERVER_EXPLORE_SEARCH_STACK_H_
#define MMFAULT_SERVER_EXPLORE_SEARCH_STACK_H_

#include <array>
#include <bit>
#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "server/explore/footprint.h"
#include "server/explore/search.h"

namespace mmfault::explore {

// Entry t: how many steps of task t happen before, the own one included.
struct Clock {
  std::array<uint16_t, kMaxSearchTasks> at = {};

  void Join(const Clock& other) {
    for (size_t i = 0; i < at.size(); ++i) {
      at[i] = at[i] > other.at[i] ? at[i] : other.at[i];
    }
  }
  bool operator==(const Clock&) const = default;
};

struct Node {
  // The state.
  uint64_t enabled = 0;
  uint64_t sleep = 0;      // asleep when the node was reached, and those tried
  uint64_t backtrack = 0;  // to be tried
  uint64_t late = 0;       // to be tried after those
  uint64_t done = 0;       // tried
  uint64_t given = 0;      // left to other jobs
  int preemptions = 0;     // on the way here
  int last_task = -1;      // who made the step to this node
  int answer = 0;          // of a choice: what to try next

  // The step that leads to the next node, and its clock.
  Footprint event;
  uint16_t number = 0;  // of its task's steps, from 1
  Clock clock;
  int32_t previous_of_task = -1;
  int32_t previous_on_object = -1;
  int32_t previous_on_signals = -1;  // of the task's own signal word
  uint64_t spawned = 0;              // tasks that the step made

  // How many are or were tried here, or left to other jobs, as known now.
  int tries() const {
    return std::popcount((backtrack | late | given) & enabled);
  }
};

// The nodes of the present execution; node i's event leads to node i + 1. The
// top has no event yet.
class SearchStack {
 public:
  SearchStack() {
    last_of_task_.fill(-1);
    parent_.fill(-1);
  }

  std::vector<Node>& nodes() { return nodes_; }
  const std::vector<Node>& nodes() const { return nodes_; }
  Node& top() { return nodes_.back(); }
  int top_index() const { return static_cast<int>(nodes_.size()) - 1; }

  // The clock of a task before its next step.
  Clock ClockOf(int task) const;

  // Gives the top its event; `clock` lacks the event itself.
  void SetEvent(const Footprint& event, const Clock& clock);
  // After the step: the tasks it made come after it.
  void NoteSpawned(uint64_t spawned);
  // Time has passed because nothing else could happen: all that comes is after
  // all that was.
  void NoteTimePassed();
  // Takes the top's event back.
  void ClearEvent();

  // The newest event on an object; -1 when there is none.
  int LastOn(trace::ObjKey key) const;
  int last_of_task(int task) const { return last_of_task_[task]; }
  // Nodes that have an event: all but the top.
  int event_count() const { return top_index(); }

 private:
  struct Barrier {
    int index;  // of the node that it is at
    Clock clock;
  };

  std::vector<Node> nodes_;
  // tidy: allow(determinism: looked up, never walked)
  absl::flat_hash_map<uint64_t, int32_t> last_on_;
  std::array<int32_t, kMaxSearchTasks> last_of_task_;
  std::array<int32_t, kMaxSearchTasks> parent_;  // event that spawned a task
  std::vector<Barrier> barriers_;
};

}  // namespace mmfault::explore

#endif  // MMFAULT_SERVER_EXPLORE_SEARCH_STACK_H_
