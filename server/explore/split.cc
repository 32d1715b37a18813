// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Giving parts of a search away: whole levels, from the top.

#include <bit>
#include <utility>

#include "server/explore/depth_first.h"

namespace mmfault::explore {
namespace {

constexpr uint64_t Bit(int task) { return uint64_t{1} << task; }

}  // namespace

// Levels without anybody left to try are closed on the way: a race from below
// must not open one that is above what was given.
void DepthFirst::GiveAway() {
  std::vector<Job> jobs;
  while (jobs.empty() && fixed_ < stack_.top_index()) {
    Close(fixed_, &jobs);
    fixed_ += 1;
  }
  last_gift_ = result_.steps;
  if (!jobs.empty()) {
    sharing_->give(std::move(jobs));
  }
}

// What is left to try at a level, as jobs: the alternatives of its own step,
// then all that are awake. Those tried before a job's task sleep in it. A step
// that nobody can see is taken alone.
void DepthFirst::Close(int index, std::vector<Job>* jobs) {
  Node& node = stack_.nodes()[index];
  const int own = node.event.task;
  Job job;
  job.prefix.assign(schedule_.begin(), schedule_.begin() + index);
  job.sleep = node.sleep;
  if ((node.done & Bit(own)) == 0) {
    job.task = own;
    job.answer = static_cast<uint8_t>(node.answer);
    job.share = 0;  // that of the step as a whole stays here
    jobs->push_back(job);
    node.done |= Bit(own);
    job.answer = 0;
  }
  job.sleep |= node.done;
  const uint64_t awake =
      IsPrivate(node.event) ? 0 : node.enabled & ~node.done & ~node.sleep;
  node.backtrack &= node.done;
  node.given = awake;
  const double tries =
      std::popcount((node.backtrack | node.given) & node.enabled);
  share_ /= tries;
  for (uint64_t rest = awake; rest != 0; rest &= rest - 1) {
    job.task = std::countr_zero(rest);
    job.share = share_;
    given_share_ += share_;
    jobs->push_back(job);
    job.sleep |= Bit(job.task);
  }
}

}  // namespace mmfault::explore
