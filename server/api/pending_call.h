// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// pending_call.h: unary calls that are answered when the world has moved.
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

  // Called on the runner once the call has ended early.
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
  auto call = PendingCall<Response>::Make(*world, response);
  (*world)->Post([hosted = *world, call, request,
                  work = std::move(work)](const absl::Status& alive) {
    if (!alive.ok()) {
      call->Answer(alive);
      return;
    }
    host::Done<Response> done = [call](absl::StatusOr<Response> result) {
      call->Answer(std::move(result));
    };
    hosted->Once(request->request_id(), *request, std::move(done),
                 [&](host::Done<Response> first) {
                   work(*hosted, *request, std::move(first));
                 });
  });
  return call.get();
}

}  // namespace mmfault::api

#endif  // MMFAULT_SERVER_API_PENDING_CALL_H_
