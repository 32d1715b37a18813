// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Splitting a search into jobs: the first levels of the tree, expanded whole.

#include <bit>
#include <deque>

#include "server/explore/footprint.h"
#include "server/explore/search.h"

namespace mmfault::explore {
namespace {

constexpr uint64_t Bit(int task) { return uint64_t{1} << task; }

class Splitter {
 public:
  Splitter(sched::World* world, const SearchOptions& options)
      : world_(world), options_(options) {}

  std::vector<Job> Split(size_t least);

 private:
  // False: nothing to split, an execution ends here or only one step follows
  // that others can see.
  bool Expand(const Job& job, std::vector<Job>* children);
  uint64_t Tries(uint64_t sleep) const;
  uint64_t SleepAfter(uint64_t sleep, int task) const;

  sched::World* world_;
  const SearchOptions& options_;
};

// Breadth first, so that jobs are about equally deep; children take the place
// of their parent, so that the order stays that of one search.
std::vector<Job> Splitter::Split(size_t least) {
  std::vector<Job> jobs = {Job()};
  bool grew = true;
  while (grew && jobs.size() < least) {
    grew = false;
    std::vector<Job> next;
    for (const Job& job : jobs) {
      std::vector<Job> children;
      if (Expand(job, &children)) {
        next.insert(next.end(), children.begin(), children.end());
        grew = true;
      } else {
        next.push_back(job);
      }
    }
    jobs = std::move(next);
  }
  return jobs;
}

bool Splitter::Expand(const Job& job, std::vector<Job>* children) {
  sched::World::Scope scope(world_);
  world_->SetUndo(true);
  const size_t depth = world_->undo_depth();
  for (const Decision decision : job.prefix) {
    if (world_->runnable() == 0) {
      ClassifyEnd(world_);  // lets time pass
    }
    world_->Step(decision);
  }
  const bool can_move =
      world_->state().dead_tasks == 0 &&
      (world_->runnable() != 0 || ClassifyEnd(world_) == End::kCut);
  bool expanded = false;
  if (can_move) {
    uint64_t sleep = job.sleep;
    for (uint64_t rest = Tries(sleep); rest != 0; rest &= rest - 1) {
      const int task = std::countr_zero(rest);
      for (int answer = 0; answer < world_->alternatives(task); ++answer) {
        Job child = job;
        child.prefix.push_back(
            {static_cast<int8_t>(task), static_cast<uint8_t>(answer)});
        child.sleep = SleepAfter(sleep, task);
        children->push_back(std::move(child));
      }
      sleep |= Bit(task);
      expanded = true;
    }
  }
  world_->UndoTo(depth);
  world_->SetUndo(false);
  return expanded;
}

// As DepthFirst tries them: a step that nobody can see alone, else all.
uint64_t Splitter::Tries(uint64_t sleep) const {
  const uint64_t enabled = world_->runnable();
  for (uint64_t rest = enabled; rest != 0; rest &= rest - 1) {
    const int task = std::countr_zero(rest);
    if (IsPrivate(FootprintOf(*world_, task))) {
      return Bit(task) & ~sleep;
    }
  }
  return enabled & ~sleep;
}

uint64_t Splitter::SleepAfter(uint64_t sleep, int task) const {
  const Footprint step = FootprintOf(*world_, task);
  uint64_t asleep = 0;
  for (uint64_t rest = sleep & ~Bit(task); rest != 0; rest &= rest - 1) {
    const int other = std::countr_zero(rest);
    if (!Dependent(FootprintOf(*world_, other), step, options_.conditional)) {
      asleep |= Bit(other);
    }
  }
  return asleep;
}

}  // namespace

std::vector<Job> SplitSearch(sched::World* world, const SearchOptions& options,
                             size_t least) {
  return Splitter(world, options).Split(least);
}

}  // namespace mmfault::explore
