// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// op.h: what one step does, as far as anybody but its task can tell.
//
// Every scheduling point publishes an Op before it suspends: which kind of
// primitive, on which object, and whether it reads or writes it. Two steps of
// different tasks commute when their keys differ or both only read. The effect
// happens after the task is resumed, so the published Op is always the next
// one, never the last.

#ifndef MMFAULT_SERVER_TRACE_OP_H_
#define MMFAULT_SERVER_TRACE_OP_H_

#include <cstdint>

namespace mmfault::trace {

// The primitive that a step executes. Numbers are part of the event hash:
// append, never reorder.
enum class OpKind : uint8_t {
  kStart = 0,  // first step of a task
  kRead = 1,   // shared memory
  kWrite = 2,
  kRmw = 3,   // atomic read-modify-write
  kLock = 4,  // spinlock, mutex, rwsem for write
  kUnlock = 5,
  kReadLock = 6,  // rwsem for read
  kReadUnlock = 7,
  kDowngrade = 8,  // rwsem write to read
  kTryLock = 9,
  kReadSection = 10,  // rcu or srcu read lock
  kReadSectionEnd = 11,
  kGracePeriodBegin = 12,  // snapshot of the readers
  kGracePeriodEnd = 13,    // all of them have left
  kRefGet = 14,
  kRefGetNotZero = 15,
  kRefPut = 16,
  kSignalSend = 17,
  kSignalTest = 18,
  kAlloc = 19,
  kFree = 20,
  kCallback = 21,        // a notifier's method is entered
  kCallbackReturn = 22,  // ... and its answer admitted
  kWait = 23,            // wait queue
  kWake = 24,
  kSleep = 25,  // virtual time
  kYield = 26,
  kHold = 27,       // held at a fault point
  kCallBegin = 28,  // a scripted step begins
  kCallEnd = 29,
  kStoreVisible = 30,  // a pending store reaches memory (PSO)
  kBarrier = 31,       // waits until the task's stores have
  kChoice = 32,        // one of several things that may happen
  kRefDec = 33,        // a put that does not ask whether it was the last
};

// Lower-case name of a kind, for stories; never null.
const char* OpKindName(OpKind kind);

// Whether a step may change what it touches.
enum class Access : uint8_t { kRead = 0, kWrite = 1 };

// What an ObjKey names. Numbers are part of the event hash: append only.
enum class ObjType : uint8_t {
  kNone = 0,
  kTask = 1,
  kMm = 2,
  kVma = 3,
  kAnonVma = 4,
  kMapping = 5,
  kPage = 6,
  kNotifier = 7,
  kSubscriptions = 8,
  kLock = 9,
  kDomain = 10,  // an rcu or srcu domain
  kMemory = 11,  // a cell, by its offset in the arena
  kPte = 12,
  kDevice = 13,
  kAllocation = 14,
  kWaitQueue = 15,
  kAnonVmaChain = 16,
  kCookie = 17,
};

// Lower-case name of a type, for stories; never null.
const char* ObjTypeName(ObjType type);

// An object, or a part of one: type, the world's number for it, and a part.
struct ObjKey {
  uint64_t bits = 0;

  ObjKey() = default;
  explicit constexpr ObjKey(uint64_t raw) : bits(raw) {}
  constexpr ObjKey(ObjType type, uint32_t id, uint32_t part = 0)
      : bits(static_cast<uint64_t>(type) << 56 |
             static_cast<uint64_t>(id) << 24 | (part & 0xffffffU)) {}

  constexpr ObjType type() const { return static_cast<ObjType>(bits >> 56); }
  constexpr uint32_t id() const { return static_cast<uint32_t>(bits >> 24); }
  constexpr uint32_t part() const {
    return static_cast<uint32_t>(bits & 0xffffffU);
  }
  bool operator==(const ObjKey&) const = default;
};

// Published before suspension. `where` is the kernel function, a literal.
struct Op {
  OpKind kind = OpKind::kYield;
  Access access = Access::kRead;
  ObjKey obj;
  const char* where = "";
};

}  // namespace mmfault::trace

#endif  // MMFAULT_SERVER_TRACE_OP_H_
