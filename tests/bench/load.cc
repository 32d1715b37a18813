// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/load.h"

#include <algorithm>
#include <condition_variable>
#include <thread>

namespace mmfault::bench {
namespace {

using Clock = std::chrono::steady_clock;

// What all slots of a load share.
struct Shared {
  std::atomic<bool> running = true;
  std::atomic<bool> measuring = false;
  std::atomic<int64_t> done_count = 0;

  std::mutex mutex;
  std::condition_variable all_idle;
  int busy_slots = 0;  // Guarded by mutex, as what follows.
  int64_t failed_count = 0;
  std::string first_error;
  std::vector<float> latencies_us;
};

class Slot {
 public:
  Slot(std::unique_ptr<UnaryCall> call, Shared& shared)
      : call_(std::move(call)), shared_(shared) {}

  void Next() {
    begin_ = Clock::now();
    call_->Start([this](const grpc::Status& status) { Done(status); });
  }

 private:
  void Done(const grpc::Status& status) {
    if (status.ok()) {
      shared_.done_count.fetch_add(1, std::memory_order_relaxed);
      if (shared_.measuring.load(std::memory_order_relaxed)) {
        latencies_us_.push_back(
            std::chrono::duration<float, std::micro>(Clock::now() - begin_)
                .count());
      }
      if (shared_.running.load(std::memory_order_relaxed)) {
        Next();
        return;
      }
    }
    Retire(status);
  }

  // A failed call ends its slot: the run is not valid any more.
  void Retire(const grpc::Status& status) {
    const std::lock_guard<std::mutex> lock(shared_.mutex);
    if (!status.ok()) {
      if (shared_.failed_count++ == 0) {
        shared_.first_error = status.error_message();
      }
    }
    shared_.latencies_us.insert(shared_.latencies_us.end(),
                                latencies_us_.begin(), latencies_us_.end());
    --shared_.busy_slots;
    shared_.all_idle.notify_one();
  }

  const std::unique_ptr<UnaryCall> call_;
  Shared& shared_;
  Clock::time_point begin_;
  std::vector<float> latencies_us_;
};

double Quantile(std::vector<float>& values, double quantile) {
  if (values.empty()) return 0;
  const auto rank = static_cast<std::ptrdiff_t>(
      quantile * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + rank, values.end());
  return values[static_cast<size_t>(rank)];
}

// The rate at which `count` grows, after the warm-up.
double MeasureRate(const std::atomic<int64_t>& count,
                   const LoadOptions& options,
                   const std::function<void()>& on_begin) {
  std::this_thread::sleep_for(options.warmup);
  on_begin();
  const int64_t count_before = count.load();
  const Clock::time_point begin = Clock::now();
  std::this_thread::sleep_for(options.duration);
  const int64_t grown = count.load() - count_before;
  const std::chrono::duration<double> seconds = Clock::now() - begin;
  return static_cast<double>(grown) / seconds.count();
}

}  // namespace

LoadResult RunUnaryLoad(
    const std::function<std::unique_ptr<UnaryCall>(int slot)>& make_call,
    const LoadOptions& options) {
  Shared shared;
  shared.busy_slots = options.in_flight;
  std::vector<std::unique_ptr<Slot>> slots;
  for (int i = 0; i < options.in_flight; ++i) {
    slots.push_back(std::make_unique<Slot>(make_call(i), shared));
  }
  for (const auto& slot : slots) slot->Next();

  LoadResult result;
  result.per_second =
      MeasureRate(shared.done_count, options, [&] { shared.measuring = true; });
  shared.running = false;
  std::unique_lock<std::mutex> lock(shared.mutex);
  shared.all_idle.wait(lock, [&] { return shared.busy_slots == 0; });
  result.failed_count = shared.failed_count;
  result.first_error = shared.first_error;
  result.p50_us = Quantile(shared.latencies_us, 0.50);
  result.p99_us = Quantile(shared.latencies_us, 0.99);
  return result;
}

LoadResult RunStreamLoad(
    const std::vector<std::unique_ptr<LoadStream>>& streams,
    const LoadOptions& options) {
  std::atomic<int64_t> answered = 0;
  for (const auto& stream : streams) stream->Start(&answered);
  LoadResult result;
  result.per_second = MeasureRate(answered, options, [] {});
  for (const auto& stream : streams) {
    const grpc::Status status = stream->Stop();
    if (status.ok()) continue;
    if (result.failed_count++ == 0) result.first_error = status.error_message();
  }
  return result;
}

}  // namespace mmfault::bench
