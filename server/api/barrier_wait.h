// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// barrier_wait.h: FaultService.ArriveAtBarrier, which waits for others.
//
// Threads: gRPC's; nothing blocks.

#ifndef MMFAULT_SERVER_API_BARRIER_WAIT_H_
#define MMFAULT_SERVER_API_BARRIER_WAIT_H_

#include <grpcpp/support/server_callback.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "mmfault/v1/fault_service.pb.h"
#include "server/host/executor.h"
#include "server/host/hosted_world.h"

namespace mmfault::api {

// `id` is the barrier's. Answers when it opens, the timeout passes, or the
// world goes.
grpc::ServerUnaryReactor* ArriveCall(
    grpc::CallbackServerContext* context,
    const absl::StatusOr<std::shared_ptr<host::HostedWorld>>& world,
    host::Executor* executor, const std::string& id,
    const v1::ArriveAtBarrierRequest& request,
    v1::ArriveAtBarrierResponse* response);

}  // namespace mmfault::api

#endif  // MMFAULT_SERVER_API_BARRIER_WAIT_H_
