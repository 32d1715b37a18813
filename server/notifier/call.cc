// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/notifier/call.h"

#include "server/notifier/observe.h"

namespace mmfault::notifier {
namespace {

using trace::Cause;
using trace::Checker;

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

CallbackPoint Enter(mmu_notifier* mn, Method method, uint64_t start,
                    uint64_t end) {
  return {{{trace::OpKind::kCallback, trace::Access::kWrite, mn->object.key(),
            MethodName(method)}},
          start,
          end,
          method};
}

// As observe.h, for methods of a list notifier.
void Entered(Method method, mmu_notifier* mn, const mmu_notifier_range& range) {
  if (MethodsObserved()) [[unlikely]] {
    TellEntry(OfRange(MethodName(method), mn->object, range));
  }
}

void Returned(Method method, mmu_notifier* mn, const mmu_notifier_range& range,
              std::optional<int64_t> rc) {
  if (MethodsObserved()) [[unlikely]] {
    TellReturn(OfRange(MethodName(method), mn->object, range), rc);
  }
}

void Entered(Method method, mmu_notifier* mn, const mm_struct* mm,
             uint64_t start, uint64_t end) {
  if (MethodsObserved()) [[unlikely]] {
    TellEntry(OfMm(MethodName(method), mn->object, mm, start, end));
  }
}

void Returned(Method method, mmu_notifier* mn, const mm_struct* mm,
              uint64_t start, uint64_t end, std::optional<int64_t> rc) {
  if (MethodsObserved()) [[unlikely]] {
    TellReturn(OfMm(MethodName(method), mn->object, mm, start, end), rc);
  }
}

void CheckMayBeCalled(mmu_notifier* mn, Method method) {
  if (mn->registration == Registration::kUnregistered) {
    kernel::ThisWorld()->Report(
        {.checker = Checker::kNoCallbackAfterUnregister,
         .cause = Cause::kCallbackAfterUnregister,
         .task = static_cast<int8_t>(kernel::ThisWorld()->current_slot()),
         .other_task = mn->unregister_task,
         .other_step = mn->unregister_step,
         .obj = mn->object.key(),
         .a = static_cast<uint64_t>(method)});
  }
}

Cell<uint8_t>& OpenStarts(mmu_notifier* mn) {
  return mn->open[kernel::ThisWorld()->current_slot()];
}

void CountStart(mmu_notifier* mn) {
  OpenStarts(mn) += 1;
  mn->open_total += 1;
}

void CountEnd(mmu_notifier* mn) {
  if (OpenStarts(mn) == 0) {
    kernel::ThisWorld()->Report(
        {.checker = Checker::kStartEndPaired,
         .cause = Cause::kEndWithoutStart,
         .task = static_cast<int8_t>(kernel::ThisWorld()->current_slot()),
         .other_step = mn->registered_step,
         .obj = mn->object.key()});
    return;
  }
  OpenStarts(mn) -= 1;
  mn->open_total -= 1;
}

}  // namespace

const char* MethodName(Method method) {
  static constexpr const char* kNames[] = {"",
                                           "invalidate_range_start",
                                           "invalidate_range_end",
                                           "invalidate_page",
                                           "release",
                                           "clear_flush_young"};
  return kNames[static_cast<int>(method)];
}

Task<int> CallInvalidateRangeStart(mmu_notifier* mn,
                                   const mmu_notifier_range* range) {
  co_await kernel::CheckLive(mn->object, Cause::kFreedNotifierUsed);
  co_await kernel::FaultPoint(faults::Point::kInvalidateStart,
                              range->mm->object.id);
  co_await Enter(mn, Method::kInvalidateRangeStart, range->start, range->end);
  co_await kernel::CheckLive(mn->object, Cause::kFreedNotifierUsed);
  CheckMayBeCalled(mn, Method::kInvalidateRangeStart);
  if (mn->ops->invalidate_range_start == nullptr) {
    co_return 0;
  }
  CountStart(mn);
  Entered(Method::kInvalidateRangeStart, mn, *range);
  const int rc = co_await mn->ops->invalidate_range_start(mn, range);
  Returned(Method::kInvalidateRangeStart, mn, *range, rc);
  if (rc != 0) {
    CountEnd(mn);  // a start that failed has no end
  }
  co_return rc;
}

Task<> CallInvalidateRangeEnd(mmu_notifier* mn,
                              const mmu_notifier_range* range) {
  co_await kernel::CheckLive(mn->object, Cause::kFreedNotifierUsed);
  co_await kernel::FaultPoint(faults::Point::kInvalidateEnd,
                              range->mm->object.id);
  co_await Enter(mn, Method::kInvalidateRangeEnd, range->start, range->end);
  co_await kernel::CheckLive(mn->object, Cause::kFreedNotifierUsed);
  CheckMayBeCalled(mn, Method::kInvalidateRangeEnd);
  if (mn->ops->invalidate_range_end == nullptr) {
    co_return;
  }
  if (mn->ops->invalidate_range_start != nullptr) {
    CountEnd(mn);
  }
  Entered(Method::kInvalidateRangeEnd, mn, *range);
  co_await mn->ops->invalidate_range_end(mn, range);
  Returned(Method::kInvalidateRangeEnd, mn, *range, std::nullopt);
}

Task<> CallInvalidatePage(mmu_notifier* mn, mm_struct* mm, uint64_t address) {
  co_await kernel::CheckLive(mn->object, Cause::kFreedNotifierUsed);
  co_await Enter(mn, Method::kInvalidatePage, address, address + mm::kPageSize);
  co_await kernel::CheckLive(mn->object, Cause::kFreedNotifierUsed);
  CheckMayBeCalled(mn, Method::kInvalidatePage);
  if (mn->ops->invalidate_page != nullptr) {
    Entered(Method::kInvalidatePage, mn, mm, address, address + mm::kPageSize);
    co_await mn->ops->invalidate_page(mn, mm, address);
    Returned(Method::kInvalidatePage, mn, mm, address, address + mm::kPageSize,
             std::nullopt);
  }
}

Task<int> CallClearFlushYoung(mmu_notifier* mn, mm_struct* mm, uint64_t start,
                              uint64_t end) {
  if (mn->ops->clear_flush_young == nullptr) {
    co_return 0;
  }
  co_await kernel::CheckLive(mn->object, Cause::kFreedNotifierUsed);
  co_await Enter(mn, Method::kClearFlushYoung, start, end);
  co_await kernel::CheckLive(mn->object, Cause::kFreedNotifierUsed);
  CheckMayBeCalled(mn, Method::kClearFlushYoung);
  Entered(Method::kClearFlushYoung, mn, mm, start, end);
  const int young = co_await mn->ops->clear_flush_young(mn, mm, start, end);
  Returned(Method::kClearFlushYoung, mn, mm, start, end, young);
  co_return young;
}

Task<> CallRelease(mmu_notifier* mn, mm_struct* mm) {
  co_await kernel::CheckLive(mn->object, Cause::kFreedNotifierUsed);
  co_await kernel::FaultPoint(faults::Point::kReleaseBeforeCallback,
                              mm->object.id);
  co_await Enter(mn, Method::kRelease, 0, UINT64_MAX);
  co_await kernel::CheckLive(mn->object, Cause::kFreedNotifierUsed);
  CheckMayBeCalled(mn, Method::kRelease);
  mn->release_count += 1;
  if (mn->release_count > 1) {
    kernel::ReportHere(Checker::kReleaseCount, Cause::kReleaseTwice,
                       mn->object.key(), mn->release_count);
  }
  if (mn->ops->release != nullptr) {
    mn->release_running += 1;
    Entered(Method::kRelease, mn, mm, 0, UINT64_MAX);
    co_await mn->ops->release(mn, mm);
    Returned(Method::kRelease, mn, mm, 0, UINT64_MAX, std::nullopt);
    mn->release_running -= 1;
  }
}

}  // namespace mmfault::notifier
