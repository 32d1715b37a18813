// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// silence_timer.h: how long the client of a stream has said nothing.
//
// Outlives the RPC, as the executor's timers do; what it calls must bear that.
// One timer at a time, however often the client speaks: it looks at the time of
// the last word when it is due.
//
// Threads: Renew() and Stop() may be called from any thread; the listener is
// called on the executor's, and not any more once it was told of the end.

#ifndef MMFAULT_SERVER_API_SILENCE_TIMER_H_
#define MMFAULT_SERVER_API_SILENCE_TIMER_H_

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include "server/host/executor.h"

namespace mmfault::api {

class SilenceTimer : public std::enable_shared_from_this<SilenceTimer> {
 public:
  using Clock = host::Executor::Clock;

  struct Listener {
    // Of the length, these parts are left: `{2, 4}` is a notice at a half and
    // one at a quarter. Descending parts, each > 1.
    std::vector<int> notices_at;
    std::function<void(Clock::duration left)> on_notice;
    std::function<void()> on_end;
  };

  // Call once.
  void Start(std::chrono::milliseconds length, host::Executor* executor,
             Listener listener) {
    length_ = length;
    executor_ = executor;
    listener_ = std::move(listener);
    Renew();
    Look();
  }
  void Renew() {
    renewed_.store(Clock::now().time_since_epoch(), std::memory_order_relaxed);
  }
  void Stop() { stopped_ = true; }
  bool expired() const { return expired_; }

 private:
  void Look() {
    if (stopped_) {
      return;
    }
    const Clock::time_point renewed{renewed_.load()};
    const Clock::time_point now = Clock::now();
    if (renewed != seen_) {
      seen_ = renewed;
      told_ = 0;
    }
    const Clock::duration left = renewed + length_ - now;
    if (left <= Clock::duration::zero()) {
      expired_ = true;
      listener_.on_end();
      return;
    }
    const size_t due = DueAt(left);
    if (due > told_) {
      told_ = due;
      listener_.on_notice(left);
    }
    executor_->RunAt(now + UntilNext(left, due),
                     [self = shared_from_this()] { self->Look(); });
  }

  // How many of the notices are due.
  size_t DueAt(Clock::duration left) const {
    size_t due = 0;
    while (due < listener_.notices_at.size() &&
           left <= length_ / listener_.notices_at[due]) {
      ++due;
    }
    return due;
  }

  Clock::duration UntilNext(Clock::duration left, size_t due) const {
    return due == listener_.notices_at.size()
               ? left
               : left - length_ / listener_.notices_at[due];
  }

  Clock::duration length_{};
  host::Executor* executor_ = nullptr;
  Listener listener_;
  std::atomic<Clock::duration> renewed_{};
  std::atomic<bool> stopped_ = false;
  std::atomic<bool> expired_ = false;
  Clock::time_point seen_;  // of the timer alone
  size_t told_ = 0;
};

}  // namespace mmfault::api

#endif  // MMFAULT_SERVER_API_SILENCE_TIMER_H_
