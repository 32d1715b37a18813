// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// pending_call.h: unary calls that are answered when the world has moved.
//
// One that is answered before its handler returns, as when the call itself ran
// the world, is finished through gRPC's default reactor. The reactor for the
// others is like it in that its reactions run where gRPC notices their cause,
// not on another thread: they do next to nothing.
//
// The answer and the client's own end (cancellation, deadline) race; the first
// one finishes the call and the other finds it finished. The cancellation goes
// through the world's mailbox, behind the message that reads the request: the
// request lives until the call is finished.
//
// Threads: Answer() from any; gRPC's reactions from gRPC's.

#ifndef MMFAULT_SERVER_API_PENDING_CALL_H_
#define MMFAULT_SERVER_API_PENDING_CALL_H_

#include <grpcpp/support/server_callback.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/api/error_status.h"
#include "server/host/hosted_world.h"

namespace mmfault::api {

class PendingCall final : public grpc::ServerUnaryReactor {
 public:
  static std::shared_ptr<PendingCall> Make(
      std::shared_ptr<host::HostedWorld> world) {
    std::shared_ptr<PendingCall> call(new PendingCall(std::move(world)));
    call->self_ = call;
    return call;
  }

  void Answer(const absl::Status& status) {
    if (!answered_.exchange(true)) {
      Finish(ToGrpcStatus(status));
    }
  }

  // Called on the runner once the call has ended early. Set before the handler
  // returns, or on the runner.
  void SetAbandoned(std::function<void()> abandoned) {
    abandoned_ = std::move(abandoned);
  }

 private:
  explicit PendingCall(std::shared_ptr<host::HostedWorld> world)
      : world_(std::move(world)) {}

  bool InternalInlineable() override { return true; }

  void OnCancel() override {
    const std::shared_ptr<PendingCall> call = self_;
    world_->PostElsewhere([call](const absl::Status& /*alive*/) {
      call->Answer(absl::CancelledError("the call ended before its answer"));
      if (call->abandoned_ != nullptr) {
        call->abandoned_();
      }
    });
  }

  void OnDone() override { self_ = nullptr; }

  const std::shared_ptr<host::HostedWorld> world_;
  std::atomic<bool> answered_ = false;
  std::function<void()> abandoned_;  // the runner's
  std::shared_ptr<PendingCall> self_;
};

// Where an answer goes: kept until the handler has returned from posting, then
// to the reactor. The runner writes into gRPC's own response: as a cancelled
// call ends on the runner, too, the response is there as long as is_open().
template <typename Response>
class ReplySlot {
 public:
  explicit ReplySlot(Response* response) : response_(response) {}

  // The runner's.
  bool is_open() const { return open_; }
  Response* response() { return response_; }

  // The response is filled in, or there is an error.
  void Answer(const absl::Status& status) {
    std::shared_ptr<PendingCall> call;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (!open_) {
        return;
      }
      open_ = false;
      early_ = status;
      call = std::move(call_);
    }
    if (call != nullptr) {
      call->Answer(status);
    }
  }
  void Answer(absl::StatusOr<Response> result) {
    const absl::Status status = result.status();
    if (open_ && status.ok()) {
      *response_ = *std::move(result);
    }
    Answer(status);
  }

  // Called on the runner once the call has ended early.
  void SetAbandoned(std::function<void()> abandoned) {
    const std::lock_guard<std::mutex> lock(mutex_);
    abandoned_ = std::move(abandoned);
  }

  // The handler's last act: the reactor to return.
  static grpc::ServerUnaryReactor* Connect(
      const std::shared_ptr<ReplySlot>& slot,
      grpc::CallbackServerContext* context,
      const std::shared_ptr<host::HostedWorld>& world) {
    const std::lock_guard<std::mutex> lock(slot->mutex_);
    if (slot->open_) {
      slot->call_ = PendingCall::Make(world);
      slot->call_->SetAbandoned([slot] { slot->Abandon(); });
      return slot->call_.get();
    }
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(ToGrpcStatus(slot->early_));
    return reactor;
  }

 private:
  void Abandon() {
    std::function<void()> abandoned;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      open_ = false;
      abandoned.swap(abandoned_);
      call_ = nullptr;
    }
    if (abandoned != nullptr) {
      abandoned();
    }
  }

  Response* const response_;
  std::mutex mutex_;
  std::atomic<bool> open_ = true;  // neither answered nor cancelled
  absl::Status early_;
  std::function<void()> abandoned_;
  std::shared_ptr<PendingCall> call_;
};

// Starts `work(world, done)` on the runner. Calls with a `request_id` are
// answered once: a repetition gets the first answer, or waits for it.
template <typename Request, typename Response, typename Work>
grpc::ServerUnaryReactor* OnWorldLater(
    grpc::CallbackServerContext* context,
    const absl::StatusOr<std::shared_ptr<host::HostedWorld>>& world,
    const Request* request, Response* response, Work work) {
  if (!world.ok()) {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(ToGrpcStatus(world.status()));
    return reactor;
  }
  const auto slot = std::make_shared<ReplySlot<Response>>(response);
  (*world)->Post([hosted = world->get(), slot, request,
                  work = std::move(work)](const absl::Status& alive) {
    if (!alive.ok()) {
      slot->Answer(alive);
      return;
    }
    host::Done<Response> done = [slot](absl::StatusOr<Response> result) {
      slot->Answer(std::move(result));
    };
    hosted->Once(request->request_id(), *request, std::move(done),
                 [&](host::Done<Response> first) {
                   work(*hosted, *request, std::move(first));
                 });
  });
  return ReplySlot<Response>::Connect(slot, context, *world);
}

}  // namespace mmfault::api

#endif  // MMFAULT_SERVER_API_PENDING_CALL_H_
