// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// remote.h: callbacks that somebody outside the world answers.
//
// The task that calls a remote notifier's method posts the callback through
// RemoteHub, which the host implements, and then waits for its answer like for
// any other event: the answer enters as one step, kCallbackReturn, and what it
// did to the device takes effect under the device's lock. Waiting is
// not sleeping: the simulated CPU is held where the context is atomic. Whether
// the client would have slept is part of the answer.
//
// Answers are admitted by callback number. Numbers are simulated state and so
// the same in a repetition.

#ifndef MMFAULT_SERVER_DEVICE_REMOTE_H_
#define MMFAULT_SERVER_DEVICE_REMOTE_H_

#include <cstdint>

#include "server/device/device.h"

namespace mmfault::device {

// A callback that waits for its answer. Lives in the arena.
struct pending_callback {
  sched::Object object;
  uint64_t number;  // from 1
  device* dev;
  int task;
  Method method;
  mm::Event event;
  bool blockable;
  bool atomic;
  bool has_reason;
  uint64_t start;
  uint64_t end;
  uint64_t step;
  uint64_t cur_seq;  // kIntervalInvalidate; else 0
  mm_struct* mm;
  Cell<bool> answered;
  Cell<int32_t> rc;
  Cell<bool> slept;
  Cell<bool> dropped_range;
  Cell<pending_callback*> next;
};

// What came back from outside.
struct CallbackAnswer {
  int32_t rc = 0;
  bool slept = false;
  bool dropped_range = false;  // the mappings in the callback's range
  bool missing = false;        // the deadline passed
};

class RemoteHub {
 public:
  virtual ~RemoteHub() = default;
  // Called in the step that delivers; must not touch the world.
  virtual void OnCallback(const pending_callback& callback) = 0;
};

// The world's hub; null when nobody is outside (then answers are "missing").
void SetRemoteHub(sched::World* world, RemoteHub* hub);

// Admits an answer. False when no such callback waits. Inside a Scope, between
// steps.
bool AdmitAnswer(sched::World* world, uint64_t number,
                 const CallbackAnswer& answer);

// Callbacks without an answer yet, oldest first; null when none.
pending_callback* FirstPending(sched::World* world);
// The callback of that number that has no answer yet; null when none.
pending_callback* FindPending(sched::World* world, uint64_t number);

// Per-world state of this folder; call once, after InitMm. `protocol` is the
// world's, whose functions drivers call.
void InitDevices(sched::World* world, const notifier::Protocol* protocol);
const notifier::Protocol* CurrentProtocol();

// The method of a remote device: delivers and waits.
Task<int> CallRemote(device* dev, Method method, mm_struct* mm,
                     const mmu_notifier_range& range, bool has_reason,
                     uint64_t cur_seq = 0);

}  // namespace mmfault::device

#endif  // MMFAULT_SERVER_DEVICE_REMOTE_H_
