// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// sweep_stream.h: RunService.Sweep.
//
// The sweep runs on a thread of the table's that executes runs. It waits for a
// reader that is slow, and ends when the reader has gone or the server shuts
// down.

#ifndef MMFAULT_SERVER_API_SWEEP_STREAM_H_
#define MMFAULT_SERVER_API_SWEEP_STREAM_H_

#include <grpcpp/support/server_callback.h>

#include "mmfault/v1/run_service.pb.h"
#include "server/host/run_table.h"

namespace mmfault::api {

// `runs` outlives the stream.
grpc::ServerWriteReactor<v1::SweepResponse>* SweepStream(
    host::RunTable* runs, const v1::SweepRequest& request);

}  // namespace mmfault::api

#endif  // MMFAULT_SERVER_API_SWEEP_STREAM_H_
