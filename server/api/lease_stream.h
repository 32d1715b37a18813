// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// lease_stream.h: FaultService.HoldLease, which holds a lease by being there.
//
// The lease is closed the moment the client is silent for too long, whether or
// not the stream can still be ended in good order: a client that neither reads
// nor speaks cannot keep its faults.
//
// Threads: gRPC's and the executor's timers; nothing blocks.

#ifndef MMFAULT_SERVER_API_LEASE_STREAM_H_
#define MMFAULT_SERVER_API_LEASE_STREAM_H_

#include <grpcpp/support/server_callback.h>

#include <memory>

#include "mmfault/v1/fault_service.pb.h"
#include "server/host/executor.h"
#include "server/host/lease_table.h"

namespace mmfault::api {

// The executor must outlive the stream, and the table the executor.
grpc::ServerBidiReactor<v1::HoldLeaseRequest, v1::HoldLeaseResponse>*
StartLeaseStream(grpc::CallbackServerContext* context, host::LeaseTable* leases,
                 host::Executor* executor);

}  // namespace mmfault::api

#endif  // MMFAULT_SERVER_API_LEASE_STREAM_H_
