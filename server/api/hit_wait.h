// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// hit_wait.h: FaultService.WaitForHit: a call that waits for its world.
//
// Ends when the point was passed often enough, at its timeout, at the client's
// cancellation or deadline, or when the world is reset or deleted; whichever
// comes first answers, and the others find it answered.

#ifndef MMFAULT_SERVER_API_HIT_WAIT_H_
#define MMFAULT_SERVER_API_HIT_WAIT_H_

#include <grpcpp/support/server_callback.h>

#include <memory>

#include "mmfault/v1/fault_service.pb.h"
#include "server/host/executor.h"
#include "server/host/hosted_world.h"

namespace mmfault::api {

// Starts the wait. Errors of the request are answered at once. `world` may be
// an error too. The executor outlives the call.
grpc::ServerUnaryReactor* WaitForHitCall(
    const absl::StatusOr<std::shared_ptr<host::HostedWorld>>& world,
    host::Executor* executor, const v1::WaitForHitRequest& request,
    v1::WaitForHitResponse* response);

}  // namespace mmfault::api

#endif  // MMFAULT_SERVER_API_HIT_WAIT_H_
