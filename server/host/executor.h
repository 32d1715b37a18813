// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// executor.h: the server's own threads: long work, and work at a time.
//
// RPC threads run worlds themselves as long as that is short. What is long (a
// world that has moved for a while and can still move) and what nobody calls
// for (a deadline) runs here.
//
// Threads: every function may be called from any thread. Destruction waits for
// what is running and drops what is queued.

#ifndef MMFAULT_SERVER_HOST_EXECUTOR_H_
#define MMFAULT_SERVER_HOST_EXECUTOR_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

namespace mmfault::host {

class Executor {
 public:
  using Clock = std::chrono::steady_clock;
  using Work = std::function<void()>;
  // Names a timer: when, and which of those at that time.
  using TimerId = std::pair<Clock::time_point, uint64_t>;

  explicit Executor(int thread_count);
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  void Run(Work work);

  // Runs the work at that time or soon after, once. Never inline.
  TimerId RunAt(Clock::time_point when, Work work);
  // False when it has begun already, or is over.
  bool Cancel(const TimerId& id);

 private:
  void Loop();
  // Takes what is due; waits for it when `lock` is the only thing to do.
  Work Next(std::unique_lock<std::mutex>& lock);

  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::deque<Work> ready_;
  std::map<TimerId, Work> timers_;
  uint64_t next_timer_ = 0;
  std::vector<std::thread> threads_;
};

}  // namespace mmfault::host

#endif  // MMFAULT_SERVER_HOST_EXECUTOR_H_
