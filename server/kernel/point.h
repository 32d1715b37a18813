// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// point.h: what every primitive is made of, and the smallest ones.
//
// Each awaitable publishes an op, suspends, and has its effect when it is
// resumed. Loads and stores of shared fields are points of their own; fields
// that a held lock protects are read and written plainly.

#ifndef MMFAULT_SERVER_KERNEL_POINT_H_
#define MMFAULT_SERVER_KERNEL_POINT_H_

#include <coroutine>
#include <cstdint>
#include <cstring>
#include <optional>
#include <type_traits>

#include "faults/points.h"
#include "server/sched/world.h"
#include "server/trace/cell.h"
#include "server/trace/op.h"
#include "server/trace/violation.h"

namespace mmfault::kernel {

using sched::Current;
using sched::ThisWorld;
using trace::Cell;
using trace::ObjKey;
using trace::ObjType;

// A scheduling point without an effect of its own.
struct [[nodiscard]] Point {
  trace::Op op;

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> /*leaf*/) const {
    ThisWorld()->Publish(op);
  }
  void await_resume() const noexcept {}
};

// As a Point, where the kernel has at least a release barrier: what the task
// stored before is visible when the step is made. See kernel/barrier.h.
void PublishReleasing(const trace::Op& op);
struct [[nodiscard]] ReleasingPoint {
  trace::Op op;

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> /*leaf*/) const {
    PublishReleasing(op);
  }
  void await_resume() const noexcept {}
};

// The key of a memory cell: its place in the arena. Neighbours in one word are
// two objects.
inline ObjKey MemoryKey(const void* cell) {
  const size_t offset = ThisWorld()->arena().OffsetOf(cell);
  return {ObjType::kMemory, static_cast<uint32_t>(offset / 8),
          static_cast<uint32_t>(offset % 8)};
}

