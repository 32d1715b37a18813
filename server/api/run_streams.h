// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// run_streams.h: the two server streams of RunService.
//
// One message is written at a time; the next is made when the reader has taken
// it. A slow reader therefore costs nothing but its own time.

#ifndef MMFAULT_SERVER_API_RUN_STREAMS_H_
#define MMFAULT_SERVER_API_RUN_STREAMS_H_

#include <grpcpp/support/server_callback.h>

#include "mmfault/v1/run_service.pb.h"
#include "server/host/run_table.h"

namespace mmfault::api {

// Progress of a run until it is over. `runs` outlives the stream.
grpc::ServerWriteReactor<v1::WatchRunResponse>* WatchRunStream(
    host::RunTable* runs, const v1::WatchRunRequest& request);

// The capsule and the story of a violation.
grpc::ServerWriteReactor<v1::FetchTraceResponse>* FetchTraceStream(
    host::RunTable* runs, const v1::FetchTraceRequest& request);

}  // namespace mmfault::api

#endif  // MMFAULT_SERVER_API_RUN_STREAMS_H_
