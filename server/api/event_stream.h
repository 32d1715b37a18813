// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// event_stream.h: WorldService.WatchEvents, one stream.
//
// The stream pulls: a batch is made on the world's runner when the one before
// has been written, so a slow reader costs no memory. One that falls behind the
// world's ring is told so.

#ifndef MMFAULT_SERVER_API_EVENT_STREAM_H_
#define MMFAULT_SERVER_API_EVENT_STREAM_H_

#include <grpcpp/support/server_callback.h>

#include "mmfault/v1/world_service.pb.h"
#include "server/api/world_lookup.h"

namespace mmfault::api {

// `world` may be an error; then the stream ends with it.
grpc::ServerWriteReactor<v1::WatchEventsResponse>* StartEventStream(
    const WorldOr& world, const v1::WatchEventsRequest& request);

}  // namespace mmfault::api

#endif  // MMFAULT_SERVER_API_EVENT_STREAM_H_
