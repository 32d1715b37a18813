// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// footprint.h: what a step touches, and which steps commute.
//
// Two steps of different tasks commute when no observer can tell in which order
// they ran. Every engine that prunes (sleep sets, DPOR) rests on this one
// relation, so it errs on the side of "they do not". Per primitive:
//
//   loads, stores   same cell, one of them writes
//   locks           all pairs on a lock; readers of a semaphore among
//                   themselves commute. An unlock orders the next lock after
//                   it and is no race: what can be reversed is lock and lock
//   rcu, srcu       readers commute; a reader's begin and end race with the
//                   snapshot of a grace period, which then waits for the end
//   refcounts       gets and puts commute while the value stays away from zero
//                   (optional: `conditional`); what crosses zero does not.
//                   Where neither of the two looks at zero (atomic_inc,
//                   atomic_dec), it is below zero that counts
//   signals         send against each look of the receiver; waits that a signal
//                   can end look too
//   wait queues     wake against wait
//   callbacks       a channel per notifier
//
// Threads: functions without state.

#ifndef MMFAULT_SERVER_EXPLORE_FOOTPRINT_H_
#define MMFAULT_SERVER_EXPLORE_FOOTPRINT_H_

#include <cstdint>

#include "server/sched/world.h"
#include "server/trace/op.h"

namespace mmfault::explore {

struct Footprint {
  int task = -1;
  trace::OpKind kind = trace::OpKind::kYield;
  bool writes = false;
  bool looks_at_signals = false;  // a wait that a signal may end
  int32_t count = 0;              // refcounts: the value before
  uint64_t readers = 0;           // kGracePeriodEnd: the readers waited for
  const char* where = "";         // as its op says
  trace::ObjKey obj;
  trace::ObjKey signals;  // the signal word of its task
};

// Of the op that a task has published and not executed yet.
Footprint FootprintOf(const sched::World& world, int slot);

// Whether no other task can ever see the step: it needs no scheduling.
bool IsPrivate(const Footprint& step);

// Whether two steps that could both run now do not commute. `conditional` lets
// reference counts commute away from zero.
bool Dependent(const Footprint& a, const Footprint& b, bool conditional);

// How an executed step relates to a later one of another task.
enum class Link : uint8_t {
  kNone,   // they commute
  kOrder,  // the older one made the newer one possible
  kRace,   // they could have run the other way round
};

// Here gets and puts of one counter always race: whether they commute depends
// on what else happens to the counter, and a race that is looked for too often
// costs an execution that its sleep set cuts short.
Link LinkOf(const Footprint& older, const Footprint& newer);

bool IsRefcount(trace::OpKind kind);
bool LeavesLock(trace::OpKind kind);

}  // namespace mmfault::explore

#endif  // MMFAULT_SERVER_EXPLORE_FOOTPRINT_H_
