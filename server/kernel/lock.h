// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// lock.h: spinlock, mutex and rw_semaphore, with lockdep.
//
// Models what a caller can tell: who holds the lock, who waits, whether holding
// it forbids sleep, whether a wait ends early on a signal. Fairness and
// optimistic spinning are left out; any waiter may be next, which covers every
// order. A task may not take a lock it holds (no_self_deadlock), release one it
// does not hold (locks_balanced), or take classes against the documented or an
// observed order (lock_order, see kernel/lockdep.h).
//
// An rmap lock is a spinlock or a mutex by the world's settings, so the kind is
// a property of the lock, not of the function: lock()/unlock() serve both.
//
// Threads: as the world.

#ifndef MMFAULT_SERVER_KERNEL_LOCK_H_
#define MMFAULT_SERVER_KERNEL_LOCK_H_

#include <cstdint>

#include "server/kernel/point.h"

namespace mmfault::kernel {

// Lock classes, in the order in which mm/rmap.c and mm/mmu_notifier.c document
// nesting: a class may be taken under any with a lower number, unless
// lockdep.cc says more.
enum class LockClass : uint8_t {
  kNone = 0,
  kMmap = 1,            // mm->mmap_sem, later mmap_lock
  kMmAllLocks = 2,      // mm_all_locks_mutex
  kMapping = 3,         // mapping->i_mmap_lock
  kAnonVma = 4,         // anon_vma->lock, later root->rwsem
  kPageTable = 5,       // mm->page_table_lock, later per table
  kNotifier = 6,        // mmu_notifier_mm->lock
  kDriver = 7,          // a driver's own lock
  kDriverSleeping = 8,  // a driver's mutex
  kPage = 9,
};
inline constexpr int kLockClassCount = 10;
const char* LockClassName(LockClass lock_class);

struct Lock {
  uint32_t id;
  Cell<int16_t> owner;  // slot + 1 of the writer; 0: none; kDeadOwner: freed
  LockClass lock_class;
  sched::LockKind kind;
  sched::WaitSet waiters;
  Cell<uint64_t> readers;  // a bit per task

  static constexpr int16_t kDeadOwner = 0x7fff;
  bool dead() const { return owner == kDeadOwner; }
  // The part of the key is the class, so that a story can name any lock.
  ObjKey key() const {
    return {ObjType::kLock, id, static_cast<uint32_t>(lock_class)};
  }
  bool held_by(int slot) const { return owner == slot + 1; }
  bool read_held_by(int slot) const { return (readers >> slot & 1) != 0; }
  bool free_for_write() const { return owner == 0 && readers == 0; }
};

static_assert(sizeof(Lock) == 24);  // there is one per anon_vma

struct spinlock_t : Lock {};
struct mutex : Lock {};
struct rw_semaphore : Lock {};

void InitLock(Lock* lock, LockClass lock_class, sched::LockKind kind);
inline void spin_lock_init(spinlock_t* lock, LockClass lock_class) {
  InitLock(lock, lock_class, sched::LockKind::kSpin);
}
inline void mutex_init(mutex* lock, LockClass lock_class) {
  InitLock(lock, lock_class, sched::LockKind::kMutex);
}
inline void init_rwsem(rw_semaphore* lock, LockClass lock_class) {
  InitLock(lock, lock_class, sched::LockKind::kMutex);
}

// How a wait for the lock may end.
enum class Wait : uint8_t { kUninterruptible, kInterruptible, kKillable };
// Whether lockdep was told that an outer lock orders this class.
enum class Nest : uint8_t { kNo, kNestLock };

// Takes a lock; returns 0, or -EINTR when the wait ended on a signal.
class [[nodiscard]] LockPoint {
 public:
  LockPoint(Lock* lock, bool read, Wait wait, Nest nest, const char* where)
      : lock_(lock), where_(where), read_(read), wait_(wait), nest_(nest) {}

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> leaf) const;
  int await_resume() const;

 private:
  Lock* lock_;
  const char* where_;
  bool read_;
  Wait wait_;
  Nest nest_;
};

// Releases a lock, for write or for read.
class [[nodiscard]] UnlockPoint {
 public:
  UnlockPoint(Lock* lock, bool read, const char* where)
      : lock_(lock), where_(where), read_(read) {}

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> leaf) const;
  void await_resume() const;

 private:
  Lock* lock_;
  const char* where_;
  bool read_;
};

// Tries once; true when taken.
class [[nodiscard]] TryLockPoint {
 public:
  TryLockPoint(Lock* lock, bool read, const char* where)
      : lock_(lock), where_(where), read_(read) {}

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> leaf) const;
  bool await_resume() const;

 private:
  Lock* lock_;
  const char* where_;
  bool read_;
};

inline LockPoint lock(Lock* l, const char* where, Nest nest = Nest::kNo,
                      Wait wait = Wait::kUninterruptible) {
  return {l, false, wait, nest, where};
}
inline UnlockPoint unlock(Lock* l, const char* where) {
  return {l, false, where};
}
inline LockPoint spin_lock(spinlock_t* l, const char* where) {
  return lock(l, where);
}
inline LockPoint spin_lock_nest_lock(Lock* l, const char* where) {
  return lock(l, where, Nest::kNestLock);
}
inline TryLockPoint spin_trylock(spinlock_t* l, const char* where) {
  return {l, false, where};
}
inline UnlockPoint spin_unlock(spinlock_t* l, const char* where) {
  return unlock(l, where);
}
inline LockPoint mutex_lock(mutex* l, const char* where) {
  return lock(l, where);
}
inline LockPoint mutex_lock_interruptible(mutex* l, const char* where) {
  return lock(l, where, Nest::kNo, Wait::kInterruptible);
}
inline UnlockPoint mutex_unlock(mutex* l, const char* where) {
  return unlock(l, where);
}
inline LockPoint down_write(rw_semaphore* l, const char* where) {
  return lock(l, where);
}
inline LockPoint down_write_killable(rw_semaphore* l, const char* where) {
  return lock(l, where, Nest::kNo, Wait::kKillable);
}
inline UnlockPoint up_write(rw_semaphore* l, const char* where) {
  return unlock(l, where);
}
inline LockPoint down_read(Lock* l, const char* where) {
  return {l, true, Wait::kUninterruptible, Nest::kNo, where};
}
inline LockPoint down_read_killable(Lock* l, const char* where) {
  return {l, true, Wait::kKillable, Nest::kNo, where};
}
inline TryLockPoint down_read_trylock(Lock* l, const char* where) {
  return {l, true, where};
}
inline UnlockPoint up_read(Lock* l, const char* where) {
  return {l, true, where};
}
// Turns a write hold into a read hold, in one step.
struct [[nodiscard]] Downgrade : ReleasingPoint {
  rw_semaphore* lock;
  void await_resume() const;
};
Downgrade downgrade_write(rw_semaphore* l, const char* where);

// Marks a lock dead with the object that holds it; a later use is reported.
void lock_destroy(Lock* lock);

}  // namespace mmfault::kernel

#endif  // MMFAULT_SERVER_KERNEL_LOCK_H_
