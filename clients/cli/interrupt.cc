// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/interrupt.h"

#include <semaphore.h>

#include <atomic>
#include <cerrno>
#include <utility>

namespace mmfault::cli {
namespace {

// What a handler may touch.
sem_t wake_up;
std::atomic<bool> happened = false;

void OnSigint(int /*number*/) {
  happened = true;
  sem_post(&wake_up);
}

}  // namespace

InterruptWatch::InterruptWatch(std::function<void()> on_interrupt) {
  sem_init(&wake_up, 0, 0);
  thread_ = std::thread(
      [before = happened.load(), on_interrupt = std::move(on_interrupt)] {
        while (sem_wait(&wake_up) != 0 && errno == EINTR) {
        }
        if (happened && !before) {
          on_interrupt();
        }
      });
  struct sigaction action = {};
  action.sa_handler = OnSigint;
  action.sa_flags = SA_RESTART | SA_RESETHAND;
  sigaction(SIGINT, &action, &before_);
}

InterruptWatch::~InterruptWatch() {
  sigaction(SIGINT, &before_, nullptr);
  sem_post(&wake_up);
  thread_.join();
  sem_destroy(&wake_up);
}

bool InterruptWatch::Happened() { return happened; }

}  // namespace mmfault::cli
