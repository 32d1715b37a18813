// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/host/thread_crew.h"

#include <latch>

namespace mmfault::host {

void ThreadCrew::Run(const std::function<void(int worker)>& work) {
  std::latch done(size_ - 1);
  for (int worker = 1; worker < size_; ++worker) {
    others_.Run([&work, &done, worker] {
      work(worker);
      done.count_down();
    });
  }
  work(0);
  done.wait();
}

}  // namespace mmfault::host
