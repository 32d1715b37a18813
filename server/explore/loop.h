// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// loop.h: executions that go round in circles and get nowhere.
//
// A *position* is where every task stands: the step it is about to take, on
// what, and how many scripted calls it has got through. Steps that lead from a
// position back to it are a loop. It is a livelock when
//   - it is fair: whoever could run all the way round has run;
//   - some task in it wants to get somewhere: a storm, which goes on for as
//     long as it is asked to (kernel::Again), does not;
//   - it goes round kLoopRounds times, each time the same steps with the same
//     tasks able to run.
// Then no scheduler owes anybody an end of it, and the execution shows it: the
// steps up to the loop, and the loop that often. Values are not compared:
// sequence counts grow with every invalidation. So whoever counts must have
// stopped counting by kLoopRounds to be told from one who never stops; a
// device's own limit is 64; and a task that goes round alone must have come
// back to the same local variables, or it is one that walks over many things.
//
// A search sees the loops that it closes: whoever spins alone while others
// could run is followed down to the budget of an execution first.
//
// Threads: as the world.

#ifndef MMFAULT_SERVER_EXPLORE_LOOP_H_
#define MMFAULT_SERVER_EXPLORE_LOOP_H_

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "server/explore/search.h"
#include "server/sched/world.h"

namespace mmfault::explore {

inline constexpr size_t kLoopRounds = 100;

// Where decisions begin to repeat themselves, kLoopRounds times or more, up to
// the end of a schedule.
struct RepeatedTail {
  size_t begin = 0;
  size_t length = 0;  // of a round; 0: there is none
  size_t rounds = 0;
};
RepeatedTail FindRepeatedTail(const Schedule& schedule);

// Follows the decisions for as long as they can be followed, and reports
// kNoLivelock when they end in a loop. Returns whether they do; `taken` has
// what was followed. Requires that the world is entered.
bool FollowIntoLoop(sched::World* world, const Schedule& schedule,
                    Schedule* taken);

// Watches a depth-first search for a position that it was in before.
class LoopFinder {
 public:
  explicit LoopFinder(sched::World* world);

  // Before and after a step, made with undo on, and after it was undone.
  void Stepping(Decision decision);
  void Stepped(uint64_t spawned);
  void Undone();

  // Goes round each loop that the last step may have closed. One that is a
  // livelock is reported and shown to the visitor as an execution of its own,
  // which `schedule` leads to. Then the world and the schedule are what they
  // were. After the first one found there is no second. False: the visitor
  // wants no more.
  bool Look(Schedule* schedule, const Visitor& visitor, SearchResult* result);

 private:
  struct Level {
    Decision decision;
    uint64_t position;  // before the step
    uint64_t enabled;
    // Of the stepping task, if no other could run and the position may have
    // been there before; else 0.
    uint64_t frames;
    uint64_t term;         // the task's part of the position
    uint64_t spawned = 0;  // in the step
  };

  void Add(int task);
  std::optional<Schedule> GoRound();
  uint64_t SteppedSince(size_t level) const;
  bool IsFair(size_t level) const;
  bool IsOnItsWay(size_t level) const;
  std::optional<Schedule> TryFrom(size_t level);

  sched::World* world_;
  std::vector<Level> levels_;
  uint64_t position_ = 0;
  std::array<uint64_t, sched::kMaxTasks> terms_ = {};
  // How often a position with these bits is on the way: most were never met.
  std::array<uint16_t, 4096> met_ = {};
  bool found_ = false;
};

}  // namespace mmfault::explore

#endif  // MMFAULT_SERVER_EXPLORE_LOOP_H_
