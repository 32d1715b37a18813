// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: work runs once, timers in their order and not before their time, and a
// cancelled one never. Method: real threads, promises.

#include "server/host/executor.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <vector>

namespace mmfault::host {
namespace {

using std::chrono::milliseconds;

TEST(ExecutorTest, RunsEverythingOnce) {
  std::atomic<int> count = 0;
  std::promise<void> done;
  Executor executor(3);
  for (int i = 0; i < 1000; ++i) {
    executor.Run([&] {
      if (++count == 1000) {
        done.set_value();
      }
    });
  }
  done.get_future().get();
  EXPECT_EQ(count, 1000);
}

TEST(ExecutorTest, TimersRunInOrderAndNotBefore) {
  Executor executor(1);
  const auto now = Executor::Clock::now();
  std::vector<int> order;
  std::promise<Executor::Clock::time_point> done;
  executor.RunAt(now + milliseconds(6), [&] {
    order.push_back(2);
    done.set_value(Executor::Clock::now());
  });
  executor.RunAt(now + milliseconds(3), [&] { order.push_back(1); });
  EXPECT_GE(done.get_future().get(), now + milliseconds(6));
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
}

TEST(ExecutorTest, CancelledTimersDoNotRun) {
  Executor executor(2);
  std::atomic<bool> ran = false;
  const auto when = Executor::Clock::now() + milliseconds(5);
  const auto id = executor.RunAt(when, [&] { ran = true; });
  EXPECT_TRUE(executor.Cancel(id));
  EXPECT_FALSE(executor.Cancel(id));
  std::promise<void> later;
  executor.RunAt(when + milliseconds(1), [&] { later.set_value(); });
  later.get_future().get();
  EXPECT_FALSE(ran);
}

TEST(ExecutorTest, DestructionDropsWhatIsQueued) {
  std::promise<void> begun;
  std::promise<void> go_on;
  std::atomic<bool> dropped = true;
  std::future<void> on = go_on.get_future();
  {
    Executor executor(1);
    executor.Run([&] {
      begun.set_value();
      on.get();
    });
    begun.get_future().get();
    executor.RunAt(Executor::Clock::now() + std::chrono::hours(1),
                   [&] { dropped = false; });
    go_on.set_value();
  }
  EXPECT_TRUE(dropped);
}

}  // namespace
}  // namespace mmfault::host
