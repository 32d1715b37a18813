// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "clients/cpp/attach_stream.h"

namespace mmfault::client {

AttachStream::AttachStream(v1::NotifierService::Stub& stub, Listener* listener)
    : listener_(listener) {
  stub.async()->Attach(&context_, this);
  // Writes are started from outside of gRPC's callbacks; the hold keeps the
  // stream open for them until reading has ended.
  AddHold();
  StartRead(&incoming_);
  StartCall();
}

AttachStream::~AttachStream() {
  Cancel();
  WaitForEnd();
}

void AttachStream::Send(v1::AttachRequest& message) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (has_read_end_ || is_closing_) return;
  if (is_writing_) {
    queue_.emplace_back().Swap(&message);
    return;
  }
  outgoing_.Swap(&message);
  is_writing_ = true;
  StartWrite(&outgoing_);
}

void AttachStream::HalfClose() {
  const std::lock_guard<std::mutex> lock(mutex_);
  is_closing_ = true;
  CloseIfDrained();
}

void AttachStream::CloseIfDrained() {
  if (!is_closing_ || is_writing_ || has_closed_ || has_read_end_) return;
  has_closed_ = true;
  StartWritesDone();
}

void AttachStream::WriteNext() {
  if (queue_.empty()) return;
  outgoing_.Swap(&queue_.front());
  queue_.pop_front();
  is_writing_ = true;
  StartWrite(&outgoing_);
}

void AttachStream::OnWriteDone(bool ok) {
  const std::lock_guard<std::mutex> lock(mutex_);
  is_writing_ = false;
  // After a failed write the stream is over; the read says so, too.
  if (!ok || has_read_end_) return;
  WriteNext();
  CloseIfDrained();
}

void AttachStream::OnReadDone(bool ok) {
  if (ok) {
    listener_->OnMessage(incoming_);
    StartRead(&incoming_);
    return;
  }
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    has_read_end_ = true;
  }
  RemoveHold();
}

void AttachStream::OnDone(const grpc::Status& status) {
  listener_->OnEnd(status);
  // Notified under the lock: whoever waits may destroy this right after.
  const std::lock_guard<std::mutex> lock(mutex_);
  has_ended_ = true;
  ended_condition_.notify_all();
}

void AttachStream::WaitForEnd() {
  std::unique_lock<std::mutex> lock(mutex_);
  ended_condition_.wait(lock, [this] { return has_ended_; });
}

}  // namespace mmfault::client
