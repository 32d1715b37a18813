// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "clients/cpp/worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

namespace mmfault::client {
namespace {

// Each job waits for the next one to have begun: with any fixed number of
// threads below the number of jobs this would never end.
TEST(WorkerPoolTest, JobsMayWaitForLaterJobs) {
  constexpr int kJobs = 20;
  std::array<std::promise<void>, kJobs + 1> begun;
  WorkerPool pool;
  std::promise<void> all_done;
  std::atomic<int> left = kJobs;
  for (int i = 0; i < kJobs; ++i) {
    pool.Run([&begun, &left, &all_done, i] {
      begun[i].set_value();
      if (i + 1 < kJobs) begun[i + 1].get_future().wait();
      if (--left == 0) all_done.set_value();
    });
  }
  all_done.get_future().wait();
  EXPECT_EQ(left, 0);
}

TEST(WorkerPoolTest, TheDestructorWaitsForJobs) {
  std::atomic<int> done = 0;
  {
    WorkerPool pool;
    for (int i = 0; i < 100; ++i) pool.Run([&done] { ++done; });
  }
  EXPECT_EQ(done, 100);
}

}  // namespace
}  // namespace mmfault::client
