// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// violation.h: a broken kernel property, as data.
//
// Checkers run inside the simulated kernel and must cost next to nothing, so
// what they leave behind is a small record of numbers. Text is made from it at
// the edge (check/explain.h).

#ifndef MMFAULT_SERVER_TRACE_VIOLATION_H_
#define MMFAULT_SERVER_TRACE_VIOLATION_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "server/trace/op.h"

namespace mmfault::trace {

// The promises a run is held to. Names are part of the API; append only.
enum class Checker : uint8_t {
  kNoStaleSecondaryMapping = 0,
  kStartEndPaired = 1,
  kNoCallbackAfterUnregister = 2,
  kNoUseAfterFree = 3,
  kLocksBalanced = 4,
  kLockOrder = 5,
  kNoSelfDeadlock = 6,
  kLockFlagsClear = 7,
  kNoAllocationLeak = 8,
  kCountsSane = 9,
  kReleaseCount = 10,
  kNoSleepInAtomic = 11,
  kPteChangesAnnounced = 12,
  kNoDeadlock = 13,
  kNoLivelock = 14,
  kNoLostWakeup = 15,
  kErrorsAsSpecified = 16,
  kErrorLeavesState = 17,
  kSignalLatency = 18,
  kWalkUnderLock = 19,
};
inline constexpr int kCheckerCount = 20;

// `no_use_after_free` and so on; never null.
const char* CheckerName(Checker checker);

// The checker of that name, if there is one.
std::optional<Checker> CheckerByName(std::string_view name);

// Why a checker fired. check/explain.cc has a sentence for each.
enum class Cause : uint8_t {
  kUnspecified = 0,
  kStalePageFreed,           // obj: page; by: notifier; a: address
  kEndWithoutStart,          // obj: notifier
  kStartWithoutEnd,          // obj: notifier
  kStartsNotBalancedAtEnd,   // obj: notifier; a: count
  kCallbackAfterUnregister,  // obj: notifier; a: event
  kFreedNotifierUsed,        // obj: notifier
  kFreedVmaUsed,             // obj: vma
  kFreedLockUsed,            // obj: lock
  kFreedObjectUsed,          // obj: any
  kNullDereference,          // obj: any
  kLockHeldAtReturn,         // obj: lock; a: how many
  kLockReleasedUnheld,       // obj: lock
  kLockHeldAtExit,           // a: how many
  kLockTakenTwice,           // obj: lock
  kLockClassCycle,           // a, b: lock classes
  kLockAddressOrder,         // obj: lock; same class, not ascending
  kLockFlagLeft,             // obj: vma, mapping or anon_vma
  kLockFlagAlreadySet,       // obj: vma, mapping or anon_vma
  kAllocationLeaked,         // a: how many
  kDoubleFree,               // obj
  kArrayOverflow,            // obj: cookie; a: index
  kMmUsersBelowZero,         // obj: mm
  kMmCountBelowZero,         // obj: mm
  kMmUsersZero,              // obj: mm; a BUG_ON(mm_users <= 0)
  kSubscriptionsLeft,        // obj: mm; __mmdrop found the list not empty
  kRefcountBelowZero,        // obj
  kReleaseTwice,             // obj: notifier
  kReleaseMissing,           // obj: notifier
  kSleptWhileAtomic,         // a: preempt_count
  kSleptInCallback,          // obj: notifier; a callback in atomic context
  kHungCallback,             // obj: notifier; the ack never came
  kSleptInNonBlock,          // obj: notifier
  kPteChangedUnannounced,    // obj: mm; a: address
  kWaitCycle,                // a: tasks in the cycle, as a mask
  kBlockedForEver,           // a: tasks, as a mask
  kGoesRound,                // obj: what it is at; a: loop's steps; b: rounds
  kErrorNotSpecified,        // a: rc
  kRegisteredAfterError,     // obj: notifier
  kStateChangedByError,      // obj: mm; a: rc
  kSignalUnseen,             // a: VMA steps without a test; b: bound
  kDoubleRegister,           // obj: notifier
  kBugOn,                    // any other BUG_ON
  kDeviceWroteFreedPage,     // obj: page; by: notifier; a: address
  kMappedAfterRelease,       // obj: notifier
  kUnloadedCodeCalled,       // obj: notifier; a: method
  kNotInserted,              // obj: notifier; remove without an insert
  kUninitialisedRead,        // obj: notifier, or memory; PSO only
  kWalkedWithoutLock,        // obj: notifier; a: method
  kUninitialisedPointer,     // obj: mm; of a structure nobody has set
  kAnswerLost,               // obj: notifier; by a fault rule
};

// A checker that fired. `events` are the steps that matter beside `step`.
struct Violation {
  Checker checker = Checker::kNoUseAfterFree;
  Cause cause = Cause::kUnspecified;
  int8_t task = -1;        // who did it
  int8_t other_task = -1;  // who made it wrong; -1 when nobody else did
  uint8_t forced = 0;      // 1: under ForceTeardown(FORCE)
  // Stands where padding would be: simulated state is hashed byte by byte.
  std::array<uint8_t, 3> unused = {};
  uint32_t task_id = 0;  // their numbers; slots are used again
  uint32_t other_task_id = 0;
  uint64_t step = 0;
  uint64_t other_step = 0;  // when; 0 when not known
  ObjKey obj;
  ObjKey by = {};  // whose it is: the notifier of the device that maps `obj`
  uint64_t a = 0;
  uint64_t b = 0;
};

}  // namespace mmfault::trace

#endif  // MMFAULT_SERVER_TRACE_VIOLATION_H_
