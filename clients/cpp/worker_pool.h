// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// worker_pool.h: threads for callbacks that may block on one another.
//
// A job never waits for another job to end: when no thread is idle, one more is
// started. Callbacks of different simulated tasks depend on each other, so a
// fixed number of threads could deadlock where the simulated kernel does not.
//
// Threads: Run() from any thread; the destructor waits for all jobs.

#ifndef MMFAULT_CLIENTS_CPP_WORKER_POOL_H_
#define MMFAULT_CLIENTS_CPP_WORKER_POOL_H_

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace mmfault::client {

class WorkerPool {
 public:
  WorkerPool() = default;
  ~WorkerPool();

  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  void Run(std::function<void()> job);

 private:
  void Work();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> jobs_;  // mutex_
  std::vector<std::thread> threads_;        // mutex_
  size_t idle_count_ = 0;                   // mutex_
  bool is_closing_ = false;                 // mutex_
};

}  // namespace mmfault::client

#endif  // MMFAULT_CLIENTS_CPP_WORKER_POOL_H_
