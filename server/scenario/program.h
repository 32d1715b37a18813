// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// program.h: what a task runs, compiled from Step messages.
//
// Everything a running task reads lives in the arena, so that undo, snapshots
// and hashes cover it; ids were resolved to references when the step was
// compiled (scenario/compile.h). A reference names a thing that may not exist
// yet: an mm that a fork will make.

#ifndef MMFAULT_SERVER_SCENARIO_PROGRAM_H_
#define MMFAULT_SERVER_SCENARIO_PROGRAM_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "server/device/device.h"
#include "server/kernel/wait.h"
#include "server/mm/mm_types.h"
#include "server/sched/task_record.h"

namespace mmfault::scenario {

using trace::Cell;

// As Step's operations, and kExitForced: exit_mmap() of an mm whose users
// ForceTeardown(FORCE) has taken away.
enum class StepKind : uint8_t {
  kMmap,
  kMunmap,
  kTouch,
  kMprotect,
  kMadvise,
  kFork,
  kTruncate,
  kReclaim,
  kMmget,
  kMmgetNotZero,
  kMmput,
  kMmgrab,
  kMmdrop,
  kExit,
  kForceTeardown,
  kExitForced,
  kRegister,
  kUnregister,
  kLookUp,
  kEstablish,
  kDeviceAccess,
  kDrop,
  kFree,
  kSignal,
  kSetSignal,
  kSetCapability,
  kYieldCpu,
  kSleep,
  kPost,
  kWaitFor,
  kMremap,
  kBrk,
  kPunchHole,
  kWriteback,
  kMsync,
  kMovePages,
  kKsmScan,
  kClearRefs,
  kProcessMrelease,
  kOomReap,
  kAccessRemoteVm,
  kExec,
  kCollapseFile,
  kGet,
  kPut,
  kInsert,
  kRemove,
  kReadBegin,
  kReadRetry,
  kSynchronize,
  kConfigure,
  kHasNotifiers,
  kJoin,
  kMark,
};
// `munmap`, `register` and so on: the field's name in Step.
const char* StepKindName(StepKind kind);
std::optional<StepKind> FindStepKind(std::string_view name);
// The name nearest to a mistyped one, for error messages; "" when none is near.
std::string_view NearestStepKind(std::string_view name);
// The kind as sched::TaskRecord::operation says it.
constexpr uint32_t OperationOf(StepKind kind) {
  return static_cast<uint32_t>(kind) + 1;
}
inline StepKind KindOfOperation(uint32_t operation) {
  return static_cast<StepKind>(operation - 1);
}

inline constexpr uint8_t kAwaitAnySignal = 1;
inline constexpr uint8_t kAwaitFatalSignal = 2;

// References of one task that ForceTeardown(FORCE) revoked.
struct RevokedPins {
  Cell<uint32_t> task_id;  // its number; 0: nobody's, or a call's own pin
  Cell<uint32_t> count;    // 0: the entry is empty
};
inline constexpr int kMaxRevoked = 16;

struct MmRef {
  sched::Object object;
  Cell<mm::mm_struct*> mm;  // null until it exists; may be freed
  Cell<uint32_t> mm_id;     // its number: memory of a freed mm is used again
  // Of its mm_users, those that belong to no task. A call's own pin (a device
  // fault, a step of a task without a reference) is in neither count.
  Cell<int64_t> unowned;
  Cell<bool> forced;  // ForceTeardown(FORCE) took it down
  std::array<RevokedPins, kMaxRevoked> revoked;  // then: whose users went
};
// The mm, freed or not; null when there is none, or its memory is another's.
inline mm::mm_struct* MmOf(const MmRef* ref) {
  mm::mm_struct* mm = ref->mm;
  return mm != nullptr && mm->object.id == ref->mm_id ? mm : nullptr;
}
struct FileRef {
  sched::Object object;
  Cell<mm::address_space*> file;
};
struct EventRef {
  sched::Object object;
  kernel::wait_queue_head_t queue;
  Cell<int64_t> count;
};

// What a `configure` step sets.
struct BehaviourRef {
  sched::Object object;
  device::Behaviour behaviour;
};

struct Program;

inline constexpr int kMaxCodes = 6;
struct Codes {
  uint32_t count;
  std::array<int32_t, kMaxCodes> rc;

  bool Contains(int32_t value) const {
    for (uint32_t i = 0; i < count; ++i) {
      if (rc[i] == value) {
        return true;
      }
    }
    return false;
  }
};

// One step; constant once it is queued.
struct StepSpec {
  sched::Object object;
  StepKind kind;
  bool flag;       // write, read_only, granted, force, locked, unload
  bool unchecked;  // register, unregister, remove
  bool has_page;   // establish
  bool populate;   // mmap
  bool shared;     // mmap
  bool no_access;  // mmap, mprotect
  bool storm;
  // What it waits for before anything else: v1::Step::AwaitSignal.
  uint8_t await_signal;
  const char* title;  // what stories call it (Machine::Title); null: its kind
  int32_t index;      // place in its program, from 0
  int32_t label;      // slot in Program::label_rc; -1: none
  int32_t only_label;
  Codes only_rc;
  Codes expect_rc;  // count 0: anything is right
  uint64_t repeat;
  MmRef* mm;
  MmRef* child;
  FileRef* file;
  device::device* dev;
  Program* task;
  EventRef* event;
  const BehaviourRef* behaviour;
  uint64_t start;
  uint64_t end;
  uint64_t a;
  uint64_t b;
  uint64_t c;
  Cell<StepSpec*> next;
};

inline constexpr int kMaxRefs = 16;
inline constexpr int kMaxLabels = 32;
inline constexpr int32_t kLabelUnset = INT32_MIN;

struct Program {
  sched::Object object;
  Cell<sched::TaskRecord*> task;
  Cell<StepSpec*> next_step;
  Cell<StepSpec*> last_step;
  Cell<const StepSpec*> now;  // the one that it is in; null: none
  Cell<uint32_t> queued;      // steps ever appended
  Cell<uint32_t> done;        // steps finished
  Cell<MmRef*> own;           // the mm it is a process of; null: none
  Cell<MmRef*> next_own;  // that of its last `exec` step, for steps after it
  Cell<bool> stays;
  Cell<bool> exiting;
  // mm_users references it holds, oldest first.
  Cell<uint32_t> ref_count;
  std::array<Cell<MmRef*>, kMaxRefs> refs;
  std::array<Cell<int32_t>, kMaxLabels> label_rc;
  Cell<int32_t> last_rc;
  Cell<uint64_t> last_seq;  // of its last read_begin
};

// How a step ended; what StepResult is made from.
struct StepOutcome {
  int32_t rc = 0;
  uint64_t begin_step = 0;
  uint64_t end_step = 0;
  uint32_t violation_count = 0;
  bool skipped = false;
  bool died = false;
  uint64_t page_pfn = 0;  // 0: none
  uint64_t page_generation = 0;
  uint64_t seq = 0;  // read_begin
  uint32_t fault_count = 0;
  uint64_t mm_lock_locks = 0;
  uint64_t vma_visit_count = 0;
  uint64_t unchecked_vma_visit_max = 0;
};

// A page as outsiders name it: its place in the arena, and its number.
uint64_t PageNumber(const mm::page* p);
mm::page* PageOf(uint64_t pfn);

}  // namespace mmfault::scenario

#endif  // MMFAULT_SERVER_SCENARIO_PROGRAM_H_
