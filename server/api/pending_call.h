// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// pending_call.h: unary calls that are answered when the world has moved.
//
// One that is answered before its handler returns, as when the call itself ran
// the world, is finished through gRPC's default reactor: any other costs a hop
// to another thread at its end.
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

template <typename Response>
class PendingCall final : public grpc::ServerUnaryReactor {
 public:
  static std::shared_ptr<PendingCall> Make(
      std::shared_ptr<host::HostedWorld> world, Response* response) {
    std::shared_ptr<PendingCall> call(
        new PendingCall(std::move(world), response));
    call->self_ = call;
    return call;
  }

  void Answer(absl::StatusOr<Response> result) {
    if (answered_.exchange(true)) {
      return;
    }
    if (result.ok()) {
      *response_ = *std::move(result);
      Finish(grpc::Status::OK);
    } else {
      Finish(ToGrpcStatus(result.status()));
    }
  }

  // Called on the runner once the call has ended early. Set before the handler
  // returns, or on the runner.
  void SetAbandoned(std::function<void()> abandoned) {
    abandoned_ = std::move(abandoned);
  }

 private:
  PendingCall(std::shared_ptr<host::HostedWorld> world, Response* response)
      : world_(std::move(world)), response_(response) {}

  void OnCancel() override {
    const std::shared_ptr<PendingCall> call = self_;
    world_->Post([call](const absl::Status& /*alive*/) {
      call->Answer(absl::CancelledError("the call ended before its answer"));
      if (call->abandoned_ != nullptr) {
        call->abandoned_();
      }
    });
  }

  void OnDone() override { self_ = nullptr; }

  const std::shared_ptr<host::HostedWorld> world_;
  Response* const response_;
  std::atomic<bool> answered_ = false;
  std::function<void()> abandoned_;  // the runner's
  std::shared_ptr<PendingCall> self_;
};

// Where an answer goes: kept until the handler has returned from posting, then
// to the reactor.
template <typename Response>
class ReplySlot {
 public:
  void Answer(absl::StatusOr<Response> result) {
    std::shared_ptr<PendingCall<Response>> call;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (call_ == nullptr) {
        if (!early_.has_value()) {
          early_.emplace(std::move(result));
        }
        return;
      }
      call = call_;
    }
    call->Answer(std::move(result));
  }

  // Called on the runner once the call has ended early.
  void SetAbandoned(std::function<void()> abandoned) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (call_ != nullptr) {
      call_->SetAbandoned(std::move(abandoned));
    } else {
      abandoned_ = std::move(abandoned);
    }
  }

  // The handler's last act: the reactor to return.
  grpc::ServerUnaryReactor* Connect(
      grpc::CallbackServerContext* context,
      const std::shared_ptr<host::HostedWorld>& world, Response* response) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!early_.has_value()) {
      call_ = PendingCall<Response>::Make(world, response);
      call_->SetAbandoned(std::move(abandoned_));
      return call_.get();
    }
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    if (early_->ok()) {
      *response = **std::move(early_);
    }
    reactor->Finish(ToGrpcStatus(early_->status()));
    return reactor;
  }

 private:
  std::mutex mutex_;
  std::optional<absl::StatusOr<Response>> early_;
  std::function<void()> abandoned_;
  std::shared_ptr<PendingCall<Response>> call_;
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
  const auto slot = std::make_shared<ReplySlot<Response>>();
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
  return slot->Connect(context, *world, response);
}

}  // namespace mmfault::api

#endif  // MMFAULT_SERVER_API_PENDING_CALL_H_
