// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// call_point.h: what call*.cc share: the step at which a method is entered,
// the checks around it, and who is told of it. Private to this folder.

#ifndef MMFAULT_SERVER_NOTIFIER_CALL_POINT_H_
#define MMFAULT_SERVER_NOTIFIER_CALL_POINT_H_

#include <optional>

#include "server/notifier/call.h"
#include "server/notifier/inside.h"
#include "server/notifier/observe.h"

namespace mmfault::notifier {

// The step at which a method is entered: writes the notifier's channel.
struct CallbackPoint : kernel::Point {
  uint64_t start;
  uint64_t end;
  Method method;

  void await_resume() const {
    sched::World* world = kernel::ThisWorld();
    if (world->has_sink()) {
      trace::Event event;
      event.task = world->current_slot();
      event.op = op;
      event.start = start;
      event.end = end;
      event.detail = static_cast<uint64_t>(method);
      world->Emit(event);
    }
  }
};

// What a fault point at a callback is about. `mm` may be null.
inline faults::PointPlace Place(const mmu_notifier* mn, Method method,
                                const mm_struct* mm, uint64_t start,
                                uint64_t end) {
  return {.mm = mm == nullptr ? 0 : mm->object.id,
          .notifier = mn->object.id,
          .event = static_cast<uint32_t>(method),
          .start = start,
          .end = end};
}

inline CallbackPoint Enter(mmu_notifier* mn, Method method, uint64_t start,
                           uint64_t end) {
  return {{{trace::OpKind::kCallback, trace::Access::kWrite, mn->object.key(),
            MethodName(method)}},
          start,
          end,
          method};
}

// As inside.h and observe.h, for methods of a list notifier. What Entered()
// returns, Returned() takes.
inline uint64_t Entered(Method method, mmu_notifier* mn,
                        const mmu_notifier_range& range) {
  if (MethodsObserved()) [[unlikely]] {
    TellEntry(OfRange(MethodName(method), mn->object, range));
  }
  return GoInside(mn, method);
}

inline void Returned(uint64_t outer, Method method, mmu_notifier* mn,
                     const mmu_notifier_range& range,
                     std::optional<int64_t> rc) {
  GoInside(outer);
  if (MethodsObserved()) [[unlikely]] {
    TellReturn(OfRange(MethodName(method), mn->object, range), rc);
  }
}

inline uint64_t Entered(Method method, mmu_notifier* mn, const mm_struct* mm,
                        uint64_t start, uint64_t end) {
  if (MethodsObserved()) [[unlikely]] {
    TellEntry(OfMm(MethodName(method), mn->object, mm, start, end));
  }
  return GoInside(mn, method);
}

inline void Returned(uint64_t outer, Method method, mmu_notifier* mn,
                     const mm_struct* mm, uint64_t start, uint64_t end,
                     std::optional<int64_t> rc) {
  GoInside(outer);
  if (MethodsObserved()) [[unlikely]] {
    TellReturn(OfMm(MethodName(method), mn->object, mm, start, end), rc);
  }
}

// Where memory order is PSO: the walker's read of mn->ops, a step of its own.
// One that sees the notifier and not what its driver stored in it is reported
// (kUninitialisedRead), and stops.
Task<> ReadOps(mmu_notifier* mn);

// Rule: a plain list is safe because nobody walks it with none of the locks
// that registration takes all of. Differs: any lock of those classes counts,
// whichever mm's.
void CheckWalkerLocks(mmu_notifier* mn, Method method);

// `walks`: the caller has the notifier from the list.
inline void CheckMayBeCalled(mmu_notifier* mn, Method method,
                             bool walks = true) {
  if (mn->registration == Registration::kUnregistered) {
    kernel::ThisWorld()->Report(
        {.checker = trace::Checker::kNoCallbackAfterUnregister,
         .cause = trace::Cause::kCallbackAfterUnregister,
         .task = static_cast<int8_t>(kernel::ThisWorld()->current_slot()),
         .other_task = mn->unregister_task,
         .other_step = mn->unregister_step,
         .obj = mn->object.key(),
         .a = static_cast<uint64_t>(method)});
  }
  if (walks && mm::era().list_needs_mm_lock && NeedsMmLock(method)) {
    CheckWalkerLocks(mn, method);
  }
  if (mn->unloaded) {
    kernel::ReportHere(trace::Checker::kNoUseAfterFree,
                       trace::Cause::kUnloadedCodeCalled, mn->object.key(),
                       static_cast<uint64_t>(method));
  }
}

}  // namespace mmfault::notifier

#endif  // MMFAULT_SERVER_NOTIFIER_CALL_POINT_H_
