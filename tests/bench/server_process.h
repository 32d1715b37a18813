// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// server_process.h: a server in a process of its own, for a bench.
//
// Starts a program that prints `listening on ADDRESS` on stdout once it serves,
// as mmfaultd and bench_echo_server do.
//
// Threads: one.

#ifndef MMFAULT_TESTS_BENCH_SERVER_PROCESS_H_
#define MMFAULT_TESTS_BENCH_SERVER_PROCESS_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

namespace mmfault::bench {

class ServerProcess {
 public:
  // Returns once it serves; null (with a line on stderr) when it exits before.
  // The child gets SIGTERM should this process die.
  static std::unique_ptr<ServerProcess> Start(std::vector<std::string> command);

  // Sends SIGTERM and waits.
  ~ServerProcess();

  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  const std::string& address() const { return address_; }
  pid_t pid() const { return pid_; }

 private:
  ServerProcess(pid_t pid, std::string address)
      : pid_(pid), address_(std::move(address)) {}

  const pid_t pid_;
  const std::string address_;
};

}  // namespace mmfault::bench

#endif  // MMFAULT_TESTS_BENCH_SERVER_PROCESS_H_
