// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/api/sweep_stream.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

#include "server/api/error_status.h"
#include "server/host/sweep_plan.h"

namespace mmfault::api {
namespace {

// Of what is not read yet; beyond, the sweep waits.
constexpr size_t kMaxQueued = 1024;
constexpr int kCellsPerMessage = 64;

// Finish() is called once the sweep is over, whatever became of the reader: so
// the sweep's thread never finds the reactor gone.
class Stream final : public grpc::ServerWriteReactor<v1::SweepResponse> {
 public:
  Stream(host::RunTable* runs, const v1::SweepRequest& request)
      : runs_(runs), request_(request) {}

  // On a worker's thread.
  void Sweep() {
    absl::StatusOr<host::SweepPlan> plan =
        host::PlanSweep(request_, runs_->bounds());
    const absl::Status may_run =
        plan.ok() ? runs_->CheckWorkers(plan->workers) : plan.status();
    if (!may_run.ok()) {
      End(may_run);
      return;
    }
    sweep::Listener listener;
    listener.on_case = [this](const v1::SweepCase& started) {
      v1::SweepResponse response;
      *response.mutable_started_case() = started;
      Push(std::move(response));
    };
    listener.on_cell = [this](v1::SweepCell cell) {
      v1::SweepResponse response;
      *response.add_cells() = std::move(cell);
      Push(std::move(response));
    };
    listener.goes_on = [this] { return !gone() && !runs_->draining(); };
    End(host::ExecuteSweep(*plan, listener));
  }

  // The sweep is over, or was never begun.
  void End(const absl::Status& status) {
    std::unique_lock<std::mutex> lock(mutex_);
    end_ = ToGrpcStatus(status);
    GoOn(lock);
  }

  void OnWriteDone(bool ok) override {
    std::unique_lock<std::mutex> lock(mutex_);
    writing_ = false;
    gone_ = gone_ || !ok;
    GoOn(lock);
  }

  void OnCancel() override {
    const std::lock_guard<std::mutex> lock(mutex_);
    gone_ = true;
    room_.notify_all();
  }

  void OnDone() override { delete this; }

 private:
  bool gone() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return gone_;
  }

  void Push(v1::SweepResponse response) {
    std::unique_lock<std::mutex> lock(mutex_);
    room_.wait(lock, [this] { return gone_ || queue_.size() < kMaxQueued; });
    queue_.push_back(std::move(response));
    GoOn(lock);
  }

  // Writes what waits, or ends. The lock is released before gRPC is called.
  void GoOn(std::unique_lock<std::mutex>& lock) {
    if (writing_) {
      return;
    }
    if (gone_) {
      queue_.clear();
    }
    if (queue_.empty()) {
      if (end_.has_value()) {
        const grpc::Status status = *end_;
        writing_ = true;  // nobody else ends it
        lock.unlock();
        Finish(status);
      }
      return;
    }
    TakeMessage();
    writing_ = true;
    room_.notify_all();
    lock.unlock();
    StartWrite(&message_);
  }

  // The first that waits, and cells behind it.
  void TakeMessage() {
    message_ = std::move(queue_.front());
    queue_.pop_front();
    while (!queue_.empty() && !queue_.front().has_started_case() &&
           message_.cells_size() < kCellsPerMessage) {
      message_.mutable_cells()->MergeFrom(queue_.front().cells());
      queue_.pop_front();
    }
  }

  host::RunTable* const runs_;
  const v1::SweepRequest request_;
  std::mutex mutex_;
  std::condition_variable room_;
  std::deque<v1::SweepResponse> queue_;
  bool writing_ = false;
  bool gone_ = false;
  std::optional<grpc::Status> end_;
  v1::SweepResponse message_;
};

}  // namespace

grpc::ServerWriteReactor<v1::SweepResponse>* SweepStream(
    host::RunTable* runs, const v1::SweepRequest& request) {
  auto* stream = new Stream(runs, request);
  const absl::Status status = runs->LongWork([stream] { stream->Sweep(); });
  if (!status.ok()) {
    stream->End(status);
  }
  return stream;
}

}  // namespace mmfault::api
