// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/api/attach_stream.h"

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "server/api/error_status.h"
#include "server/api/silence_timer.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/host/wall_time.h"

namespace mmfault::api {
namespace {

using Reactor = grpc::ServerBidiReactor<v1::AttachRequest, v1::AttachResponse>;

class AttachReactor;

// What the session holds: it may outlive the RPC.
//
// Threads: any. Writes are begun without the lock: gRPC may send at once, and
// another thread that learns of it would wait.
class Outlet final : public host::ClientStream {
 public:
  explicit Outlet(AttachReactor* reactor) : reactor_(reactor) {}

  bool Send(v1::AttachResponse message) override;
  bool SendCallback(
      absl::FunctionRef<void(v1::AttachResponse::Callback*)> fill) override;
  void End(const absl::Status& status) override;

  // The message that was being written has been, or cannot be.
  void Written(bool ok);

  // The RPC is over; messages go nowhere from now on.
  void Disconnect() {
    const std::lock_guard<std::mutex> lock(mutex_);
    reactor_ = nullptr;
  }

  bool too_slow() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return too_slow_;
  }

 private:
  friend class AttachReactor;

  using Parcel = std::unique_ptr<v1::AttachResponse>;

  // What the stream does next. Decided under the lock, which keeps others from
  // deciding the same; done without it. Nothing when `reactor` is null.
  struct Move {
    AttachReactor* reactor = nullptr;
    const v1::AttachResponse* message = nullptr;  // null: the end
  };
  void Make(const Move& move);

  // These require the lock.
  Move NextMove();
  bool IsOpen();
  Move Queue(Parcel parcel);
  void PopFront();

  mutable std::mutex mutex_;
  AttachReactor* reactor_;    // null: the RPC is over
  std::deque<Parcel> queue_;  // the front is being written
  Parcel spare_;              // the last callback written, or null
  bool writing_ = false;
  std::optional<absl::Status> end_;  // after the queue
  bool finished_ = false;
  bool too_slow_ = false;
};

class AttachReactor final : public Reactor {
 public:
  AttachReactor(FindSession find, host::Executor* executor)
      : find_(std::move(find)),
        executor_(executor),
        outlet_(std::make_shared<Outlet>(this)) {
    StartRead(&request_);
  }

 private:
  friend class Outlet;

  void OnReadDone(bool ok) override {
    if (!ok) {
      // Half-closed or broken: the client is gone.
      outlet_->End(absl::OkStatus());
      return;
    }
    if (leased_) {
      lease_->Renew();
    }
    const absl::Status status = HandleMessage();
    if (!status.ok()) {
      outlet_->End(status);
    }
    const std::lock_guard<std::mutex> lock(outlet_->mutex_);
    if (!outlet_->finished_) {
      StartRead(&request_);
    }
  }

  absl::Status HandleMessage() {
    const bool hello = request_.message_case() == v1::AttachRequest::kHello;
    if (hello != (session_ == nullptr)) {
      return base::MakeError(
          absl::StatusCode::kInvalidArgument, "STREAM_PROTOCOL",
          hello ? "a second hello" : "the first message is not a hello");
    }
    if (hello) {
      return HandleHello(request_.hello());
    }
    if (request_.message_case() != v1::AttachRequest::kKeepAlive) {
      session_->Handle(client_, request_);
    }
    return absl::OkStatus();
  }

  absl::Status HandleHello(const v1::AttachRequest::Hello& hello) {
    std::chrono::milliseconds lease{0};
    if (hello.lease().seconds() != 0 || hello.lease().nanos() != 0) {
      ASSIGN_OR_RETURN(
          lease, host::WallTime(hello.lease(), std::chrono::milliseconds(100),
                                std::chrono::hours(1), "hello.lease"));
    }
    ASSIGN_OR_RETURN(auto session, find_(hello.parent()));
    ASSIGN_OR_RETURN(client_, session->Open(hello, outlet_));
    session_ = std::move(session);
    if (lease.count() != 0) {
      leased_ = true;
      lease_->Start(lease, executor_, WhenSilent());
    }
    return absl::OkStatus();
  }

  void OnWriteDone(bool ok) override { outlet_->Written(ok); }

  // The client cancelled or its connection broke.
  void OnCancel() override {
    cancelled_.store(true);
    outlet_->End(absl::CancelledError("the client is gone"));
  }

  void OnDone() override {
    outlet_->Disconnect();
    lease_->Stop();
    if (session_ != nullptr) {
      session_->Close(client_, WhyEnded());
    }
    delete this;
  }

