// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// on_world.h: unary calls that a world's runner answers.
//
// Threads: as HostedWorld::Post.

#ifndef MMFAULT_SERVER_API_ON_WORLD_H_
#define MMFAULT_SERVER_API_ON_WORLD_H_

#include <grpcpp/support/server_callback.h>

#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/api/error_status.h"
#include "server/base/status_macros.h"
#include "server/host/hosted_world.h"

namespace mmfault::api {

// Calls `work(world)` on the runner and finishes the call with what it returns;
// with the status of `world` when there is none. The request and the response
// of a unary call live until then.
template <typename Work>
grpc::ServerUnaryReactor* OnWorld(
    grpc::CallbackServerContext* context,
    const absl::StatusOr<std::shared_ptr<host::HostedWorld>>& world,
    Work work) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  if (!world.ok()) {
    reactor->Finish(ToGrpcStatus(world.status()));
    return reactor;
  }
  (*world)->Post([world = *world, reactor,
                  work = std::move(work)](const absl::Status& alive) {
    reactor->Finish(ToGrpcStatus(alive.ok() ? work(*world) : alive));
  });
  return reactor;
}

// As above, for calls with a `request_id`: a repetition gets the first answer.
template <typename Request, typename Response, typename Work>
grpc::ServerUnaryReactor* OnWorldOnce(
    grpc::CallbackServerContext* context,
    const absl::StatusOr<std::shared_ptr<host::HostedWorld>>& world,
    const Request* request, Response* response, Work work) {
  return OnWorld(
      context, world,
      [request, response,
       work = std::move(work)](host::HostedWorld& hosted) -> absl::Status {
        const std::string& id = request->request_id();
        ASSIGN_OR_RETURN(const bool repeated,
                         hosted.requests().Find(id, *request, response));
        if (repeated) {
          return absl::OkStatus();
        }
        RETURN_IF_ERROR(work(hosted));
        hosted.requests().Keep(id, *request, *response);
        return absl::OkStatus();
      });
}

}  // namespace mmfault::api

#endif  // MMFAULT_SERVER_API_ON_WORLD_H_
