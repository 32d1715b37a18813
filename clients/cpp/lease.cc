// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "clients/cpp/lease.h"

#include <algorithm>
#include <utility>

namespace mmfault::client {
namespace {

using std::chrono::milliseconds;

milliseconds TtlOf(const v1::Lease& lease) {
  return std::chrono::seconds(lease.ttl().seconds()) +
         std::chrono::duration_cast<milliseconds>(
             std::chrono::nanoseconds(lease.ttl().nanos()));
}

}  // namespace

Answer<std::unique_ptr<Lease>> Lease::Hold(Session& session, Options options) {
  Answer<std::unique_ptr<Lease>> answer;
  std::unique_ptr<Lease> lease(new Lease(std::move(options)));
  answer.status = lease->Open(session);
  if (answer.ok()) answer.value = std::move(lease);
  return answer;
}

grpc::Status Lease::Open(Session& session) {
  stream_ = session.faults().HoldLease(&context_);
  v1::HoldLeaseRequest request;
  v1::HoldLeaseRequest::Open& open = *request.mutable_open();
  open.set_client(options_.client);
  open.set_lease_id(options_.id);
  open.mutable_ttl()->set_seconds(options_.ttl.count() / 1000);
  open.mutable_ttl()->set_nanos(
      static_cast<int32_t>(options_.ttl.count() % 1000 * 1'000'000));
  v1::HoldLeaseResponse response;
  if (!stream_->Write(request) || !stream_->Read(&response)) {
    ended_ = true;
    return stream_->Finish();
  }
  lease_ = response.lease();
  reader_ = std::thread([this] { Read(); });
  speaker_ = std::thread([this] { KeepAlive(); });
  return grpc::Status::OK;
}

void Lease::Read() {
  v1::HoldLeaseResponse response;
  while (stream_->Read(&response)) {
    if (response.has_safety_lever() && options_.on_lever != nullptr) {
      options_.on_lever(response.safety_lever());
    }
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  closing_ = true;
  changed_.notify_all();
}

void Lease::KeepAlive() {
  const milliseconds interval = std::max(TtlOf(lease_) / 3, milliseconds(1));
  v1::HoldLeaseRequest request;
  request.mutable_keep_alive();
  for (;;) {
    {
      std::unique_lock<std::mutex> lock(mutex_);
      if (changed_.wait_for(lock, interval, [this] { return closing_; })) {
        break;
      }
    }
    // A stream that is broken is noticed by the reader.
    stream_->Write(request);
  }
  stream_->WritesDone();
  reader_.join();
  const grpc::Status status = stream_->Finish();
  const std::lock_guard<std::mutex> lock(mutex_);
  status_ = status;
  ended_ = true;
  changed_.notify_all();
}

void Lease::Close() {
  const std::lock_guard<std::mutex> lock(mutex_);
  closing_ = true;
  changed_.notify_all();
}

grpc::Status Lease::WaitForEnd() {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [this] { return ended_; });
  return status_;
}

Lease::~Lease() {
  Close();
  WaitForEnd();
  if (speaker_.joinable()) speaker_.join();
}

}  // namespace mmfault::client
