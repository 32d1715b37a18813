// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/api/lease_stream.h"

#include <grpcpp/server_context.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "server/api/error_status.h"
#include "server/api/silence_timer.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/host/wall_time.h"

namespace mmfault::api {
namespace {

using std::chrono::milliseconds;
using Reactor =
    grpc::ServerBidiReactor<v1::HoldLeaseRequest, v1::HoldLeaseResponse>;

constexpr milliseconds kDefaultTtl{10'000};
constexpr milliseconds kMinTtl{100};
constexpr milliseconds kMaxTtl = std::chrono::hours(1);
// Of what a client has not read: notices are for those who do.
constexpr size_t kMaxQueued = 16;

// What the timer and levers find as long as it is there: both come from other
// threads, and may come late.
class Held : public std::enable_shared_from_this<Held> {
 public:
  Held(grpc::CallbackServerContext* context, Reactor* reactor,
       host::LeaseTable* leases, host::Executor* executor)
      : leases_(leases),
        executor_(executor),
        context_(context),
        reactor_(reactor) {}

  // Opens the lease and starts to watch it.
  absl::Status Open(const v1::HoldLeaseRequest::Open& open) {
    milliseconds ttl = kDefaultTtl;
    if (open.ttl().seconds() != 0 || open.ttl().nanos() != 0) {
      ASSIGN_OR_RETURN(
          ttl, host::WallTime(open.ttl(), kMinTtl, kMaxTtl, "open.ttl"));
    }
    ASSIGN_OR_RETURN(
        const v1::Lease lease,
        leases_->Open(open, ttl,
                      [self = weak_from_this()](const v1::SafetyLever& lever) {
                        if (const auto held = self.lock(); held != nullptr) {
                          held->TellPulled(lever);
                        }
                      }));
    name_ = lease.name();
    v1::HoldLeaseResponse message;
    *message.mutable_lease() = lease;
    Send(std::move(message));
    silence_->Start(ttl, executor_, WhenSilent());
    return absl::OkStatus();
  }

  void Renew() { silence_->Renew(); }

  // The client has closed its half: whoever has read the stream's end finds
  // nothing armed any more.
  void LetGo() {
    CloseLease();
    End(absl::OkStatus());
  }

  // The RPC is over, and with it the lease.
  void Disconnect() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      reactor_ = nullptr;
    }
    silence_->Stop();
    CloseLease();
  }

  void End(const absl::Status& status) {
    silence_->Stop();
    const std::lock_guard<std::mutex> lock(mutex_);
    if (reactor_ == nullptr || end_.has_value()) {
      return;
    }
    end_ = status;
    if (!writing_) {
      WriteNext();
    }
  }

  // Whether there may be another read.
  template <typename Read>
  void IfOpen(Read read) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (reactor_ != nullptr && !finished_) {
      read();
    }
  }

  void Written(bool ok) {
    const std::lock_guard<std::mutex> lock(mutex_);
    writing_ = false;
    queue_.pop_front();
    if (!ok) {
      queue_.clear();
      end_ = absl::CancelledError("the client is gone");
      silence_->Stop();
    }
    WriteNext();
  }

 private:
  // Once: the name may be another's then.
  void CloseLease() {
    if (!name_.empty() && !closed_.exchange(true)) {
      leases_->Close(name_);
    }
  }

  void Send(v1::HoldLeaseResponse message) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (reactor_ == nullptr || end_.has_value() ||
        queue_.size() >= kMaxQueued) {
      return;
    }
    queue_.push_back(std::move(message));
    if (!writing_) {
      WriteNext();
    }
  }

  // Requires the lock.
  void WriteNext() {
    if (!queue_.empty()) {
      writing_ = true;
      reactor_->StartWrite(&queue_.front());
    } else if (end_.has_value() && !finished_) {
      finished_ = true;
      reactor_->Finish(ToGrpcStatus(*end_));
    }
  }

  void TellPulled(const v1::SafetyLever& lever) {
    v1::HoldLeaseResponse message;
    *message.mutable_safety_lever() = lever;
    Send(std::move(message));
  }

  // A notice at half of the time, then the end. The timer may outlive this.
  SilenceTimer::Listener WhenSilent() {
    return {
        .notices_at = {2},
        .on_notice =
            [self = weak_from_this()](SilenceTimer::Clock::duration left) {
              if (const auto held = self.lock(); held != nullptr) {
                held->TellSilent(left);
              }
            },
        .on_end =
            [self = weak_from_this()] {
              if (const auto held = self.lock(); held != nullptr) {
                held->Expire();
              }
            },
    };
  }

  void TellSilent(SilenceTimer::Clock::duration left) {
    v1::HoldLeaseResponse message;
    *message.mutable_expires_soon()->mutable_remaining() = host::ToProto(left);
    Send(std::move(message));
  }

  // Faults first: the stream may not be able to end at once.
  void Expire() {
    CloseLease();
    End(base::MakeError(absl::StatusCode::kDeadlineExceeded, "LEASE_EXPIRED",
                        "the client was silent for longer than its lease",
                        {{"lease", name_}}));
    const std::lock_guard<std::mutex> lock(mutex_);
    if (reactor_ != nullptr && !finished_) {
      context_->TryCancel();
    }
  }

  host::LeaseTable* const leases_;
  host::Executor* const executor_;
  std::string name_;  // set before anybody else sees it
  std::atomic<bool> closed_ = false;
  const std::shared_ptr<SilenceTimer> silence_ =
      std::make_shared<SilenceTimer>();

  std::mutex mutex_;
  grpc::CallbackServerContext* const context_;  // valid while reactor_ is
  Reactor* reactor_;                            // null: the RPC is over
  std::deque<v1::HoldLeaseResponse> queue_;     // the front is being written
  bool writing_ = false;
  std::optional<absl::Status> end_;  // after the queue
  bool finished_ = false;
};

class LeaseReactor final : public Reactor {
 public:
  LeaseReactor(grpc::CallbackServerContext* context, host::LeaseTable* leases,
               host::Executor* executor)
      : held_(std::make_shared<Held>(context, this, leases, executor)) {
    StartRead(&request_);
  }

 private:
  void OnReadDone(bool ok) override {
    if (!ok) {
      held_->LetGo();  // half-closed, or broken
      return;
    }
    const absl::Status status = HandleMessage();
    if (!status.ok()) {
      held_->End(status);
    }
    held_->IfOpen([this] { StartRead(&request_); });
  }

  absl::Status HandleMessage() {
    const bool opens = request_.message_case() == v1::HoldLeaseRequest::kOpen;
    if (opens == open_) {
      return base::MakeError(
          absl::StatusCode::kInvalidArgument, "STREAM_PROTOCOL",
          opens ? "a second open" : "the first message is not an open");
    }
    if (!opens) {
      held_->Renew();
      return absl::OkStatus();
    }
    open_ = true;
    return held_->Open(request_.open());
  }

  void OnWriteDone(bool ok) override { held_->Written(ok); }
  void OnCancel() override {
    held_->End(absl::CancelledError("the client is gone"));
  }
  void OnDone() override {
    held_->Disconnect();
    delete this;
  }

  const std::shared_ptr<Held> held_;
  v1::HoldLeaseRequest request_;
  bool open_ = false;
};

}  // namespace

Reactor* StartLeaseStream(grpc::CallbackServerContext* context,
                          host::LeaseTable* leases, host::Executor* executor) {
  return new LeaseReactor(context, leases, executor);
}

}  // namespace mmfault::api
