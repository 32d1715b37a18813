// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// pull_lever.h: FaultService.PullSafetyLever, which stops faults everywhere.
//
// Threads: gRPC's; nothing blocks.

#ifndef MMFAULT_SERVER_API_PULL_LEVER_H_
#define MMFAULT_SERVER_API_PULL_LEVER_H_

#include <grpcpp/support/server_callback.h>

#include "mmfault/v1/fault_service.pb.h"
#include "server/host/lease_table.h"
#include "server/host/world_table.h"

namespace mmfault::api {

// Answers when the last world has stopped what the lever covers.
grpc::ServerUnaryReactor* PullLeverCall(
    grpc::CallbackServerContext* context, host::WorldTable& worlds,
    host::LeaseTable& leases, const v1::PullSafetyLeverRequest& request,
    v1::PullSafetyLeverResponse* response);

}  // namespace mmfault::api

#endif  // MMFAULT_SERVER_API_PULL_LEVER_H_
