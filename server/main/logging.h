// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// logging.h: the process's log, on stderr, for people or for collectors.
//
// Only the outer layers log (host, api, main): what happens inside a world is
// the world's trace. gRPC's own messages come through the same log.
//
// Threads: spdlog's default logger is thread-safe; call InitLogging() once,
// before other threads exist.

#ifndef MMFAULT_SERVER_MAIN_LOGGING_H_
#define MMFAULT_SERVER_MAIN_LOGGING_H_

#include <string>
#include <vector>

namespace mmfault::server {

// The names that --log-level takes, most verbose first.
const std::vector<std::string>& LogLevels();

// Sets the process's default logger. `level` is one of LogLevels(). With `json`
// each line is one object: time (RFC 3339, UTC), level, message.
void InitLogging(const std::string& level, bool json);

// `text` as the inside of a JSON string.
std::string JsonEscape(const std::string& text);

}  // namespace mmfault::server

#endif  // MMFAULT_SERVER_MAIN_LOGGING_H_
