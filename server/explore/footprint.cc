// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/explore/footprint.h"

#include "server/kernel/refcount.h"

namespace mmfault::explore {
namespace {

using trace::Access;
using trace::ObjKey;
using trace::ObjType;
using trace::OpKind;

// Parts of a task's key (kernel/signal.h, wait.h, slab.h).
constexpr uint32_t kSignalPart = 1;
constexpr uint32_t kCapabilityPart = 4;

bool TakesLock(OpKind kind) {
  return kind == OpKind::kLock || kind == OpKind::kReadLock;
}

// A look of the kind that a signal may end. Locks say so in op_arg (see
// kernel/lock.cc); the conditions of wait queues may, and are taken to.
bool LooksAtSignals(const sched::TaskRecord& task) {
  const OpKind kind = task.op_kind;
  if (TakesLock(kind)) {
    return static_cast<uint64_t>(task.op_arg) >> 1 != 0;
  }
  return kind == OpKind::kWait;
}

// Both on one counter, both runnable at value `count`. Without a look at zero,
// what matters is that it does not go below.
bool CountsCommute(OpKind a, OpKind b, int32_t count) {
  if (a == OpKind::kRefGet && b == OpKind::kRefGet) {
    return true;
  }
  const auto takes = [](OpKind kind) {
    return kind == OpKind::kRefPut || kind == OpKind::kRefDec ? 1 : 0;
  };
  const auto looks = [](OpKind kind) {
    return kind == OpKind::kRefPut || kind == OpKind::kRefGetNotZero;
  };
  const int most = takes(a) + takes(b);
  return looks(a) || looks(b) ? count > most : count >= most;
}

// Both on one rwsem, lock or domain.
bool SharersCommute(OpKind a, OpKind b) {
  const auto reads = [](OpKind kind) {
    return kind == OpKind::kReadLock || kind == OpKind::kReadUnlock;
  };
  const auto sections = [](OpKind kind) {
    return kind == OpKind::kReadSection || kind == OpKind::kReadSectionEnd;
  };
  const auto graces = [](OpKind kind) {
    return kind == OpKind::kGracePeriodBegin || kind == OpKind::kGracePeriodEnd;
  };
  return (reads(a) && reads(b)) || (sections(a) && sections(b)) ||
         (graces(a) && graces(b)) ||
         (a == OpKind::kReadSection && b == OpKind::kGracePeriodEnd) ||
         (b == OpKind::kReadSection && a == OpKind::kGracePeriodEnd);
}

// A grace period that can end waits for no reader that can.
bool IsGraceAndReader(OpKind a, OpKind b) {
  return (a == OpKind::kGracePeriodEnd && b == OpKind::kReadSectionEnd) ||
         (b == OpKind::kGracePeriodEnd && a == OpKind::kReadSectionEnd);
}

bool SameObject(const Footprint& a, const Footprint& b) {
  return a.obj == b.obj && (a.writes || b.writes);
}

bool OverSignals(const Footprint& a, const Footprint& b) {
  return (a.looks_at_signals && b.writes && b.obj == a.signals) ||
         (b.looks_at_signals && a.writes && a.obj == b.signals);
}

// A wait that a signal can end may be over before the unlock.
bool IsOrder(const Footprint& older, const Footprint& newer) {
  return LeavesLock(older.kind) && TakesLock(newer.kind) &&
         !newer.looks_at_signals;
}

}  // namespace

bool LeavesLock(OpKind kind) {
  return kind == OpKind::kUnlock || kind == OpKind::kReadUnlock ||
         kind == OpKind::kDowngrade;
}

bool IsRefcount(OpKind kind) {
  return kind == OpKind::kRefGet || kind == OpKind::kRefGetNotZero ||
         kind == OpKind::kRefPut || kind == OpKind::kRefDec;
}

Footprint FootprintOf(const sched::World& world, int slot) {
  const sched::TaskRecord& task = world.task(slot);
  Footprint print;
  print.task = slot;
  print.kind = task.op_kind;
  print.writes = task.op_access == Access::kWrite;
  print.where = task.op_where;
  print.obj = ObjKey(task.op_obj);
  print.looks_at_signals = LooksAtSignals(task);
  print.signals = task.object.key(kSignalPart);
  if (IsRefcount(print.kind)) {
    print.count =
        static_cast<const kernel::atomic_t*>(task.op_target.get())->counter;
  } else if (print.kind == OpKind::kGracePeriodEnd) {
    print.readers = task.grace_waits_for;
  }
  return print;
}

bool IsPrivate(const Footprint& step) {
  if (step.looks_at_signals) {
    return false;
  }
  const bool own = step.obj.type() == ObjType::kTask;
  return step.obj.bits == 0 || (own && step.obj.part() != kSignalPart &&
                                step.obj.part() != kCapabilityPart);
}

bool Dependent(const Footprint& a, const Footprint& b, bool conditional) {
  if (OverSignals(a, b)) {
    return true;
  }
  if (!SameObject(a, b) || SharersCommute(a.kind, b.kind) ||
      IsGraceAndReader(a.kind, b.kind)) {
    return false;
  }
  if (conditional && IsRefcount(a.kind) && IsRefcount(b.kind)) {
    return !CountsCommute(a.kind, b.kind, a.count);
  }
  return true;
}

Link LinkOf(const Footprint& older, const Footprint& newer) {
  if (OverSignals(older, newer)) {
    return Link::kRace;
  }
  if (!SameObject(older, newer) || SharersCommute(older.kind, newer.kind)) {
    return Link::kNone;
  }
  if (IsGraceAndReader(older.kind, newer.kind)) {
    return Link::kNone;  // the engine knows which end it waited for
  }
  return IsOrder(older, newer) ? Link::kOrder : Link::kRace;
}

}  // namespace mmfault::explore
