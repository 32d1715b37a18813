// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// job_book.h: who does which part of a search, and in which order what they
// found is put together.
//
// Jobs stand in canonical order, that of one search alone. A worker takes the
// first that nobody has; what a job gives away goes in right after it. Results
// leave from the front only. So workers may finish in any order, and what comes
// out is what one of them would have found.
//
// Threads: none of its own and no lock; whoever shares a book has one.

#ifndef MMFAULT_SERVER_EXPLORE_JOB_BOOK_H_
#define MMFAULT_SERVER_EXPLORE_JOB_BOOK_H_

#include <iterator>
#include <list>
#include <utility>
#include <vector>

#include "server/base/check.h"

namespace mmfault::explore {

// `Job`: what to do. `Result`: what came of it; both can be moved.
template <typename Job, typename Result>
class JobBook {
 public:
  struct Entry {
    enum class State { kWaiting, kTaken, kDone };
    explicit Entry(Job part) : job(std::move(part)) {}

    Job job;
    Result result = {};
    State state = State::kWaiting;
  };
  // Stays valid until its entry leaves.
  using Place = typename std::list<Entry>::iterator;

  explicit JobBook(std::vector<Job>&& jobs) {
    for (Job& job : jobs) {
      entries_.emplace_back(std::move(job));
    }
  }

  // False: nothing waits now. What is taken may bring more.
  bool Take(Place* place) {
    for (auto at = entries_.begin(); at != entries_.end(); ++at) {
      if (at->state == Entry::State::kWaiting) {
        at->state = Entry::State::kTaken;
        *place = at;
        return true;
      }
    }
    return false;
  }

  // What `donor` gives away: after it, before what it gave earlier.
  void Give(Place donor, std::vector<Job>&& jobs) {
    auto at = std::next(donor);
    for (Job& job : jobs) {
      entries_.emplace(at, std::move(job));
    }
  }

  void Finish(Place place, Result result) {
    CHECK(place->state == Entry::State::kTaken);
    place->result = std::move(result);
    place->state = Entry::State::kDone;
  }

  // Whether the next result in order is there.
  bool FrontDone() const {
    return !entries_.empty() && entries_.front().state == Entry::State::kDone;
  }
  Entry& front() { return entries_.front(); }
  bool IsFront(Place place) const { return place == entries_.begin(); }
  void PopFront() { entries_.pop_front(); }
  // The first is to be done once more.
  void Retry() { entries_.front().state = Entry::State::kWaiting; }

  // Everything was done and has left.
  bool empty() const { return entries_.empty(); }

 private:
  std::list<Entry> entries_;
};

}  // namespace mmfault::explore

#endif  // MMFAULT_SERVER_EXPLORE_JOB_BOOK_H_
