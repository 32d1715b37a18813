// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/explore/depth_first.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "server/base/check.h"

namespace mmfault::explore {
namespace {

using sched::Bit;

bool HasBug(const sched::World& world) { return world.state().dead_tasks != 0; }

// Where nothing is given yet, others wait: the first gifts come soon.
uint64_t FirstWait(const Job& job, uint64_t quota) {
  const bool is_whole = (job.tries | job.late) == 0;
  return is_whole ? quota / 16 : quota;
}

}  // namespace

DepthFirst::DepthFirst(sched::World* world, const SearchOptions& options,
                       Pruning pruning, const Visitor& visitor)
    : world_(world), options_(options), pruning_(pruning), visitor_(visitor) {}

SearchResult DepthFirst::Run(const Job& job, const Sharing& sharing) {
  sched::World::Scope scope(world_);
  const bool undo = options_.outside == nullptr;
  world_->SetUndo(undo);
  base_depth_ = world_->undo_depth();
  if (!undo && !options_.outside->rewind()) {
    result_.outcome = Outcome::kOutside;
    return result_;
  }
  job_ = &job;
  sharing_ = &sharing;
  if (undo && options_.find_loops) {
    loops_.emplace(world_);
  }
  Follow(job);
  Enter(job.sleep, job.prefix.empty() ? -1 : job.prefix.back().task, 0);
  while (stack_.top_index() >= root_ && !stopped_) {
    if (sharing.quota != 0 && result_.steps >= next_gift_) {
      GiveAway();
    }
    const int task = Choose(&stack_.top());
    if (task < 0) {
      Leave();
    } else if (!OutOfBudget() && Repeat()) {
      Descend(task);
    }
  }
  FinishResult(job.share);
  if (undo) {
    world_->UndoTo(base_depth_);
    world_->SetUndo(false);
  }
  return result_;
}

// The job's prefix: events with their clocks, at nodes that are closed. Its
// root is closed too, where it is said who goes on from there.
void DepthFirst::Follow(const Job& job) {
  for (const Decision decision : job.prefix) {
    if (world_->runnable() == 0) {
      CHECK(ClassifyEnd(world_) == End::kCut);
      stack_.nodes().emplace_back();
      stack_.NoteTimePassed();
    } else {
      stack_.nodes().emplace_back();
    }
    stack_.top().enabled = world_->runnable();
    TakeStep(decision);
  }
  root_ = static_cast<int>(job.prefix.size());
  root_is_given_ = (job.tries | job.late) != 0;
  fixed_ = root_is_given_ ? root_ + 1 : root_;
  wait_ = FirstWait(job, sharing_->quota);
  next_gift_ = wait_;
  if (sharing_->begun) {
    sharing_->begun();
  }
}

void DepthFirst::FinishResult(double share) {
  const bool cut = result_.outcome != Outcome::kComplete;
  result_.share = cut ? ShareSeen(share) : share - given_share_;
  if (result_.outcome == Outcome::kSteps ||
      result_.outcome == Outcome::kExecutions) {
    result_.estimate = EstimateTree(result_);
  }
}

// How much of the tree is behind us, if the subtrees of a node are equally
// large: the tries that a node has finished, over those it has, in the share
// that the node itself is.
double DepthFirst::ShareSeen(double share) const {
  double done = 0;
  for (const Node& node : stack_.nodes()) {
    const int tries = node.tries();
    if (tries == 0) {
      continue;
    }
    share /= tries;
    done += share * std::max(0, std::popcount(node.done) - 1);
  }
  return done;
}

bool DepthFirst::OutOfBudget() {
  if (result_.steps >= options_.budget.steps) {
    result_.outcome = Outcome::kSteps;
    stopped_ = true;
  }
  return stopped_;
}

Footprint DepthFirst::Print(int task) const {
  Footprint print = FootprintOf(*world_, task);
  if (print.kind == trace::OpKind::kGracePeriodEnd) {
    const int begin = stack_.last_of_task(task);
    print.readers = begin < 0 ? 0 : stack_.nodes()[begin].event.readers;
  }
  return print;
}

// The tasks that may go on without a preemption too many.
uint64_t DepthFirst::Affordable(const Node& node) const {
  if (options_.preemption_bound < 0 || node.last_task < 0 ||
      node.preemptions < options_.preemption_bound ||
      (node.enabled & Bit(node.last_task)) == 0) {
    return node.enabled;
  }
  return Bit(node.last_task);
}

// What a new node tries first. A step that nobody can see is taken at once and
// alone; else, where all are tried anyway, all of them; else one, and the task
// that ran last if it can go on, so that traces have few switches.
uint64_t DepthFirst::FirstTries(const Node& node) const {
  if (pruning_ == Pruning::kNone) {
    return Affordable(node);
  }
  for (uint64_t rest = node.enabled; rest != 0; rest &= rest - 1) {
    const int task = std::countr_zero(rest);
    if (IsPrivate(FootprintOf(*world_, task))) {
      return Bit(task);
    }
  }
  if (pruning_ == Pruning::kSleepSets) {
    return Affordable(node);
  }
  const uint64_t awake = node.enabled & ~node.sleep;
  if (node.last_task >= 0 && (awake & Bit(node.last_task)) != 0) {
    return Bit(node.last_task);
  }
  return awake == 0 ? 0 : Bit(std::countr_zero(awake));
}

void DepthFirst::Enter(uint64_t sleep, int last_task, int preemptions) {
  stack_.nodes().emplace_back();
  Node& node = stack_.top();
  node.sleep = sleep;
  node.last_task = last_task;
  node.preemptions = preemptions;
  result_.max_depth = std::max<uint64_t>(result_.max_depth, schedule_.size());
  if (HasBug(*world_)) {
    ReachEnd(End::kBug);
    return;
  }
  if (schedule_.size() >= options_.budget.steps_per_execution) {
    ReachEnd(End::kCut);
    return;
  }
  if (world_->runnable() == 0) {
    const End end = ClassifyEnd(world_);
    if (end != End::kCut) {
      ReachEnd(end);
      return;
    }
    stack_.NoteTimePassed();
  }
  node.enabled = world_->runnable();
  if ((node.enabled >> kMaxSearchTasks) != 0) {
    result_.outcome = Outcome::kUnsupported;
    stopped_ = true;
    return;
  }
  const bool is_root = root_is_given_ && stack_.top_index() == root_;
  node.backtrack = is_root ? job_->tries : FirstTries(node);
  node.late = is_root ? job_->late : 0;
  node.answer = is_root ? job_->answer : 0;
  if (loops_ && !is_root) {  // who gave the job has looked there
    LookForLoop();
  }
  if (((node.backtrack | node.late) & ~node.sleep) == 0) {
    result_.pruned += 1;
    if (pruning_ == Pruning::kDpor) {
      FindRacesOfBlocked();
    }
  }
}

void DepthFirst::ReachEnd(End end) {
  if (pruning_ == Pruning::kDpor) {
    FindRacesOfBlocked();
  }
  result_.executions += 1;
  if (!visitor_(world_, end, schedule_)) {
    result_.outcome = Outcome::kStopped;
    stopped_ = true;
  } else if (result_.executions >= options_.budget.executions) {
    result_.outcome = Outcome::kExecutions;
    stopped_ = true;
  }
}

void DepthFirst::LookForLoop() {
  if (!loops_->Look(&schedule_, visitor_, &result_)) {
    result_.outcome = Outcome::kStopped;
    stopped_ = true;
  }
}

int DepthFirst::Choose(Node* node) {
  uint64_t open = node->backtrack & node->enabled & ~node->done & ~node->sleep;
  if (open == 0 && node->late != 0) {
    open = std::exchange(node->late, 0);
    node->backtrack |= open;
  }
  if (open == 0) {
    return -1;
  }
  if (node->last_task >= 0 && (open & Bit(node->last_task)) != 0) {
    return node->last_task;
  }
  return std::countr_zero(open);
}

uint64_t DepthFirst::SleepAfter(const Node& node, const Footprint& step) const {
  if (pruning_ == Pruning::kNone) {
    return 0;
  }
  uint64_t asleep = 0;
  for (uint64_t rest = node.sleep & ~Bit(step.task); rest != 0;
       rest &= rest - 1) {
    const int task = std::countr_zero(rest);
    if (!Dependent(FootprintOf(*world_, task), step, options_.conditional)) {
      asleep |= Bit(task);
    }
  }
  return asleep;
}

void DepthFirst::Descend(int task) {
  Node& node = stack_.top();
  const bool preempts = node.last_task >= 0 && node.last_task != task &&
                        (node.enabled & Bit(node.last_task)) != 0;
  const int preemptions = node.preemptions + (preempts ? 1 : 0);
  const uint64_t sleep = SleepAfter(node, Print(task));
  const Decision decision = {static_cast<int8_t>(task),
                             static_cast<uint8_t>(node.answer)};
  // A choice is taken alone and stays open until its last alternative.
  node.answer += 1;
  if (node.answer >= world_->alternatives(task)) {
    node.answer = 0;
    node.done |= Bit(task);
  }
  TakeStep(decision);
  result_.steps += 1;
  if (!stopped_) {  // the answer came, where one was needed
    Enter(sleep, task, preemptions);
  }
}

// Executes the task's next step and makes it the top's event.
void DepthFirst::TakeStep(Decision decision) {
  Footprint step = Print(decision.task);
  const Clock clock =
      pruning_ == Pruning::kDpor ? FindRaces(step, options_.coverage) : Clock();
  const uint64_t alive = world_->state().alive;
  schedule_.push_back(decision);
  if (loops_) {
    loops_->Stepping(decision);
  }
  Execute(decision);
  if (options_.outside != nullptr) {
    hashes_.push_back(world_->event_hash());
  }
  if (step.kind == trace::OpKind::kGracePeriodBegin) {
    step.readers = world_->task(decision.task).grace_waits_for;
  }
  stack_.SetEvent(step, clock);
  const uint64_t spawned = world_->state().alive & ~alive;
  if (spawned != 0) {
    stack_.NoteSpawned(spawned);
  }
  if (loops_) {
    loops_->Stepped(spawned);
  }
}

void DepthFirst::Execute(Decision decision) {
  world_->Step(decision);
  if (options_.outside != nullptr && !options_.outside->answer()) {
    result_.outcome = Outcome::kOutside;
    stopped_ = true;
  }
}

// Back to the top's state where that could not be done by undo: from the start,
// by the same decisions. They have to do the same.
bool DepthFirst::Repeat() {
  if (!stale_) {
    return true;
  }
  stale_ = false;
  if (!options_.outside->rewind()) {
    result_.outcome = Outcome::kOutside;
    stopped_ = true;
  }
  for (size_t i = 0; i < schedule_.size() && !stopped_; ++i) {
    const Decision decision = schedule_[i];
    if (world_->runnable() == 0) {
      ClassifyEnd(world_);  // time passes, as it did
    }
    const bool possible =
        (world_->runnable() & Bit(decision.task)) != 0 &&
        (decision.answer == 0 ||
         decision.answer < world_->alternatives(decision.task));
    if (possible) {
      Execute(decision);
      result_.steps += 1;
    }
    if (!stopped_ && (!possible || world_->event_hash() != hashes_[i])) {
      result_.outcome = Outcome::kNondeterministic;
      result_.diverged = i + 1;
      stopped_ = true;
    }
  }
  return !stopped_;
}

void DepthFirst::Leave() {
  stack_.nodes().pop_back();
  if (stack_.top_index() < root_) {
    return;  // the job is done
  }
  Node& node = stack_.top();
  if (options_.outside == nullptr) {
    world_->UndoStep();
    if (loops_) {
      loops_->Undone();
    }
  } else {
    stale_ = true;
    hashes_.pop_back();
  }
  schedule_.pop_back();
  stack_.ClearEvent();
  node.sleep |= node.done & Bit(node.event.task);
}

SearchResult SleepSetSearch(sched::World* world, const SearchOptions& options,
                            const Visitor& visitor) {
  return DepthFirst(world, options, Pruning::kSleepSets, visitor).Run();
}

SearchResult DporSearch(sched::World* world, const SearchOptions& options,
                        const Visitor& visitor) {
  return DepthFirst(world, options, Pruning::kDpor, visitor).Run();
}

SearchResult RunJob(sched::World* world, const SearchOptions& options,
                    const Job& job, const Sharing& sharing,
                    const Visitor& visitor) {
  return DepthFirst(world, options, Pruning::kDpor, visitor).Run(job, sharing);
}

SearchResult FullSearch(sched::World* world, const SearchOptions& options,
                        const Visitor& visitor) {
  return DepthFirst(world, options, Pruning::kNone, visitor).Run();
}

uint64_t EstimateTree(const SearchResult& result) {
  const double most = 1e18;
  const double whole =
      static_cast<double>(result.executions) / std::max(result.share, 1e-18);
  return static_cast<uint64_t>(std::min(whole, most));
}

std::string_view OutcomeName(Outcome outcome) {
  switch (outcome) {
    case Outcome::kComplete:
      return "complete";
    case Outcome::kExecutions:
      return "cut by executions";
    case Outcome::kSteps:
      return "cut by steps";
    case Outcome::kStopped:
      return "stopped";
    case Outcome::kUnsupported:
      return "too many tasks";
    case Outcome::kOutside:
      return "ended from outside";
    case Outcome::kNondeterministic:
      return "nondeterministic";
  }
  return "";
}

End ClassifyEnd(sched::World* world) {
  switch (world->Run(nullptr, 0)) {
    case sched::RunStop::kFinished:
      return End::kFinished;
    case sched::RunStop::kStepBudget:
      return End::kCut;
    default:
      return HasBug(*world) ? End::kBug : End::kDeadlock;
  }
}

}  // namespace mmfault::explore
