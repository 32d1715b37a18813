// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// task_book.h: what clients know of tasks: results, and who waits for them.
//
// The machine forgets a step once it has run and a task once it is gone; the
// book keeps the newest results of each, and the newest tasks that have ended.
//
// Threads: the world's runner only.

#ifndef MMFAULT_SERVER_HOST_TASK_BOOK_H_
#define MMFAULT_SERVER_HOST_TASK_BOOK_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "mmfault/v1/task_service.pb.h"
#include "server/base/inline_function.h"
#include "server/scenario/machine.h"

namespace mmfault::host {

// Results and deliveries kept for each task; the API says so.
inline constexpr size_t kKeptResults = 64;

// A signal that waits for a lock.
struct ArmedSignal {
  uint32_t rule = 0;
  size_t delivery = 0;  // number among the task's deliveries, ever
};

struct TaskEntry {
  // An OK status and the outcome, or why there is none. The outcome is null
  // when it is too old to be known.
  using StepDone = base::InlineFunction<void(const absl::Status&,
                                             const scenario::StepOutcome*)>;
  struct Waiter {
    int64_t index = -1;  // -1: until it has exited or waits for steps
    uint64_t limit = 0;  // world step at which to give up; 0: never
    uint64_t id = 0;
    StepDone done;
  };

  std::string id;
  scenario::Program* program = nullptr;
  std::deque<scenario::StepSpec*> given;  // not finished, oldest first
  int64_t given_count = 0;
  int64_t done_count = 0;
  std::deque<scenario::StepOutcome> results;  // the newest
  std::vector<Waiter> waiters;
  std::deque<v1::SignalDelivery> deliveries;
  size_t deliveries_dropped = 0;
  std::vector<ArmedSignal> armed;
  bool ended = false;
  v1::Task last_view;  // ended: what GetTask says
};

// Whether it has run all it was given and stays for more: one that is on its
// way out (killed, or after `exit`) does not.
bool WaitsForSteps(const TaskEntry& entry);

class TaskBook {
 public:
  using StepDone = TaskEntry::StepDone;

  // How many ended tasks are kept.
  void SetKept(size_t kept) { kept_ = kept; }

  TaskEntry* Add(const std::string& id, scenario::Program* program);
  // By id; the newest of that id. Null: none, or forgotten.
  TaskEntry* Find(const std::string& id) const;
  TaskEntry* Of(const scenario::Program* program) const;
  // It has ended: its program is gone. Returns the ids that are forgotten for
  // it.
  std::vector<std::string> End(TaskEntry* entry);

  // Takes back an Add().
  void Remove(TaskEntry* entry);

  void Given(TaskEntry* entry, scenario::StepSpec* step);

  uint64_t Wait(TaskEntry* entry, int64_t index, uint64_t limit, StepDone done);
  // Calls it back with the status. False when it is over.
  bool GiveUp(const std::string& id, uint64_t waiter,
              const absl::Status& status);

  // The least limit of all waiters; 0: none has one.
  uint64_t LeastLimit() const;
  bool has_limits() const { return limited_ != 0; }
  // Takes out those whose limit is at or before `step`.
  std::vector<TaskEntry::Waiter> TakeExpired(uint64_t step);
  // Takes out all.
  std::vector<TaskEntry::Waiter> TakeAll();
  // Takes out those of the entry that the predicate chooses.
  using Taken = absl::InlinedVector<TaskEntry::Waiter, 2>;
  Taken Take(TaskEntry* entry,
             absl::FunctionRef<bool(const TaskEntry::Waiter&)> wanted);

  const std::map<std::string, std::unique_ptr<TaskEntry>>& all() const {
    return entries_;
  }
  int64_t alive_count() const {
    return static_cast<int64_t>(by_program_.size());
  }
  void Clear();

 private:
  size_t kept_ = 64;
  std::map<std::string, std::unique_ptr<TaskEntry>> entries_;
  std::unordered_map<const scenario::Program*, TaskEntry*> by_program_;
  std::deque<std::string> ended_;  // oldest first
  uint64_t next_waiter_ = 1;
  size_t limited_ = 0;  // waiters with a limit
};

}  // namespace mmfault::host

#endif  // MMFAULT_SERVER_HOST_TASK_BOOK_H_