// A shared field as the running task sees it: its own store, if one is pending.
template <typename T>
T Here(const Cell<T>& cell) {
  const T seen = cell.get();
  if (!ThisWorld()->pso()) [[likely]] {
    return seen;
  }
  uint64_t bits = 0;
  std::memcpy(&bits, &seen, sizeof seen);
  bits = sched::ForwardStore(*ThisWorld(), *Current(), &cell, bits);
  T value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// Reads a shared field: READ_ONCE().
template <typename T>
struct [[nodiscard]] LoadPoint : Point {
  const Cell<T>* cell;
  T await_resume() const { return Here(*cell); }
};
template <typename T>
LoadPoint<T> Load(const Cell<T>& cell, const char* where) {
  return {
      {{trace::OpKind::kRead, trace::Access::kRead, MemoryKey(&cell), where}},
      &cell};
}

// Writes a shared field whose order against others is nobody's concern: at
// once. What a barrier is about is written with kernel/barrier.h's stores.
template <typename T>
struct [[nodiscard]] StorePoint : Point {
  Cell<T>* cell;
  T value;
  void await_resume() const { *cell = value; }
};
template <typename T>
StorePoint<T> Store(Cell<T>& cell, std::type_identity_t<T> value,
                    const char* where) {
  return {
      {{trace::OpKind::kWrite, trace::Access::kWrite, MemoryKey(&cell), where}},
      &cell,
      value};
}

// Gives other tasks a chance: cond_resched(), or an injected yield.
inline Point Yield(const char* where) {
  return {{trace::OpKind::kYield, trace::Access::kRead, Current()->object.key(),
           where}};
}

// Reports a violation by the running task.
void ReportHere(trace::Checker checker, trace::Cause cause, ObjKey obj = {},
                uint64_t a = 0, uint64_t b = 0);

// BUG_ON(): if the condition holds, reports and stops the task for good; it
// keeps its locks, as a real oops would.
struct [[nodiscard]] BugOn {
  bool condition;
  trace::Checker checker;
  trace::Cause cause;
  ObjKey obj;

  bool await_ready() const noexcept { return !condition; }
  void await_suspend(std::coroutine_handle<> /*leaf*/) const {
    ReportHere(checker, cause, obj);
    ThisWorld()->KillCurrent();
  }
  void await_resume() const noexcept {}
};

// Using freed memory: as BugOn, with the checker that this belongs to.
inline BugOn CheckLive(const sched::Object& object, trace::Cause cause) {
  return {object.freed(), trace::Checker::kNoUseAfterFree, cause, object.key()};
}

// The caller is about to sleep: mm.h:might_sleep().
void might_sleep();

// Evaluates an armed point where the task cannot stop: signals, errors, the
// capability and teardown act; hold, delay and yield do not. Returns an errno
// or 0.
int InjectHere(faults::Point point, const faults::PointPlace& place);
inline int InjectHere(faults::Point point, uint32_t mm = 0) {
  return InjectHere(point, faults::PointPlace{.mm = mm});
}

// A point's place: about an mm and addresses, or a notifier of it.
template <typename Mm>
faults::PointPlace At(const Mm* mm, uint64_t start, uint64_t end) {
  return {.mm = mm->object.id, .start = start, .end = end};
}
template <typename Mm, typename Mn>
faults::PointPlace At(const Mm* mm, const Mn* mn, uint64_t start = 0,
                      uint64_t end = 0) {
  return {.mm = mm->object.id,
          .notifier = mn->object.id,
          .start = start,
          .end = end};
}

// A fault point: free unless a rule is armed there. Returns an errno to inject,
// or 0. Suspends only when a rule holds, delays or yields there.
class [[nodiscard]] FaultPoint {
 public:
  // Evaluated here rather than in await_ready(), so that a disarmed point
  // stores nothing: stores into the frame would be half of what it costs.
  explicit FaultPoint(faults::Point point, uint32_t mm = 0)
      : FaultPoint(point, faults::PointPlace{.mm = mm}) {}
  FaultPoint(faults::Point point, const faults::PointPlace& place) {
    sched::World* world = ThisWorld();
    // Two conditions: as one, the disarmed way would lie behind a jump.
    if (world->faults().armed(point)) [[unlikely]] {
      if (!world->PassQuietly(point)) {
        Evaluate(point, place.mm, place.notifier, place.event, place.start,
                 place.end);
        return;
      }
    }
    ready_ = true;
    error_ = 0;
  }

  bool await_ready() const noexcept { return ready_; }
  void await_suspend(std::coroutine_handle<> leaf) const;
  int await_resume() const noexcept { return error_; }

 protected:
  struct Disarmed {};
  explicit FaultPoint(Disarmed /*tag*/) : ready_(true), error_(0), action_{} {}
  void EvaluateIfArmed(faults::Point point, const faults::PointPlace& place) {
    sched::World* world = ThisWorld();
    if (world->faults().armed(point) && !world->PassQuietly(point)) {
      Evaluate(point, place.mm, place.notifier, place.event, place.start,
               place.end);
    }
  }
  const faults::Action& action() const { return action_; }

 private:
  void Hold() const;
  void Delay() const;
  // Sets all members. The parts of the place, and not the place: whose address
  // is taken is in the frame, and is stored there at disarmed points too.
  void Evaluate(faults::Point point, uint32_t mm, uint32_t notifier,
                uint32_t event, uint64_t start, uint64_t end);

  bool ready_;  // the task goes straight on
  faults::Point point_;
  int error_;
  uint32_t rule_;  // which has it stop
  // A union's member is not initialized: a disarmed point has no action.
  union {
    faults::Action action_;
  };
};

// A fault point at which a callback, or its answer, is on its way: its result
// is the action, for those that are about that, and any other or none.
class [[nodiscard]] MessagePoint : public FaultPoint {
 public:
  MessagePoint(faults::Point point, const faults::PointPlace& place)
      : FaultPoint(Disarmed()) {
    EvaluateIfArmed(point, place);
  }
  faults::Action await_resume() const noexcept { return action(); }
};

// Where a task is held, and by which rule; nothing for one that is not.
struct HeldAt {
  faults::Point point = faults::Point::kCount;
  uint32_t rule = 0;
};
std::optional<HeldAt> HeldAtOf(const sched::TaskRecord& task);

// Resumes tasks that are held at a point; those of `slot` only unless -1.
// Returns how many.
int ResumeHeld(sched::World* world, faults::Point point, int slot);
// Resumes all tasks that a rule holds, armed still or not. Returns how many.
int ResumeHeldBy(sched::World* world, uint32_t rule);

}  // namespace mmfault::kernel

#endif  // MMFAULT_SERVER_KERNEL_POINT_H_
