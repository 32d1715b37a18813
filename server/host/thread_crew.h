// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// thread_crew.h: workers of a run, each a thread.
//
// The threads live as long as the crew and wait between cases. The caller's
// thread is one of the workers.
//
// Threads: one caller.

#ifndef MMFAULT_SERVER_HOST_THREAD_CREW_H_
#define MMFAULT_SERVER_HOST_THREAD_CREW_H_

#include <functional>

#include "server/host/executor.h"
#include "server/scenario/crew.h"

namespace mmfault::host {

class ThreadCrew : public scenario::Crew {
 public:
  // `size`: the caller included, >= 1.
  explicit ThreadCrew(int size) : size_(size), others_(size - 1) {}

  int size() const override { return size_; }
  void Run(const std::function<void(int worker)>& work) override;

 private:
  const int size_;
  Executor others_;
};

}  // namespace mmfault::host

#endif  // MMFAULT_SERVER_HOST_THREAD_CREW_H_