  host::Departure WhyEnded() const {
    if (lease_->expired()) {
      return host::Departure::kLeaseExpired;
    }
    if (outlet_->too_slow()) {
      return host::Departure::kTooSlow;
    }
    return cancelled_.load() ? host::Departure::kLost : host::Departure::kLeft;
  }

  // Notices at half and at a quarter of the lease, then the end.
  SilenceTimer::Listener WhenSilent() {
    return {
        .notices_at = {2, 4},
        .on_notice =
            [outlet = outlet_](SilenceTimer::Clock::duration left) {
              v1::AttachResponse message;
              *message.mutable_lease_notice()->mutable_remaining() =
                  host::ToProto(left);
              outlet->Send(std::move(message));
            },
        .on_end =
            [outlet = outlet_] {
              v1::AttachResponse message;
              message.mutable_goodbye()->set_cause(
                  v1::AttachResponse::Goodbye::CAUSE_LEASE_EXPIRED);
              outlet->Send(std::move(message));
              outlet->End(absl::OkStatus());
            },
    };
  }

  const FindSession find_;
  host::Executor* const executor_;
  const std::shared_ptr<Outlet> outlet_;
  const std::shared_ptr<SilenceTimer> lease_ = std::make_shared<SilenceTimer>();
  std::atomic<bool> cancelled_ = false;
  bool leased_ = false;
  v1::AttachRequest request_;
  std::shared_ptr<host::RemoteSession> session_;
  std::string client_;
};

bool Outlet::Send(v1::AttachResponse message) {
  Move move;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!IsOpen()) {
      return false;
    }
    move = Queue(std::make_unique<v1::AttachResponse>(std::move(message)));
  }
  Make(move);
  return true;
}

// A callback has many small parts: those of the one before are used again.
bool Outlet::SendCallback(
    absl::FunctionRef<void(v1::AttachResponse::Callback*)> fill) {
  Move move;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!IsOpen()) {
      return false;
    }
    Parcel parcel = spare_ == nullptr ? std::make_unique<v1::AttachResponse>()
                                      : std::move(spare_);
    v1::AttachResponse::Callback* callback = parcel->mutable_callback();
    callback->Clear();
    fill(callback);
    move = Queue(std::move(parcel));
  }
  Make(move);
  return true;
}

void Outlet::Written(bool ok) {
  Move move;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    writing_ = false;
    if (!queue_.empty()) {
      PopFront();
    }
    if (!ok) {
      queue_.clear();
      end_ = absl::CancelledError("the client is gone");
    }
    move = NextMove();
  }
  Make(move);
}

void Outlet::PopFront() {
  if (queue_.front()->has_callback()) {
    spare_ = std::move(queue_.front());
  }
  queue_.pop_front();
}

// Whether another message can be queued. A reader that lets the queue fill up
// is sent away.
bool Outlet::IsOpen() {
  if (reactor_ == nullptr || end_.has_value()) {
    return false;
  }
  if (queue_.size() >= kMaxQueuedMessages) {
    // What waits is dropped, but for the message that is being written.
    queue_.resize(1);
    too_slow_ = true;
    end_ =
        base::MakeError(absl::StatusCode::kResourceExhausted, "READER_TOO_SLOW",
                        "the client does not read what it is sent",
                        {{"max", std::to_string(kMaxQueuedMessages)}});
    return false;
  }
  return true;
}

Outlet::Move Outlet::Queue(Parcel parcel) {
  queue_.push_back(std::move(parcel));
  return writing_ ? Move() : NextMove();
}

void Outlet::End(const absl::Status& status) {
  Move move;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (reactor_ == nullptr || end_.has_value()) {
      return;
    }
    end_ = status;
    move = writing_ ? Move() : NextMove();
  }
  Make(move);
}

// Requires that nothing is being written.
Outlet::Move Outlet::NextMove() {
  if (!queue_.empty()) {
    writing_ = true;
    return {reactor_, queue_.front().get()};
  }
  if (end_.has_value() && !finished_) {
    finished_ = true;
    return {reactor_, nullptr};
  }
  return {};
}

// The reactor lives until it has finished, and `end_` stays what it is.
void Outlet::Make(const Move& move) {
  if (move.reactor == nullptr) {
    return;
  }
  if (move.message != nullptr) {
    move.reactor->StartWrite(move.message);
  } else {
    move.reactor->Finish(ToGrpcStatus(*end_));
  }
}

}  // namespace

Reactor* StartAttachStream(FindSession find, host::Executor* executor) {
  return new AttachReactor(std::move(find), executor);
}

}  // namespace mmfault::api
