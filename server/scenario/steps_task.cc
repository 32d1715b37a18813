// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Operations on tasks: signals, rights, order.

#include "server/kernel/errno.h"
#include "server/kernel/signal.h"
#include "server/scenario/machine.h"
#include "server/scenario/steps.h"

namespace mmfault::scenario {
namespace {

using sched::Task;

bool EventOrKilled(const sched::TaskRecord& task) {
  const auto* event = static_cast<const EventRef*>(task.op_target.get());
  return event->count > 0 || kernel::fatal_signal_pending(task);
}

// Null for one that has ended. A task ends in its last step, whatever that
// names: who signals it may come too late in one order only (docs/findings.md).
sched::TaskRecord* TargetOf(const StepSpec* step) {
  const trace::AccessPause pause;
  return step->task != nullptr ? step->task->task.get() : kernel::Current();
}

Task<int> Signal(const StepSpec* step) {
  sched::TaskRecord* target = TargetOf(step);
  const auto number = static_cast<int>(step->a);
  if (target == nullptr || target->state == sched::TaskState::kExited ||
      target->state == sched::TaskState::kFree) {
    co_return -ESRCH;
  }
  if (step->b != 0) {
    Machine::Of(kernel::ThisWorld())->SignalAtLock(target, number, step->b);
    co_return 0;
  }
  co_await kernel::kill_task(target, number);
  co_return 0;
}

void SetSignal(const StepSpec* step) {
  sched::TaskRecord& task = *kernel::Current();
  task.sig_blocked = step->a;
  task.sig_ignored = step->b;
  task.sig_handled = step->c;
}

bool EventOnly(const sched::TaskRecord& task) {
  return static_cast<const EventRef*>(task.op_target.get())->count > 0;
}

Task<int> WaitFor(EventRef* event, bool uninterruptible) {
  co_await kernel::wait_event(&event->queue,
                              uninterruptible ? EventOnly : EventOrKilled,
                              event, 0, "wait_for", trace::Access::kWrite);
  if (event->count <= 0) {
    co_return -EINTR;
  }
  event->count -= 1;
  kernel::ThisWorld()->Reevaluate(event->queue.waiters);
  co_return 0;
}

// One that a BUG stopped has ended too: the kernel would make it exit.
bool HasEnded(const Program& program) {
  const trace::AccessPause pause;  // the wait goes on after the end, always
  const sched::TaskRecord* task = program.task;
  return task == nullptr || task->state == sched::TaskState::kDead;
}

bool EndedOrKilled(const sched::TaskRecord& task) {
  return HasEnded(*static_cast<const Program*>(task.op_target.get())) ||
         kernel::fatal_signal_pending(task);
}

struct WaitForEnd : kernel::Point {
  Program* target;
  void await_suspend(std::coroutine_handle<> /*leaf*/) const {
    kernel::might_sleep();
    const trace::AccessPause pause;  // as HasEnded()
    sched::TaskRecord* task = target->task;
    kernel::ThisWorld()->Publish(op,
                                 task == nullptr ? nullptr : &task->end_waiters,
                                 EndedOrKilled, target);
  }
  int await_resume() const { return HasEnded(*target) ? 0 : -EINTR; }
};

WaitForEnd Join(Program* target) {
  return {{{trace::OpKind::kWait, trace::Access::kRead, target->object.key(),
            "wait4"}},
          target};
}

struct PostEvent : kernel::ReleasingPoint {
  EventRef* event;
  void await_resume() const {
    event->count += 1;
    kernel::ThisWorld()->Reevaluate(event->queue.waiters);
  }
};

}  // namespace

Task<int> RunTaskStep(Program* program, const StepSpec* step) {
  int rc = 0;
  switch (step->kind) {
    case StepKind::kExit:
      program->exiting = true;
      break;
    case StepKind::kSignal:
      rc = co_await Signal(step);
      break;
    case StepKind::kSetSignal:
      SetSignal(step);
      break;
    case StepKind::kSetCapability: {
      sched::TaskRecord* target =
          step->task != nullptr ? step->task->task.get() : kernel::Current();
      co_await kernel::Point{{trace::OpKind::kWrite, trace::Access::kWrite,
                              target->object.key(4), "capset"}};
      target->no_capability = !step->flag;
      break;
    }
    case StepKind::kYieldCpu:
      co_await kernel::Yield("sched_yield");
      break;
    case StepKind::kSleep:
      co_await kernel::sleep_ns(step->a, "nanosleep");
      break;
    case StepKind::kPost:
      co_await PostEvent{{{trace::OpKind::kWake, trace::Access::kWrite,
                           step->event->queue.key(), "post"}},
                         step->event};
      break;
    case StepKind::kWaitFor:
      rc = co_await WaitFor(step->event, step->flag);
      break;
    case StepKind::kJoin:
      rc = co_await Join(step->task);
      break;
    case StepKind::kMark:
      co_await kernel::Yield(StepName(step));
      rc = static_cast<int>(static_cast<int64_t>(step->a));
      break;
    default:
      break;
  }
  co_return rc;
}

}  // namespace mmfault::scenario
