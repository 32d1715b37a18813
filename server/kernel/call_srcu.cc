// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/kernel/call_srcu.h"

#include "server/kernel/barrier.h"

namespace mmfault::kernel {
namespace {

// A look at the callbacks, or a change of them.
Point WorkStep(const srcu_callbacks* callbacks, const char* where) {
  constexpr uint32_t kWorkPart = 1;
  return {{trace::OpKind::kRmw, trace::Access::kWrite,
           ObjKey(ObjType::kDomain, callbacks->domain->id, kWorkPart), where}};
}

// Takes the oldest callback out and runs it. Kernel:
// kernel/rcu/srcutree.c:srcu_invoke_callbacks(), v6.1.
sched::Task<> RunOldest(srcu_callbacks* callbacks) {
  co_await WorkStep(callbacks, "srcu_invoke_callbacks");
  srcu_callback* work = callbacks->first;
  callbacks->first = work->next;
  if (callbacks->first == nullptr) {
    callbacks->last = nullptr;
  }
  ThisWorld()->AddPreempt(1);  // local_bh_disable()
  co_await work->func(work->arg);
  ThisWorld()->AddPreempt(-1);
  ThisWorld()->Delete(work);
  callbacks->done += 1;
  ThisWorld()->Reevaluate(callbacks->waiters);
}

sched::Task<> Work(void* arg) {
  auto* callbacks = static_cast<srcu_callbacks*>(arg);
  co_await WorkStep(callbacks, "srcu_gp_start");
  while (callbacks->first != nullptr) {
    const uint64_t batch = callbacks->queued;
    co_await synchronize(callbacks->domain, "srcu_gp_end");
    while (callbacks->done < batch) {
      co_await RunOldest(callbacks);
    }
    co_await WorkStep(callbacks, "srcu_gp_start");
  }
  callbacks->working = false;
}

// False when there is work and no slot for a thread.
bool StartWorker(srcu_callbacks* callbacks) {
  if (callbacks->working || callbacks->first == nullptr) {
    return true;
  }
  sched::TaskRecord* thread = ThisWorld()->Spawn(Work, callbacks);
  if (thread == nullptr) {
    return false;
  }
  callbacks->working = true;
  thread->kthread = true;
  thread->detached = true;
  ThisWorld()->SetName(thread->object.id, "kworker/srcu");
  return true;
}

bool AllDone(const sched::TaskRecord& task) {
  const auto* callbacks =
      static_cast<const srcu_callbacks*>(task.op_target.get());
  return callbacks->done >= task.op_arg;
}

struct AwaitDone : Point {
  srcu_callbacks* callbacks;
  uint64_t count;
  void await_suspend(std::coroutine_handle<> /*leaf*/) const {
    ThisWorld()->Publish(op, &callbacks->waiters, AllDone, callbacks, count);
  }
};

}  // namespace

void InitCallbacks(srcu_callbacks* callbacks, grace_domain* domain) {
  trace::LogRange(&callbacks->domain, sizeof callbacks->domain);
  callbacks->domain = domain;
}

// Kernel: kernel/rcu/srcutree.c:call_srcu(), v6.1.
sched::Task<> call_srcu(srcu_callbacks* callbacks, GraceCallback func,
                        void* arg) {
  co_await smp_mb("call_srcu");
  auto* work = ThisWorld()->New<srcu_callback>(ObjType::kAllocation);
  CHECK(work != nullptr);
  trace::LogRange(&work->func, 2 * sizeof(void*));
  work->func = func;
  work->arg = arg;
  co_await WorkStep(callbacks, "call_srcu");
  if (callbacks->last == nullptr) {
    callbacks->first = work;
  } else {
    callbacks->last->next = work;
  }
  callbacks->last = work;
  callbacks->queued += 1;
  StartWorker(callbacks);
}

// Kernel: kernel/rcu/srcutree.c:srcu_barrier(), v6.1.
sched::Task<> srcu_barrier(srcu_callbacks* callbacks, const char* where) {
  might_sleep();
  co_await WorkStep(callbacks, where);
  if (!StartWorker(callbacks)) {
    callbacks->working = true;
    co_await Work(callbacks);
    co_return;
  }
  co_await AwaitDone{{{trace::OpKind::kWait, trace::Access::kRead,
                       callbacks->domain->key(), where}},
                     callbacks,
                     callbacks->queued};
}

}  // namespace mmfault::kernel
