// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/sweep/in_order.h"

#include <utility>

namespace mmfault::sweep {

InOrder::InOrder(std::vector<int64_t> groups,
                 std::function<void(v1::SweepCell)> on_cell)
    : groups_(std::move(groups)), on_cell_(std::move(on_cell)) {}

std::optional<size_t> InOrder::Take() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (next_ == groups_.size() || !status_.ok()) {
    return std::nullopt;
  }
  taken_.emplace_back();
  return next_++;
}

void InOrder::Add(size_t place, v1::SweepCell cell) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (place == front_) {
    on_cell_(std::move(cell));
  } else {
    taken_[place - front_].waiting.push_back(std::move(cell));
  }
}

void InOrder::Done(size_t place, const absl::Status& status) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!status.ok() && place < failed_) {
    failed_ = place;
    status_ = status;
  }
  taken_[place - front_].done = true;
  // Nothing leaves from behind one that has failed.
  while (!taken_.empty() && taken_.front().done && front_ != failed_) {
    taken_.pop_front();
    ++front_;
    if (!taken_.empty()) {
      for (v1::SweepCell& cell : taken_.front().waiting) {
        on_cell_(std::move(cell));
      }
      taken_.front().waiting.clear();
    }
  }
}

absl::Status InOrder::status() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return status_;
}

}  // namespace mmfault::sweep
