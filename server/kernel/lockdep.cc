// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/kernel/lockdep.h"

#include <bit>

#include "server/kernel/state.h"

namespace mmfault::kernel {
namespace {

using sched::HeldClass;

constexpr int Index(LockClass lock_class) {
  return static_cast<int>(lock_class);
}

// Classes whose nesting mm/rmap.c documents, lowest first.
constexpr bool Documented(LockClass lock_class) {
  return lock_class == LockClass::kMmap || lock_class == LockClass::kMapping ||
         lock_class == LockClass::kAnonVma ||
         lock_class == LockClass::kPageTable;
}

HeldClass* FindHeld(sched::TaskRecord* task, LockClass lock_class) {
  for (HeldClass& held : task->held) {
    if (held.count != 0 &&
        held.lock_class == static_cast<uint32_t>(Index(lock_class))) {
      return &held;
    }
  }
  return nullptr;
}

// Whether `to` can be reached from `from` over observed orders.
bool Reaches(const KernelState& kernel, int from, int to) {
  uint32_t seen = 0;
  uint32_t todo = 1U << from;
  while (todo != 0) {
    const int at = std::countr_zero(todo);
    if (at == to) {
      return true;
    }
    seen |= 1U << at;
    todo = (todo | kernel.order[at]) & ~seen;
  }
  return false;
}

void CheckPair(LockClass held, const Lock& lock) {
  if (held == LockClass::kNone || lock.lock_class == LockClass::kNone) {
    return;
  }
  KernelState* kernel = Kernel();
  const int from = Index(held);
  const int to = Index(lock.lock_class);
  const bool inverted =
      Documented(held) && Documented(lock.lock_class) && to < from;
  const uint32_t bit = 1U << to;
  if ((kernel->order[from] & bit) != 0) {
    return;  // known, and reported then if it was wrong
  }
  if (inverted || Reaches(*kernel, to, from)) {
    ReportHere(trace::Checker::kLockOrder, trace::Cause::kLockClassCycle,
               lock.key(), static_cast<uint64_t>(from),
               static_cast<uint64_t>(to));
  }
  kernel->order[from] |= bit;
}

void CheckSameClass(const HeldClass& held, const Lock& lock) {
  if (held.last_id == 0) {
    return;  // the highest was released: which is left is not known
  }
  const sched::World& world = *ThisWorld();
  if (world.kaddr(lock.id) <= world.kaddr(held.last_id)) {
    ReportHere(trace::Checker::kLockOrder, trace::Cause::kLockAddressOrder,
               lock.key());
  }
}

}  // namespace

void LockdepAcquire(sched::TaskRecord* task, const Lock& lock, Acquire how) {
  const trace::AccessPause pause;
  HeldClass* mine = nullptr;
  HeldClass* unused = nullptr;
  for (HeldClass& held : task->held) {
    if (held.count == 0) {
      unused = unused == nullptr ? &held : unused;
    } else if (held.lock_class ==
               static_cast<uint32_t>(Index(lock.lock_class))) {
      mine = &held;
    } else if (how != Acquire::kTried) {
      CheckPair(static_cast<LockClass>(held.lock_class.get()), lock);
    }
  }
  if (mine != nullptr) {
    if (how == Acquire::kOrdered && lock.lock_class != LockClass::kNone) {
      CheckSameClass(*mine, lock);
    }
  } else {
    CHECK(unused != nullptr);
    mine = unused;
    mine->lock_class = static_cast<uint32_t>(Index(lock.lock_class));
  }
  mine->count += 1;
  mine->last_id = lock.id;
}

void LockdepRelease(sched::TaskRecord* task, const Lock& lock) {
  const trace::AccessPause pause;
  HeldClass* held = FindHeld(task, lock.lock_class);
  CHECK(held != nullptr);
  held->count -= 1;
  if (held->last_id == lock.id) {
    held->last_id = 0;
  }
}

uint32_t HeldOfClass(const sched::TaskRecord& task, LockClass lock_class) {
  for (const HeldClass& held : task.held) {
    if (held.count != 0 &&
        held.lock_class == static_cast<uint32_t>(Index(lock_class))) {
      return held.count;
    }
  }
  return 0;
}

}  // namespace mmfault::kernel
