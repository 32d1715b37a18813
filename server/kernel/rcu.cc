// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/kernel/rcu.h"

#include "server/kernel/barrier.h"
#include "server/kernel/state.h"

namespace mmfault::kernel {
namespace {

bool GraceOver(const sched::TaskRecord& task) {
  return task.grace_waits_for == 0;
}

struct GracePeriodBegin : Point {
  grace_domain* domain;
  void await_resume() const {
    const trace::AccessPause pause;
    Current()->grace_waits_for = domain->readers;
  }
};

struct GracePeriodEnd : Point {
  grace_domain* domain;
  void await_suspend(std::coroutine_handle<> /*leaf*/) const {
    ThisWorld()->Publish(op, &domain->waiters, GraceOver, domain);
  }
};

void ForgetReader(grace_domain* domain, int slot) {
  const uint64_t bit = uint64_t{1} << slot;
  uint64_t waiting = domain->waiters.tasks;
  for (; waiting != 0; waiting &= waiting - 1) {
    sched::TaskRecord& waiter = ThisWorld()->task(std::countr_zero(waiting));
    waiter.grace_waits_for &= ~bit;
  }
  ThisWorld()->Reevaluate(domain->waiters);
}

struct GraceWork {
  sched::Object object;
  grace_domain* domain;
  GraceCallback callback;
  void* arg;
};

sched::Task<> RunGraceWork(void* arg) {
  auto* work = static_cast<GraceWork*>(arg);
  co_await synchronize(work->domain, "call_srcu");
  co_await work->callback(work->arg);
  ThisWorld()->Delete(work);
}

}  // namespace

void InitDomain(grace_domain* domain, bool sleepable) {
  trace::LogRange(domain, sizeof domain->id + sizeof domain->sleepable);
  domain->id = ThisWorld()->NextId();
  domain->sleepable = sleepable;
}

ReadSection read_section_begin(grace_domain* domain, const char* where) {
  return {{{trace::OpKind::kReadSection, trace::Access::kRead, domain->key(),
            where}},
          domain};
}

void ReadSection::await_resume() const {
  const trace::AccessPause pause;
  const int slot = ThisWorld()->current_slot();
  domain->depth[slot] += 1;
  domain->readers |= uint64_t{1} << slot;
  if (!domain->sleepable) {
    Current()->rcu_depth += 1;
  }
}

ReadSectionEnd read_section_end(grace_domain* domain, const char* where) {
  return {{{trace::OpKind::kReadSectionEnd, trace::Access::kWrite,
            domain->key(), where}},
          domain};
}

void ReadSectionEnd::await_resume() const {
  const trace::AccessPause pause;
  const int slot = ThisWorld()->current_slot();
  if (domain->depth[slot] == 0) {
    ReportHere(trace::Checker::kLocksBalanced,
               trace::Cause::kLockReleasedUnheld, domain->key());
    return;
  }
  domain->depth[slot] -= 1;
  if (!domain->sleepable) {
    Current()->rcu_depth -= 1;
  }
  if (domain->depth[slot] == 0) {
    domain->readers &= ~(uint64_t{1} << slot);
    ForgetReader(domain, slot);
  }
}

ReadSection rcu_read_lock(const char* where) {
  return read_section_begin(&Kernel()->rcu, where);
}

ReadSectionEnd rcu_read_unlock(const char* where) {
  return read_section_end(&Kernel()->rcu, where);
}

// Kernel: kernel/rcu/tree.c:synchronize_rcu(), v6.1. Differs: readers are a
// mask and a grace period waits for those that were inside when it began; no
// callbacks are batched.
sched::Task<> synchronize_rcu(const char* where) {
  return synchronize(&Kernel()->rcu, where);
}

sched::Task<> synchronize(grace_domain* domain, const char* where) {
  might_sleep();
  co_await smp_mb(where);
  // Begin counts as a write: a reader before it and one after it differ.
  co_await GracePeriodBegin{{{trace::OpKind::kGracePeriodBegin,
                              trace::Access::kWrite, domain->key(), where}},
                            domain};
  co_await GracePeriodEnd{{{trace::OpKind::kGracePeriodEnd,
                            trace::Access::kRead, domain->key(), where}},
                          domain};
}

bool call_after_grace(grace_domain* domain, GraceCallback callback, void* arg) {
  sched::World* world = ThisWorld();
  auto* work = world->New<GraceWork>(ObjType::kAllocation);
  CHECK(work != nullptr);
  trace::LogRange(&work->domain, sizeof(GraceWork) - sizeof(sched::Object));
  work->domain = domain;
  work->callback = callback;
  work->arg = arg;
  // Spawning is no scheduling point, so the barrier cannot be one either.
  sched::SettleStores(world, Current());
  sched::TaskRecord* thread = world->Spawn(RunGraceWork, work);
  if (thread == nullptr) {
    world->Delete(work);
    return false;
  }
  thread->kthread = true;
  world->SetName(thread->object.id, "kworker/srcu");
  return true;
}

}  // namespace mmfault::kernel
