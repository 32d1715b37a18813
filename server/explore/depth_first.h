// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// depth_first.h: the loop that the depth-first engines share.
//
// Going down: at each node a task is chosen, its step executed, and those
// asleep whose next step does not commute with it wake up. Coming back: the
// step is undone and its task goes to sleep. What differs is which tasks a node
// tries: all of them (sleep sets), or those that a race asks for (DPOR).

#ifndef MMFAULT_SERVER_EXPLORE_DEPTH_FIRST_H_
#define MMFAULT_SERVER_EXPLORE_DEPTH_FIRST_H_

#include <optional>

#include "server/explore/loop.h"
#include "server/explore/search.h"
#include "server/explore/search_stack.h"

namespace mmfault::explore {

enum class Pruning : uint8_t { kNone, kSleepSets, kDpor };

class DepthFirst {
 public:
  DepthFirst(sched::World* world, const SearchOptions& options, Pruning pruning,
             const Visitor& visitor);

  SearchResult Run(const Job& job = {}, const Sharing& sharing = {});

 private:
  void Follow(const Job& job);
  void Enter(uint64_t sleep, int last_task, int preemptions);
  int Choose(Node* node);
  void Descend(int task);
  void TakeStep(Decision decision);
  void Execute(Decision decision);
  bool Repeat();
  void Leave();
  void ReachEnd(End end);
  void LookForLoop();
  uint64_t SleepAfter(const Node& node, const Footprint& step) const;
  uint64_t Affordable(const Node& node) const;
  uint64_t FirstTries(const Node& node) const;
  bool OutOfBudget();
  double ShareSeen(double share) const;
  void FinishResult(double share);

  // Giving work away (split.cc).
  void GiveAway();
  void WaitForGift(const std::vector<Job>& given);
  std::vector<Job> Close(int index);
  uint64_t Untried(int index) const;
  double ShareOf(int index) const;

  // DPOR.
  Footprint Print(int task) const;
  Clock FindRaces(const Footprint& step, Coverage* coverage);
  void JoinReaders(const Footprint& step, int begin, Clock* clock) const;
  void FindRacesOfBlocked();
  void Reverse(int index, const Footprint& step, const Clock& clock);
  uint64_t InitialsAfter(int index, const Footprint& step,
                         const Clock& clock) const;

  sched::World* world_;
  const SearchOptions& options_;
  Pruning pruning_;
  const Visitor& visitor_;
  SearchStack stack_;
  std::optional<LoopFinder> loops_;
  SearchResult result_;
  Schedule schedule_;
  size_t base_depth_ = 0;
  int root_ = 0;                // the job's first node of its own
  const Job* job_ = nullptr;    // says who goes on there
  bool root_is_given_ = false;  // to say so
  // Nodes below this have nothing more to try: of the prefix, and what was
  // given away.
  int fixed_ = 0;
  double given_share_ = 0;  // of the whole tree: that of what was given
  const Sharing* sharing_ = nullptr;
  bool has_given_ = false;
  uint64_t next_gift_ = 0;  // comes at so many of the job's steps
  uint64_t wait_ = 0;       // steps from one gift to the next
  bool stopped_ = false;
  // With somebody outside: hashes of what each step of the schedule did, and
  // whether the world is further down than the stack.
  std::vector<uint64_t> hashes_;
  bool stale_ = false;
};

}  // namespace mmfault::explore

#endif  // MMFAULT_SERVER_EXPLORE_DEPTH_FIRST_H_
