// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// interrupt.h: the first Ctrl-C ends the work in good order, the second one the
// process.
//
// Threads: one watch at a time; its function runs on a thread of its own.

#ifndef MMFAULT_CLIENTS_CLI_INTERRUPT_H_
#define MMFAULT_CLIENTS_CLI_INTERRUPT_H_

#include <signal.h>

#include <functional>
#include <thread>

namespace mmfault::cli {

class InterruptWatch {
 public:
  // Calls the function once, at the first SIGINT while the watch lives. Later
  // ones do what they did before.
  explicit InterruptWatch(std::function<void()> on_interrupt);
  // Waits for the function if it is under way.
  ~InterruptWatch();
  InterruptWatch(const InterruptWatch&) = delete;
  InterruptWatch& operator=(const InterruptWatch&) = delete;

  // Whether any watch of this process has seen one.
  static bool Happened();

 private:
  struct sigaction before_ = {};
  std::thread thread_;
};

}  // namespace mmfault::cli

#endif  // MMFAULT_CLIENTS_CLI_INTERRUPT_H_
