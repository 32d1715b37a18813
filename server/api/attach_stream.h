// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// attach_stream.h: NotifierService.Attach, one stream.
//
// Reads the client's messages and hands them to the session that the `hello`
// names; writes what the session sends, one message at a time, from a bounded
// queue; watches the lease. Knows nothing of worlds and runs.

#ifndef MMFAULT_SERVER_API_ATTACH_STREAM_H_
#define MMFAULT_SERVER_API_ATTACH_STREAM_H_

#include <grpcpp/support/server_callback.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "mmfault/v1/notifier_service.pb.h"
#include "server/host/executor.h"
#include "server/host/remote_session.h"

namespace mmfault::api {

// Messages that wait for a client to read them; beyond, it is too slow.
inline constexpr size_t kMaxQueuedMessages = 4096;

using FindSession =
    std::function<absl::StatusOr<std::shared_ptr<host::RemoteSession>>(
        const std::string& parent)>;

// The executor outlives the stream.
grpc::ServerBidiReactor<v1::AttachRequest, v1::AttachResponse>*
StartAttachStream(FindSession find, host::Executor* executor);

}  // namespace mmfault::api

#endif  // MMFAULT_SERVER_API_ATTACH_STREAM_H_
