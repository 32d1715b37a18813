// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// end_signals.h: SIGINT and SIGTERM for commands that stay until they come.
//
//   BlockEndSignals();             // before any thread exists
//   EndSignalWatch watch([&] { lease.Close(); });
//   lease.WaitForEnd();
//
// Threads: one watch at a time; its function runs on a thread of its own.

#ifndef MMFAULT_CLIENTS_CLI_END_SIGNALS_H_
#define MMFAULT_CLIENTS_CLI_END_SIGNALS_H_

#include <functional>
#include <thread>

namespace mmfault::cli {

// For this thread and all that it starts from now on.
void BlockEndSignals();

class EndSignalWatch {
 public:
  // Calls the function at the first of the signals while the watch lives.
  explicit EndSignalWatch(std::function<void()> on_signal);
  ~EndSignalWatch();
  EndSignalWatch(const EndSignalWatch&) = delete;
  EndSignalWatch& operator=(const EndSignalWatch&) = delete;

 private:
  std::thread waiter_;
};

}  // namespace mmfault::cli

#endif  // MMFAULT_CLIENTS_CLI_END_SIGNALS_H_
