// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/end_signals.h"

#include <signal.h>

#include <utility>

namespace mmfault::cli {
namespace {

// SIGUSR1 ends the waiting.
sigset_t Signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGUSR1);
  return signals;
}

}  // namespace

void BlockEndSignals() {
  const sigset_t signals = Signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

EndSignalWatch::EndSignalWatch(std::function<void()> on_signal)
    : waiter_([on_signal = std::move(on_signal)] {
        const sigset_t signals = Signals();
        int number = 0;
        sigwait(&signals, &number);
        if (number != SIGUSR1) on_signal();
      }) {}

EndSignalWatch::~EndSignalWatch() {
  // Blocked everywhere, so nobody else takes it.
  pthread_kill(waiter_.native_handle(), SIGUSR1);
  waiter_.join();
}

}  // namespace mmfault::cli
