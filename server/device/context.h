// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// context.h: what the methods of a modelled device do beside their work.
//
// Everything here is about where a method runs, not about mappings: it sleeps,
// allocates, waits for a fence, takes a lock, takes itself off the list. Most
// of it is wrong in some context, and is done only where a behaviour says so.

#ifndef MMFAULT_SERVER_DEVICE_CONTEXT_H_
#define MMFAULT_SERVER_DEVICE_CONTEXT_H_

#include "server/device/device.h"

namespace mmfault::device {

// At the beginning of each method; counts the delivery. `mm` may be null.
Task<> Prologue(device* dev, Method method, mm_struct* mm, uint64_t start = 0,
                uint64_t end = 0);

// What it was told to answer to this delivery instead of 0.
Task<int> AnswerOf(device* dev, Method method, bool blockable);

// How an invalidation may go on.
enum class Readiness : uint8_t {
  kReady,
  kWouldBlock,   // and the range is not blockable
  kInterrupted,  // and the driver takes that for success
};
// The delay and the fence of an invalidation, before it drops.
Task<Readiness> AwaitDevice(device* dev, bool blockable);

// The lock that a driver holds around its faults and takes in its methods.
Task<> LockDriver(device* dev);
Task<> UnlockDriver(device* dev);

}  // namespace mmfault::device

#endif  // MMFAULT_SERVER_DEVICE_CONTEXT_H_
