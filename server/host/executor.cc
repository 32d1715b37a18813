// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/host/executor.h"

#include <utility>

namespace mmfault::host {

Executor::Executor(int thread_count) {
  for (int i = 0; i < thread_count; ++i) {
    threads_.emplace_back([this] { Loop(); });
  }
}

Executor::~Executor() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) {
    thread.join();
  }
}

void Executor::Run(Work work) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    ready_.push_back(std::move(work));
  }
  changed_.notify_one();
}

Executor::TimerId Executor::RunAt(Clock::time_point when, Work work) {
  TimerId id;
  bool first = false;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    id = {when, next_timer_++};
    // Two statements: which side of == comes first is the compiler's choice.
    const auto at = timers_.emplace(id, std::move(work)).first;
    first = at == timers_.begin();
  }
  if (first) {
    changed_.notify_one();
  }
  return id;
}

bool Executor::Cancel(const TimerId& id) {
  Work dropped;  // destroyed without the lock: it may own much
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto it = timers_.find(id);
  if (it == timers_.end()) {
    return false;
  }
  dropped = std::move(it->second);
  timers_.erase(it);
  return true;
}

Executor::Work Executor::Next(std::unique_lock<std::mutex>& lock) {
  while (!stopping_) {
    if (!timers_.empty() && timers_.begin()->first.first <= Clock::now()) {
      Work work = std::move(timers_.begin()->second);
      timers_.erase(timers_.begin());
      return work;
    }
    if (!ready_.empty()) {
      Work work = std::move(ready_.front());
      ready_.pop_front();
      return work;
    }
    if (timers_.empty()) {
      changed_.wait(lock);
    } else {
      // A copy: the timer may be cancelled meanwhile.
      const Clock::time_point when = timers_.begin()->first.first;
      changed_.wait_until(lock, when);
    }
  }
  return nullptr;
}

void Executor::Loop() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (Work work = Next(lock)) {
    if (!timers_.empty() || !ready_.empty()) {
      changed_.notify_one();  // somebody else watches the rest meanwhile
    }
    lock.unlock();
    work();
    work = nullptr;
    lock.lock();
  }
}

}  // namespace mmfault::host
