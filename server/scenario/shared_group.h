// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// shared_group.h: a group of executions, shared by workers, each with a machine
// of its own.
//
// The group ends where one worker alone would end it: at a violation that
// decides the case, or where a budget is spent. A part that ran before all that
// comes before it was known may have gone on too long; it is then done again,
// knowing. So what comes out does not depend on how many work, or how fast.
//
// Locks: mutex_, which is not held while a part runs.
//
// Threads: Work() on any number; everything else before or after.

#ifndef MMFAULT_SERVER_SCENARIO_SHARED_GROUP_H_
#define MMFAULT_SERVER_SCENARIO_SHARED_GROUP_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "server/explore/job_book.h"
#include "server/explore/search.h"
#include "server/scenario/findings.h"

namespace mmfault::scenario {

class Case;

struct Part {
  explore::Job job;         // of a search
  uint64_t first_seed = 0;  // or executions of so many seeds
  int64_t seed_count = 0;   // 0: a job
};

// What a part has to know of those before it.
struct Before {
  Tally tally;
  uint64_t executions_left = 0;
  uint64_t steps_left = 0;
};

class SharedGroup {
 public:
  // `sum` has what was found before the group, and is added to. `options`: of a
  // search, with the budget of the whole.
  SharedGroup(const Execution& group, const explore::SearchOptions& options,
              std::vector<Part> parts, Findings* sum, const Case& rules);

  // Does parts until none is left.
  void Work(Case* own);
  // Ends the group: a worker has no machine.
  void Fail(const absl::Status& status);

  const absl::Status& status() const { return status_; }

  // For a part under way.
  const Execution& execution() const { return group_; }
  const explore::SearchOptions& options() const { return options_; }
  // Executions of the whole group so far, about; the caller has made `more`.
  int64_t Count(int64_t more) { return done_ += more; }
  // Somebody wants the case to end, or it has.
  void Cancel() { stop_ = true; }
  bool stopped() const { return stop_; }

 private:
  struct Done {
    std::optional<Findings> found;
    uint64_t merged = 0;  // parts that were known when it began
    size_t gifts = 0;     // how often it gave work away
  };
  using Book = explore::JobBook<Part, Done>;

  void DoPart(Case* own, Book::Place place, std::unique_lock<std::mutex>& lock);
  void Merge();
  bool IsExact(const Done& done) const;

  const Execution group_;
  const explore::SearchOptions options_;
  Findings* const sum_;
  const Case& rules_;
  std::atomic<int64_t> done_ = 0;
  std::atomic<bool> stop_ = false;

  std::mutex mutex_;
  std::condition_variable changed_;
  Book book_;
  Before before_;
  uint64_t merged_ = 0;
  bool over_ = false;
  absl::Status status_;
};

}  // namespace mmfault::scenario

#endif  // MMFAULT_SERVER_SCENARIO_SHARED_GROUP_H_
