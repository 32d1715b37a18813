// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// The searches that remember states. Going down is as in depth_first.cc; what a
// node tries follows from what was tried in the same state before.

#include <algorithm>
#include <bit>
#include <memory>
#include <optional>

#include "absl/container/flat_hash_map.h"
#include "server/base/prng.h"
#include "server/explore/footprint.h"
#include "server/explore/loop.h"
#include "server/explore/search.h"
#include "server/explore/state_tracker.h"

namespace mmfault::explore {
namespace {

using sched::Bit;

// What a visit of a state left to be known about it.
struct Visit {
  uint64_t sleep = 0;   // asleep in every visit so far
  int preemptions = 0;  // fewest of any visit
};

class Stateful {
 public:
  Stateful(sched::World* world, const SearchOptions& options, bool bounded,
           const Visitor& visitor)
      : world_(world),
        options_(options),
        bounded_(bounded),
        visitor_(visitor) {}

  SearchResult Run();

 private:
  struct Node {
    uint64_t open = 0;   // to be tried
    uint64_t sleep = 0;  // asleep, and those tried
    uint64_t enabled = 0;
    int preemptions = 0;
    int last_task = -1;
    int task = -1;   // the step taken from here
    int answer = 0;  // of a choice: what to try next
  };

  void Enter(Node node);
  bool Settle();
  uint64_t Open(const Node& node);
  uint64_t OpenAtFirst(const Node& node) const;
  StateKey KeyOf(const Node& node) const;
  void Descend(int task);
  void Leave();
  void ReachEnd(End end);
  void LookForLoop();
  uint64_t SleepAfter(const Node& node, int task) const;

