// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/scenario/shared_group.h"

#include <algorithm>
#include <utility>

#include "server/scenario/case.h"

namespace mmfault::scenario {

using explore::Job;

SharedGroup::SharedGroup(const Execution& group,
                         const explore::SearchOptions& options,
                         std::vector<Part> parts, Findings* sum,
                         const Case& rules)
    : group_(group),
      options_(options),
      sum_(sum),
      rules_(rules),
      done_(sum->schedule_count),
      book_(std::move(parts)),
      before_{sum->tally, options.budget.executions, options.budget.steps} {}

void SharedGroup::Fail(const absl::Status& status) {
  const std::lock_guard<std::mutex> lock(mutex_);
  status_ = status;
  over_ = true;
  stop_ = true;
  changed_.notify_all();
}

void SharedGroup::Work(Case* own) {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!over_ && !book_.empty()) {
    Book::Place place;
    if (book_.Take(&place)) {
      DoPart(own, place, lock);
    } else {
      changed_.wait(lock);
    }
  }
}

void SharedGroup::DoPart(Case* own, Book::Place place,
                         std::unique_lock<std::mutex>& lock) {
  const Before before = before_;
  Done done;
  done.merged = merged_;
  const size_t given = place->result.gifts;  // when it was done before
  const auto give = [this, place, given, &done](std::vector<Job> jobs) {
    done.gifts += 1;
    if (done.gifts <= given) {
      return;
    }
    std::vector<Part> parts(jobs.size());
    for (size_t i = 0; i < jobs.size(); ++i) {
      parts[i].job = std::move(jobs[i]);
    }
    const std::lock_guard<std::mutex> relock(mutex_);
    book_.Give(place, std::move(parts));
    changed_.notify_all();
  };
  lock.unlock();
  done.found.emplace(own->RunPart(place->job, before, this, give));
  lock.lock();
  done.gifts = std::max(done.gifts, given);
  book_.Finish(place, std::move(done));
  Merge();
  changed_.notify_all();
}

void SharedGroup::Merge() {
  while (!over_ && book_.FrontDone()) {
    Done& done = book_.front().result;
    Findings& found = *done.found;
    if (!found.status.ok()) {
      status_ = found.status;
      over_ = true;
      break;
    }
    if (!IsExact(done)) {
      book_.Retry();
      break;
    }
    const explore::SearchResult search = found.search;
    sum_->Add(std::move(found), rules_.most_violations());
    book_.PopFront();
    merged_ += 1;
    before_ = {sum_->tally, before_.executions_left - search.executions,
               before_.steps_left - search.steps};
    over_ = stop_ || search.outcome != explore::Outcome::kComplete;
  }
  stop_ = stop_ || over_;
}

// Whether it would have been the same, had it known all that came before it.
bool SharedGroup::IsExact(const Done& done) const {
  if (done.merged == merged_) {
    return true;
  }
  const explore::SearchResult& search = done.found->search;
  Tally both = before_.tally;
  both.Add(done.found->tally);
  return search.outcome == explore::Outcome::kComplete &&
         search.executions < before_.executions_left &&
         search.steps <= before_.steps_left &&
         (group_.swept != nullptr || !rules_.MayEnd(both));
}

}  // namespace mmfault::scenario
