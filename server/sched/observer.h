// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// observer.h: who looks on while a world runs, and changes nothing in it.

#ifndef MMFAULT_SERVER_SCHED_OBSERVER_H_
#define MMFAULT_SERVER_SCHED_OBSERVER_H_

#include "faults/points.h"
#include "faults/term.h"

namespace mmfault::sched {

// Called on the world's thread. May read simulated state; steps that a search
// takes back have been told of too.
class WorldObserver {
 public:
  virtual ~WorldObserver() = default;
  // In the middle of a step, the running task is at a point that is observed
  // (faults::Registry::Observe) or has a rule, and this is about to happen.
  virtual void OnPass(faults::Point point, const faults::Action& action) = 0;
  // A step is over.
  virtual void OnStep() = 0;
};

}  // namespace mmfault::sched

#endif  // MMFAULT_SERVER_SCHED_OBSERVER_H_
