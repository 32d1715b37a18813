// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/main/port_file.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "server/base/error.h"

namespace mmfault::server {

absl::Status WritePortFile(const std::string& path,
                           const std::vector<std::string>& addresses) {
  // The pid: two servers told to use one file must not write one temporary.
  const std::string temporary = path + "." + std::to_string(getpid());
  errno = 0;
  std::ofstream file(temporary, std::ios::trunc);
  for (const std::string& address : addresses) file << address << "\n";
  file.close();
  if (file && std::rename(temporary.c_str(), path.c_str()) == 0) {
    return absl::OkStatus();
  }
  const std::string cause = std::strerror(errno);
  std::remove(temporary.c_str());
  return base::MakeError(absl::StatusCode::kUnavailable, "PORT_FILE_UNWRITABLE",
                         "cannot write " + path + ": " + cause,
                         {{"path", path}});
}

}  // namespace mmfault::server
