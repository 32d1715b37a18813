// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// driver_process.h: `mmfault drive` in a process of its own.

#ifndef MMFAULT_CLIENTS_CLI_DRIVER_PROCESS_H_
#define MMFAULT_CLIENTS_CLI_DRIVER_PROCESS_H_

#include <sys/types.h>

#include <memory>
#include <string>

namespace mmfault::cli {

class DriverProcess {
 public:
  // Runs this very program to answer the notifiers of `run` as the scenario in
  // `file` says. Null, with `error` set, when it cannot be started.
  static std::unique_ptr<DriverProcess> Start(const std::string& server,
                                              const std::string& run,
                                              const std::string& file,
                                              std::string* error);

  // Ends the process if it is still there.
  ~DriverProcess();

  DriverProcess(const DriverProcess&) = delete;
  DriverProcess& operator=(const DriverProcess&) = delete;

  // Waits for its end and returns its exit code; 125 when a signal ended it.
  int Wait();

 private:
  explicit DriverProcess(pid_t pid) : pid_(pid) {}

  pid_t pid_;
};

}  // namespace mmfault::cli

#endif  // MMFAULT_CLIENTS_CLI_DRIVER_PROCESS_H_
