// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// crew.h: the workers that share a case's executions.
//
// Simulated worlds have no threads; whoever runs cases may
// (host/thread_crew.h).

#ifndef MMFAULT_SERVER_SCENARIO_CREW_H_
#define MMFAULT_SERVER_SCENARIO_CREW_H_

#include <functional>

namespace mmfault::scenario {

class Crew {
 public:
  virtual ~Crew() = default;

  // How many there are, the caller's thread included; >= 1.
  virtual int size() const = 0;
  // Calls work(0) to work(size() - 1), each on a thread of its own and work(0)
  // on the caller's; returns when all have returned. Not from within a call.
  virtual void Run(const std::function<void(int worker)>& work) = 0;
};

}  // namespace mmfault::scenario

#endif  // MMFAULT_SERVER_SCENARIO_CREW_H_
