// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// task_record.h: a simulated thread of control, as the scheduler sees it.
//
// Everything here is simulated state: it lives in the arena, is logged, undone,
// hashed. Signals follow kernel/signal.c as far as signal_pending() and
// fatal_signal_pending() can tell (kernel/signal.h has the functions).

#ifndef MMFAULT_SERVER_SCHED_TASK_RECORD_H_
#define MMFAULT_SERVER_SCHED_TASK_RECORD_H_

#include <array>
#include <cstdint>

#include "server/sched/object.h"
#include "server/trace/cell.h"
#include "server/trace/op.h"

namespace mmfault::sched {

inline constexpr int kMaxTasks = 64;

// A slot in a mask of slots.
constexpr uint64_t Bit(int slot) { return uint64_t{1} << slot; }

enum class TaskState : uint8_t {
  kFree = 0,    // the slot holds no task
  kAlive = 1,   // runnable or blocked, as World::enabled() says
  kParked = 2,  // has nothing to do and waits for work: no deadlock
  kExited = 3,
  kDead = 4,   // stopped by a kernel BUG; keeps its locks for ever
  kStore = 5,  // no task: a store that is not visible yet (store_buffer.h)
};

struct TaskRecord;

// Whether a blocked task may go on. Reads simulated state, changes nothing.
using ReadyFn = bool (*)(const TaskRecord& task);

// The tasks that wait at an object. A task is in it from the moment it
// publishes a blocking op until it executes it, so the set of enabled tasks is
// always exact.
struct WaitSet {
  trace::Cell<uint64_t> tasks;
};

// How many locks of one class a task holds; class 0 is no class.
struct HeldClass {
  trace::Cell<uint32_t> lock_class;
  trace::Cell<uint32_t> count;
  trace::Cell<uint32_t> last_id;  // the lock of this class taken last
};
inline constexpr int kMaxHeldClasses = 12;

struct TaskRecord {
  Object object;
  trace::Cell<TaskState> state;
  trace::Cell<int16_t> cpu;
  trace::Cell<int16_t> slot;
  trace::Cell<bool> kthread;   // serves the kernel: may be idle for ever
  trace::Cell<bool> detached;  // its slot is free once it has exited

  // What runs next.
  trace::Cell<void*> leaf;  // innermost coroutine
  trace::Cell<uint64_t> frame_top;
  trace::Cell<void*> entry;  // TaskEntry of the first step
  trace::Cell<void*> entry_arg;

  // The published op.
  trace::Cell<trace::OpKind> op_kind;
  trace::Cell<trace::Access> op_access;
  trace::Cell<uint64_t> op_obj;
  trace::Cell<const char*> op_where;
  trace::Cell<void*> op_target;       // for op_ready
  trace::Cell<uint64_t> op_arg;       // for op_ready
  trace::Cell<ReadyFn> op_ready;      // null: always ready
  trace::Cell<WaitSet*> op_waits;     // null: in no wait set
  trace::Cell<uint32_t> yields_left;  // kYield: steps it is still to give away

  trace::Cell<uint64_t> step_count;
  WaitSet end_waiters;  // tasks that wait until it has exited or died

  // Signals, as bit masks; bit n - 1 is signal n.
  trace::Cell<uint64_t> sig_pending;
  trace::Cell<uint64_t> sig_blocked;
  trace::Cell<uint64_t> sig_ignored;
  trace::Cell<uint64_t> sig_handled;

  // Context.
  trace::Cell<int32_t> preempt_count;
  trace::Cell<int32_t> rcu_depth;
  trace::Cell<int32_t> non_block_count;  // inside non_block_start()/end()
  trace::Cell<uint32_t> locks_held;
  std::array<HeldClass, kMaxHeldClasses> held;
  trace::Cell<uint64_t> grace_waits_for;  // readers a grace period still needs
  trace::Cell<uint64_t> wake_time_ns;     // virtual clock, while it sleeps
  trace::Cell<bool> no_capability;        // cannot do what needs it
  trace::Cell<int64_t> live_allocations;  // made and not freed by this task
  trace::Cell<uint64_t> faults_fired;     // rules that acted on this task
  trace::Cell<uint64_t> scope;      // number of the scripted call it is in
  trace::Cell<uint64_t> progress;   // grows with each call it gets through
  trace::Cell<uint32_t> operation;  // of that call, numbered above; 0: none
  trace::Cell<uint32_t> client;     // whose calls it runs; 0: nobody's
  // The callback that it is inside of, the innermost: the method's number and,
  // above it, the notifier's id; 0: none.
  trace::Cell<uint64_t> callback;

  // Work bounds, for §O12: VMA steps since the last signal test, and the most.
  trace::Cell<uint64_t> vma_steps;  // of this registration
  trace::Cell<uint64_t> vma_steps_untested;
  trace::Cell<uint64_t> vma_steps_untested_max;
  trace::Cell<uint64_t> mm_lock_locks;  // rmap locks taken in this mm_lock
  trace::Cell<uint64_t> mm_lock_vmas;   // VMAs of the mm when it began

  // Stores that the task made and others do not see yet: a bit per slot that
  // holds one, how many were made since there were none, and how many write
  // barriers (sched/store_buffer.h).
  trace::Cell<uint64_t> stores_pending;
  trace::Cell<uint32_t> stores_made;
  trace::Cell<uint32_t> store_epoch;
  // What a slot that holds a store needs beside op_target and op_arg, which are
  // the cell and the value; store_epoch is that of its time.
  trace::Cell<uint32_t> store_number;
  trace::Cell<int16_t> store_owner;
  trace::Cell<uint8_t> store_size;
  trace::Cell<bool> store_release;

  // Owned by layers above, which know the types.
  trace::Cell<void*> mm;       // current->mm
  trace::Cell<void*> program;  // its script
};

}  // namespace mmfault::sched

#endif  // MMFAULT_SERVER_SCHED_TASK_RECORD_H_
