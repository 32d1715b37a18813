// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/kernel/lock.h"

#include "server/kernel/errno.h"
#include "server/kernel/lockdep.h"
#include "server/kernel/signal.h"

namespace mmfault::kernel {
namespace {

constexpr uint64_t kWaitKindShift = 1;  // op_arg: bit 0 read, then Wait

const Lock* Target(const sched::TaskRecord& task) {
  return static_cast<const Lock*>(task.op_target.get());
}

bool Available(const Lock& lock, bool read) {
  return read ? lock.owner == 0 : lock.free_for_write();
}

bool WaitOver(const sched::TaskRecord& task, Wait wait) {
  switch (wait) {
    case Wait::kUninterruptible:
      return false;
    case Wait::kInterruptible:
      return signal_pending(task);
    case Wait::kKillable:
      return fatal_signal_pending(task);
  }
  return false;
}

bool LockReady(const sched::TaskRecord& task) {
  const trace::AccessPause pause;  // the op names the lock
  const uint64_t arg = task.op_arg;
  const Lock& lock = *Target(task);
  return Available(lock, (arg & 1) != 0) || lock.dead() ||
         WaitOver(task, static_cast<Wait>(arg >> kWaitKindShift));
}

void Take(Lock* lock, bool read, Acquire how) {
  const trace::AccessPause pause;  // the op names the lock
  sched::World* world = ThisWorld();
  sched::TaskRecord& task = *Current();
  LockdepAcquire(&task, *lock, how);
  if (read) {
    lock->readers |= uint64_t{1} << world->current_slot();
  } else {
    lock->owner = static_cast<int16_t>(world->current_slot() + 1);
  }
  task.locks_held += 1;
  if (lock->kind == sched::LockKind::kSpin) {
    world->AddPreempt(1);
  }
  world->Reevaluate(lock->waiters);
}

bool ReportDead(const Lock& lock) {
  if (lock.dead()) {
    ReportHere(trace::Checker::kNoUseAfterFree, trace::Cause::kFreedLockUsed,
               lock.key());
  }
  return lock.dead();
}

}  // namespace

const char* LockClassName(LockClass lock_class) {
  static constexpr const char* kNames[kLockClassCount] = {
      "none",         "mmap_sem",        "mm_all_locks_mutex", "i_mmap_lock",
      "anon_vma",     "page_table_lock", "mmu_notifier_lock",  "driver_lock",
      "driver_mutex", "page_lock"};
  return kNames[static_cast<int>(lock_class)];
}

void InitLock(Lock* lock, LockClass lock_class, sched::LockKind kind) {
  trace::LogRange(&lock->id, sizeof lock->id);
  lock->id = ThisWorld()->NextId();
  trace::LogRange(&lock->lock_class, 2);
  lock->lock_class = lock_class;
  lock->kind = kind;
}

void LockPoint::await_suspend(std::coroutine_handle<> /*leaf*/) const {
  const trace::AccessPause pause;  // the op names the lock
  sched::World* world = ThisWorld();
  const int slot = world->current_slot();
  if (lock_->kind == sched::LockKind::kMutex) {
    might_sleep();
  }
  if (lock_->held_by(slot) || lock_->read_held_by(slot)) {
    ReportHere(trace::Checker::kNoSelfDeadlock, trace::Cause::kLockTakenTwice,
               lock_->key());
  }
  if (ReportDead(*lock_)) {
    world->KillCurrent();
    return;
  }
  const uint64_t arg = (read_ ? 1 : 0) | static_cast<uint64_t>(wait_)
                                             << kWaitKindShift;
  world->Publish({read_ ? trace::OpKind::kReadLock : trace::OpKind::kLock,
                  trace::Access::kWrite, lock_->key(), where_},
                 &lock_->waiters, LockReady, lock_, arg);
}

int LockPoint::await_resume() const {
  const trace::AccessPause pause;  // the op names the lock
  if (ReportDead(*lock_)) {
    ThisWorld()->KillCurrent();
    return -EINTR;
  }
  if (!Available(*lock_, read_)) {
    return -EINTR;  // enabled by a signal
  }
  Take(lock_, read_,
       nest_ == Nest::kNestLock ? Acquire::kNested : Acquire::kOrdered);
  return 0;
}

void UnlockPoint::await_suspend(std::coroutine_handle<> /*leaf*/) const {
  PublishReleasing({read_ ? trace::OpKind::kReadUnlock : trace::OpKind::kUnlock,
                    trace::Access::kWrite, lock_->key(), where_});
}

void UnlockPoint::await_resume() const {
  const trace::AccessPause pause;  // the op names the lock
  sched::World* world = ThisWorld();
  sched::TaskRecord& task = *Current();
  const int slot = world->current_slot();
  if (ReportDead(*lock_)) {
    world->KillCurrent();  // the memory is somebody else's by now
    return;
  }
  const bool held = read_ ? lock_->read_held_by(slot) : lock_->held_by(slot);
  if (!held) {
    ReportHere(trace::Checker::kLocksBalanced,
               trace::Cause::kLockReleasedUnheld, lock_->key());
    return;
  }
  if (read_) {
    lock_->readers &= ~(uint64_t{1} << slot);
  } else {
    lock_->owner = 0;
  }
  task.locks_held -= 1;
  LockdepRelease(&task, *lock_);
  if (lock_->kind == sched::LockKind::kSpin) {
    world->AddPreempt(-1);
  }
  world->Reevaluate(lock_->waiters);
}

void TryLockPoint::await_suspend(std::coroutine_handle<> /*leaf*/) const {
  ThisWorld()->Publish(
      {trace::OpKind::kTryLock, trace::Access::kWrite, lock_->key(), where_});
}

bool TryLockPoint::await_resume() const {
  const trace::AccessPause pause;  // the op names the lock
  if (ReportDead(*lock_) || !Available(*lock_, read_)) {
    return false;
  }
  Take(lock_, read_, Acquire::kTried);
  return true;
}

Downgrade downgrade_write(rw_semaphore* l, const char* where) {
  return {{{trace::OpKind::kDowngrade, trace::Access::kWrite, l->key(), where}},
          l};
}

void Downgrade::await_resume() const {
  const trace::AccessPause pause;  // the op names the lock
  sched::World* world = ThisWorld();
  ReportDead(*lock);
  if (!lock->held_by(world->current_slot())) {
    ReportHere(trace::Checker::kLocksBalanced,
               trace::Cause::kLockReleasedUnheld, lock->key());
    return;
  }
  lock->readers |= uint64_t{1} << world->current_slot();
  lock->owner = 0;
  world->Reevaluate(lock->waiters);
}

void lock_destroy(Lock* lock) {
  lock->owner = Lock::kDeadOwner;
  ThisWorld()->Reevaluate(lock->waiters);  // they meet a dead lock
}

}  // namespace mmfault::kernel
