// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// protocol_info.h: what a protocol is, as the API tells it.
//
// Threads: pure functions over constant data.

#ifndef MMFAULT_SERVER_API_PROTOCOL_INFO_H_
#define MMFAULT_SERVER_API_PROTOCOL_INFO_H_

#include <string>

#include "absl/status/statusor.h"
#include "mmfault/v1/resources.pb.h"
#include "server/notifier/protocol.h"

namespace mmfault::api {

// The facts of a protocol.
v1::Protocol ToProto(const notifier::Protocol& protocol);

// The protocol of a resource name, `protocols/6.1`.
//
// Errors: INVALID_ARGUMENT (NAME_MALFORMED), for field `name`; NOT_FOUND
// (PROTOCOL_NOT_FOUND), with the nearest id if one is near.
absl::StatusOr<const notifier::Protocol*> ProtocolNamed(
    const std::string& name);

}  // namespace mmfault::api

#endif  // MMFAULT_SERVER_API_PROTOCOL_INFO_H_
