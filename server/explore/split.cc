// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Giving parts of a search away: whole levels, from the top.

#include <algorithm>
#include <bit>
#include <utility>

#include "server/explore/depth_first.h"

namespace mmfault::explore {

using sched::Bit;

// One level at a time, from the top: what the job itself was given, then those
// below. Levels without anybody left to try are closed on the way: a race from
// below must not open one that is above what was given.
void DepthFirst::GiveAway() {
  std::vector<Job> jobs;
  if (root_is_given_ && stack_.top_index() > root_) {
    jobs = Close(root_);
  }
  while (jobs.empty() && fixed_ < stack_.top_index()) {
    jobs = Close(fixed_);
    fixed_ += 1;
  }
  WaitForGift(jobs);
  if (!jobs.empty()) {
    sharing_->give(std::move(jobs));
  }
}

// A job that gives is a large one, and what it has at its next level may be
// large too: it gives that soon. After what a race asked for it waits twice as
// long each time, since deeper levels have less. What nobody asked for is
// mostly done at once, and there can be many such levels above the first that
// counts: there it waits a tenth.
void DepthFirst::WaitForGift(const std::vector<Job>& given) {
  const bool asked = std::any_of(given.begin(), given.end(),
                                 [](const Job& job) { return job.tries != 0; });
  if (!given.empty()) {
    const uint64_t later = asked ? wait_ * 2 : wait_;
    wait_ = has_given_ ? later : wait_ / 2;
    has_given_ = true;
  }
  next_gift_ = result_.steps + (given.empty() || asked ? wait_ : wait_ / 10);
}

// Who could still be tried beside the level's present step. A step that nobody
// can see is taken alone.
uint64_t DepthFirst::Untried(int index) const {
  const Node& node = stack_.nodes()[index];
  const uint64_t awake =
      node.enabled & ~node.done & ~node.sleep & ~Bit(node.event.task);
  if (index < fixed_) {
    return awake & (node.backtrack | node.late);
  }
  return IsPrivate(node.event) ? 0 : awake;
}

// Of the whole tree, if the subtrees of each level are equally large.
double DepthFirst::ShareOf(int index) const {
  double share = job_->share;
  for (int i = root_; i < index; ++i) {
    share /= std::max(1, stack_.nodes()[i].tries());
  }
  return share;
}

// What is left to try at a level, as jobs: the alternatives of its own step,
// then those that a race asked for, then, in the last of these jobs, all others
// that are awake. Those tried before a job's task sleep in it.
std::vector<Job> DepthFirst::Close(int index) {
  std::vector<Job> jobs;
  const uint64_t untried = Untried(index);
  Node& node = stack_.nodes()[index];
  const uint64_t own = Bit(node.event.task);
  if (untried == 0 && (node.done & own) != 0) {
    node.backtrack &= node.done;  // the others are asleep
    return jobs;
  }
  Job job;
  job.prefix.assign(schedule_.begin(), schedule_.begin() + index);
  job.sleep = node.sleep | node.done;
  job.share = 0;  // that of the step as a whole stays here
  if ((node.done & own) == 0) {
    job.tries = own;
    job.answer = static_cast<uint8_t>(node.answer);
    jobs.push_back(job);
    job.answer = 0;
    node.done |= own;
    job.sleep |= own;
  }
  const uint64_t asked = untried & node.backtrack;
  node.given |= untried;
  node.backtrack &= node.done;
  node.late = 0;
  const double share = ShareOf(index) / node.tries();
  for (uint64_t rest = asked; rest != 0; rest &= rest - 1) {
    job.tries = Bit(std::countr_zero(rest));
    job.share = share;
    jobs.push_back(job);
    job.sleep |= job.tries;
  }
  const uint64_t late = untried & ~asked;
  if (late != 0) {
    if (jobs.empty()) {
      job.tries = 0;
      jobs.push_back(job);
    }
    jobs.back().late = late;
    jobs.back().share += share * std::popcount(late);
  }
  given_share_ += share * std::popcount(untried);
  return jobs;
}

}  // namespace mmfault::explore
