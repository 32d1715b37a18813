// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/kernel/wait.h"

#include "server/kernel/barrier.h"

namespace mmfault::kernel {
namespace {

// One sleep in a queue; true when the condition still holds at its end.
struct WaitOnce : Point {
  wait_queue_head_t* queue;
  sched::ReadyFn ready;
  void* target;
  uint64_t arg;

  void await_suspend(std::coroutine_handle<> /*leaf*/) const {
    might_sleep();
    ThisWorld()->Publish(op, &queue->waiters, ready, target, arg);
  }
  // What the condition looks at is named by who changes it, not here. All that
  // there are change under this queue's name, or do not turn false again.
  bool await_resume() const {
    const trace::AccessPause pause;
    return ready(*Current());
  }
};

}  // namespace

void init_waitqueue_head(wait_queue_head_t* queue) {
  trace::LogRange(&queue->id, sizeof queue->id);
  queue->id = ThisWorld()->NextId();
}

// Kernel: include/linux/wait.h:wait_event(), v6.1.
sched::Task<> wait_event(wait_queue_head_t* queue, sched::ReadyFn ready,
                         void* target, uint64_t arg, const char* where,
                         trace::Access access) {
  co_await smp_mb(where);  // set_current_state()
  bool over = false;
  while (!over) {
    over =
        co_await WaitOnce{{{trace::OpKind::kWait, access, queue->key(), where}},
                          queue,
                          ready,
                          target,
                          arg};
  }
}

bool TimeReached(const sched::TaskRecord& task) {
  return ThisWorld()->state().time_ns >= task.wake_time_ns;
}

WakeUp wake_up_all(wait_queue_head_t* queue, const char* where) {
  return {{{trace::OpKind::kWake, trace::Access::kWrite, queue->key(), where}},
          queue};
}

Sleep sleep_ns(uint64_t duration_ns, const char* where) {
  return {{{trace::OpKind::kSleep, trace::Access::kRead,
            Current()->object.key(2), where}},
          duration_ns};
}

void Sleep::await_suspend(std::coroutine_handle<> /*leaf*/) const {
  might_sleep();
  sched::World* world = ThisWorld();
  if (world->options().free_timers) {
    world->Publish(op);
    return;
  }
  Current()->wake_time_ns = world->state().time_ns + duration_ns;
  world->Publish(op, nullptr, TimeReached);
}

}  // namespace mmfault::kernel
