// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// wait.h: wait queues and virtual time.
//
// A waiter's condition is evaluated when it starts to wait and at each wake-up
// of its queue, never in between: a forgotten wake_up() leaves it asleep, as it
// would in the kernel, and is reported as a deadlock.

#ifndef MMFAULT_SERVER_KERNEL_WAIT_H_
#define MMFAULT_SERVER_KERNEL_WAIT_H_

#include "server/kernel/lock.h"
#include "server/kernel/point.h"
#include "server/sched/task.h"

namespace mmfault::kernel {

struct wait_queue_head_t {
  uint32_t id;
  sched::WaitSet waiters;

  ObjKey key() const { return {ObjType::kWaitQueue, id}; }
};

void init_waitqueue_head(wait_queue_head_t* queue);

// Sleeps until ready(task) holds; the function reads task.op_target, which is
// `target`, and task.op_arg, which is `arg`. As in the kernel it is asked again
// by the waiter that was woken: if it no longer holds, the waiter sleeps on.
// For an interruptible or killable wait use a function that also tests the
// signal.
// `access`: write, where the waiter takes away what it waited for, so that two
// of them do not commute.
sched::Task<> wait_event(wait_queue_head_t* queue, sched::ReadyFn ready,
                         void* target, uint64_t arg, const char* where,
                         trace::Access access = trace::Access::kRead);

// Lets the waiters look at their conditions again.
struct [[nodiscard]] WakeUp : ReleasingPoint {
  wait_queue_head_t* queue;
  void await_resume() const { ThisWorld()->Reevaluate(queue->waiters); }
};
WakeUp wake_up_all(wait_queue_head_t* queue, const char* where);

// Whether the time has come that the task sleeps for.
bool TimeReached(const sched::TaskRecord& task);

// Sleeps for virtual time, which passes only when nothing else can happen.
struct [[nodiscard]] Sleep : Point {
  uint64_t duration_ns;
  void await_suspend(std::coroutine_handle<> leaf) const;
  void await_resume() const { Current()->wake_time_ns = 0; }
};
Sleep sleep_ns(uint64_t duration_ns, const char* where);

}  // namespace mmfault::kernel

#endif  // MMFAULT_SERVER_KERNEL_WAIT_H_
