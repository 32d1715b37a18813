// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/host/task_book.h"

#include <algorithm>
#include <utility>

#include "server/kernel/signal.h"

namespace mmfault::host {

bool WaitsForSteps(const TaskEntry& entry) {
  const scenario::Program* program = entry.program;
  if (program == nullptr || program->task == nullptr) {
    return false;
  }
  return entry.given.empty() && program->stays && !program->exiting &&
         !kernel::fatal_signal_pending(*program->task);
}

TaskEntry* TaskBook::Add(const std::string& id, scenario::Program* program) {
  const auto old = std::find(ended_.begin(), ended_.end(), id);
  if (old != ended_.end()) {
    ended_.erase(old);
  }
  auto entry = std::make_unique<TaskEntry>();
  entry->id = id;
  entry->program = program;
  TaskEntry* added = entry.get();
  entries_[id] = std::move(entry);
  by_program_[program] = added;
  return added;
}

TaskEntry* TaskBook::Find(const std::string& id) const {
  const auto it = entries_.find(id);
  return it == entries_.end() ? nullptr : it->second.get();
}

TaskEntry* TaskBook::Of(const scenario::Program* program) const {
  const auto it = by_program_.find(program);
  return it == by_program_.end() ? nullptr : it->second;
}

std::vector<std::string> TaskBook::End(TaskEntry* entry) {
  std::vector<std::string> forgotten;
  by_program_.erase(entry->program);
  entry->program = nullptr;
  entry->ended = true;
  ended_.push_back(entry->id);
  while (ended_.size() > kept_) {
    entries_.erase(ended_.front());
    forgotten.push_back(ended_.front());
    ended_.pop_front();
  }
  return forgotten;
}

void TaskBook::Remove(TaskEntry* entry) {
  by_program_.erase(entry->program);
  entries_.erase(entries_.find(entry->id));
}

void TaskBook::Given(TaskEntry* entry, scenario::StepSpec* step) {
  entry->given.push_back(step);
  entry->given_count += 1;
}

uint64_t TaskBook::Wait(TaskEntry* entry, int64_t index, uint64_t limit,
                        StepDone done) {
  const uint64_t id = next_waiter_++;
  entry->waiters.push_back({index, limit, id, std::move(done)});
  limited_ += limit != 0 ? 1 : 0;
  return id;
}

bool TaskBook::GiveUp(const std::string& id, uint64_t waiter,
                      const absl::Status& status) {
  TaskEntry* entry = Find(id);
  if (entry == nullptr) {
    return false;
  }
  auto taken = Take(entry, [waiter](const TaskEntry::Waiter& candidate) {
    return candidate.id == waiter;
  });
  for (const TaskEntry::Waiter& one : taken) {
    one.done(status, nullptr);
  }
  return !taken.empty();
}

uint64_t TaskBook::LeastLimit() const {
  uint64_t least = 0;
  if (limited_ == 0) {
    return least;
  }
  for (const auto& [program, entry] : by_program_) {
    for (const TaskEntry::Waiter& waiter : entry->waiters) {
      if (waiter.limit != 0 && (least == 0 || waiter.limit < least)) {
        least = waiter.limit;
      }
    }
  }
  return least;
}

TaskBook::Taken TaskBook::Take(
    TaskEntry* entry,
    absl::FunctionRef<bool(const TaskEntry::Waiter&)> wanted) {
  Taken taken;
  auto& waiters = entry->waiters;
  for (size_t i = 0; i < waiters.size();) {
    if (!wanted(waiters[i])) {
      ++i;
      continue;
    }
    limited_ -= waiters[i].limit != 0 ? 1 : 0;
    taken.push_back(std::move(waiters[i]));
    waiters.erase(waiters.begin() + static_cast<ptrdiff_t>(i));
  }
  return taken;
}

std::vector<TaskEntry::Waiter> TaskBook::TakeExpired(uint64_t step) {
  std::vector<TaskEntry::Waiter> all;
  for (const auto& [program, entry] : by_program_) {
    auto taken = Take(entry, [step](const TaskEntry::Waiter& waiter) {
      return waiter.limit != 0 && waiter.limit <= step;
    });
    std::move(taken.begin(), taken.end(), std::back_inserter(all));
  }
  return all;
}

std::vector<TaskEntry::Waiter> TaskBook::TakeAll() {
  std::vector<TaskEntry::Waiter> all;
  for (const auto& [id, entry] : entries_) {
    auto taken =
        Take(entry.get(), [](const TaskEntry::Waiter&) { return true; });
    std::move(taken.begin(), taken.end(), std::back_inserter(all));
  }
  return all;
}

void TaskBook::Clear() {
  entries_.clear();
  by_program_.clear();
  ended_.clear();
  limited_ = 0;
}

}  // namespace mmfault::host
