// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// port_file.h: tells a script where the server listens.

#ifndef MMFAULT_SERVER_MAIN_PORT_FILE_H_
#define MMFAULT_SERVER_MAIN_PORT_FILE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace mmfault::server {

// Writes the addresses, one a line. A reader sees the old file, none, or the
// whole new one (temporary file, then rename).
//
// Errors: UNAVAILABLE `PORT_FILE_UNWRITABLE`: names the file and the cause.
absl::Status WritePortFile(const std::string& path,
                           const std::vector<std::string>& addresses);

}  // namespace mmfault::server

#endif  // MMFAULT_SERVER_MAIN_PORT_FILE_H_
