// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "clients/cpp/pending_call.h"

namespace mmfault::client {
namespace {

thread_local bool is_reading_thread = false;

}  // namespace

PendingCall::PendingCall(std::function<void(const StepAnswer&)> on_done)
    : state_(std::make_shared<State>()) {
  state_->on_done = std::move(on_done);
}

StepAnswer PendingCall::Wait() const {
  std::unique_lock<std::mutex> lock(state_->mutex);
  if (is_reading_thread && !state_->is_done) {
    return {grpc::Status(
                grpc::StatusCode::FAILED_PRECONDITION,
                "a callback that runs on the reading thread cannot wait for a "
                "call: attach with Dispatch::kThreads, or do not wait"),
            {}};
  }
  state_->condition.wait(lock, [this] { return state_->is_done; });
  return state_->answer;
}

bool PendingCall::is_done() const {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  return state_->is_done;
}

void PendingCall::Complete(StepAnswer answer) const {
  if (state_->on_done) state_->on_done(answer);
  const std::lock_guard<std::mutex> lock(state_->mutex);
  state_->answer = std::move(answer);
  state_->is_done = true;
  state_->condition.notify_all();
}

ReadingThreadScope::ReadingThreadScope()
    : was_inside_(std::exchange(is_reading_thread, true)) {}

ReadingThreadScope::~ReadingThreadScope() { is_reading_thread = was_inside_; }

}  // namespace mmfault::client