  sched::World* world_;
  const SearchOptions& options_;
  bool bounded_;
  const Visitor& visitor_;
  std::unique_ptr<StateTracker> tracker_;
  std::optional<LoopFinder> loops_;
  // tidy: allow(determinism: looked up, never walked)
  absl::flat_hash_map<StateKey, Visit> visits_;
  std::vector<Node> nodes_;
  Schedule schedule_;
  SearchResult result_;
  size_t base_depth_ = 0;
  bool stopped_ = false;
};

SearchResult Stateful::Run() {
  sched::World::Scope scope(world_);
  world_->SetUndo(true);
  tracker_ = std::make_unique<StateTracker>(world_);
  base_depth_ = world_->undo_depth();
  if (options_.find_loops) {
    loops_.emplace(world_);
  }
  Enter(Node());
  while (!nodes_.empty() && !stopped_) {
    const uint64_t open = nodes_.back().open;
    if (open == 0) {
      Leave();
    } else if (result_.steps >= options_.budget.steps) {
      result_.outcome = Outcome::kSteps;
      stopped_ = true;
    } else {
      const int last = nodes_.back().last_task;
      const bool go_on = last >= 0 && (open & Bit(last)) != 0;
      Descend(go_on ? last : std::countr_zero(open));
    }
  }
  result_.states = visits_.size();
  world_->UndoTo(base_depth_);
  world_->SetUndo(false);
  return result_;
}

// Whether the world can move, once the clock has passed where only it can.
bool Stateful::Settle() {
  if (world_->runnable() != 0) {
    return true;
  }
  const End end = ClassifyEnd(world_);
  if (!nodes_.empty() && world_->undo_depth() > base_depth_) {
    tracker_->Resync(world_->undo_depth() - 1);
  }
  if (end == End::kCut) {
    return true;
  }
  ReachEnd(end);
  return false;
}

void Stateful::Enter(Node node) {
  nodes_.push_back(node);
  result_.max_depth = std::max<uint64_t>(result_.max_depth, schedule_.size());
  if (world_->state().dead_tasks != 0) {
    ReachEnd(End::kBug);
    return;
  }
  if (schedule_.size() >= options_.budget.steps_per_execution) {
    ReachEnd(End::kCut);
    return;
  }
  if (!Settle()) {
    return;
  }
  nodes_.back().enabled = world_->runnable();
  nodes_.back().open = Open(nodes_.back());
  if (loops_) {
    LookForLoop();
  }
}

StateKey Stateful::KeyOf(const Node& node) const {
  StateKey key = tracker_->key();
  // With a bound it matters who could go on without a preemption.
  const bool can_go_on =
      node.last_task >= 0 && (node.enabled & Bit(node.last_task)) != 0;
  if (bounded_ && can_go_on) {
    key.high += base::Mix64(static_cast<uint64_t>(node.last_task) + 1);
  }
  return key;
}

// What to try in a state that was not met before.
uint64_t Stateful::OpenAtFirst(const Node& node) const {
  const bool can_go_on =
      node.last_task >= 0 && (node.enabled & Bit(node.last_task)) != 0;
  if (bounded_) {
    const bool spent = node.preemptions >= options_.preemption_bound;
    return can_go_on && spent ? Bit(node.last_task) : node.enabled;
  }
  for (uint64_t rest = node.enabled; rest != 0; rest &= rest - 1) {
    const int task = std::countr_zero(rest);
    if (IsPrivate(FootprintOf(*world_, task))) {
      return Bit(task) & ~node.sleep;
    }
  }
  return node.enabled & ~node.sleep;
}

// A state met again: only those that were asleep in every visit so far and are
// awake now are left; with a bound, all of them if fewer preemptions were spent
// on the way.
uint64_t Stateful::Open(const Node& node) {
  const auto [it, fresh] =
      visits_.try_emplace(KeyOf(node), Visit{node.sleep, node.preemptions});
  if (fresh) {
    return OpenAtFirst(node);
  }
  Visit& visit = it->second;
  if (bounded_) {
    if (node.preemptions >= visit.preemptions) {
      result_.pruned += 1;
      return 0;
    }
    visit.preemptions = node.preemptions;
    return OpenAtFirst(node);
  }
  const uint64_t open = node.enabled & visit.sleep & ~node.sleep;
  visit.sleep &= node.sleep;
  result_.pruned += open == 0 ? 1 : 0;
  return open;
}

void Stateful::ReachEnd(End end) {
  result_.executions += 1;
  if (!visitor_(world_, end, schedule_)) {
    result_.outcome = Outcome::kStopped;
    stopped_ = true;
  } else if (result_.executions >= options_.budget.executions) {
    result_.outcome = Outcome::kExecutions;
    stopped_ = true;
  }
}

void Stateful::LookForLoop() {
  if (!loops_->Look(&schedule_, visitor_, &result_)) {
    result_.outcome = Outcome::kStopped;
    stopped_ = true;
  }
}

uint64_t Stateful::SleepAfter(const Node& node, int task) const {
  if (bounded_) {
    return 0;  // a sleeper might have been cheaper to reach
  }
  const Footprint step = FootprintOf(*world_, task);
  uint64_t asleep = 0;
  for (uint64_t rest = node.sleep & ~Bit(task); rest != 0; rest &= rest - 1) {
    const int other = std::countr_zero(rest);
    if (!Dependent(FootprintOf(*world_, other), step, options_.conditional)) {
      asleep |= Bit(other);
    }
  }
  return asleep;
}

void Stateful::Descend(int task) {
  Node& node = nodes_.back();
  const Decision decision = {static_cast<int8_t>(task),
                             static_cast<uint8_t>(node.answer)};
  // Whoever is chosen at a node is chosen again until it has no alternative
  // left, so one count will do.
  node.answer += 1;
  if (node.answer >= world_->alternatives(task)) {
    node.answer = 0;
    node.open &= ~Bit(task);
  }
  node.task = task;
  const bool preempts = node.last_task >= 0 && node.last_task != task &&
                        (node.enabled & Bit(node.last_task)) != 0;
  Node next;
  next.sleep = SleepAfter(node, task);
  next.preemptions = node.preemptions + (preempts ? 1 : 0);
  next.last_task = task;
  const size_t depth = world_->undo_depth();
  const uint64_t alive = world_->state().alive;
  schedule_.push_back(decision);
  if (loops_) {
    loops_->Stepping(decision);
  }
  world_->Step(decision);
  tracker_->Stepped(task, depth);
  if (loops_) {
    loops_->Stepped(world_->state().alive & ~alive);
  }
  result_.steps += 1;
  Enter(next);
}

void Stateful::Leave() {
  nodes_.pop_back();
  if (nodes_.empty()) {
    return;
  }
  world_->UndoStep();
  tracker_->Undone();
  if (loops_) {
    loops_->Undone();
  }
  schedule_.pop_back();
  Node& node = nodes_.back();
  if (!bounded_ && (node.open & Bit(node.task)) == 0) {
    node.sleep |= Bit(node.task);
  }
}

}  // namespace

SearchResult StatefulSearch(sched::World* world, const SearchOptions& options,
                            const Visitor& visitor) {
  return Stateful(world, options, false, visitor).Run();
}

SearchResult BoundedSearch(sched::World* world, const SearchOptions& options,
                           const Visitor& visitor) {
  return Stateful(world, options, true, visitor).Run();
}

}  // namespace mmfault::explore
