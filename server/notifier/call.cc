// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/notifier/call.h"

#include "server/notifier/call_point.h"
#include "server/notifier/message.h"

namespace mmfault::notifier {
namespace {

using trace::Cause;
using trace::Checker;

int Walker() { return kernel::ThisWorld()->current_slot(); }

}  // namespace

Task<> ReadOps(mmu_notifier* mn) {
  co_await kernel::CheckLive(mn->object, Cause::kFreedNotifierUsed);
  const bool junk = co_await kernel::Load(mn->ops_junk, "mn->ops");
  co_await kernel::BugOn{junk, Checker::kNoUseAfterFree,
                         Cause::kUninitialisedRead, mn->object.key()};
}

void CheckWalkerLocks(mmu_notifier* mn, Method method) {
  using kernel::LockClass;
  constexpr uint32_t kClasses =
      1U << static_cast<uint32_t>(LockClass::kMmap) |
      1U << static_cast<uint32_t>(LockClass::kMapping) |
      1U << static_cast<uint32_t>(LockClass::kAnonVma);
  for (const sched::HeldClass& held : kernel::Current()->held) {
    if (held.count != 0 && (kClasses >> held.lock_class & 1) != 0) {
      return;
    }
  }
  kernel::ReportHere(Checker::kWalkUnderLock, Cause::kWalkedWithoutLock,
                     mn->object.key(), static_cast<uint64_t>(method));
}

const char* MethodName(Method method) {
  static constexpr const char* kNames[] = {"",
                                           "invalidate_range_start",
                                           "invalidate_range_end",
                                           "invalidate_page",
                                           "release",
                                           "clear_flush_young",
                                           "invalidate_range",
                                           "change_pte",
                                           "clear_young",
                                           "test_young",
                                           "invalidate",
                                           "free_notifier",
                                           "alloc_notifier",
                                           "invalidate_finish",
                                           "emm_stop",
                                           "emm_start"};
  return kNames[static_cast<int>(method)];
}

Task<int> CallInvalidateRangeStart(mmu_notifier* mn,
                                   const mmu_notifier_range* range) {
  if (kernel::ThisWorld()->pso()) [[unlikely]] {
    co_await ReadOps(mn);
  }
  co_await kernel::FaultPoint(faults::Point::kInvalidateStart,
                              Place(mn, Method::kInvalidateRangeStart,
                                    range->mm, range->start, range->end));
  co_await Enter(mn, Method::kInvalidateRangeStart, range->start, range->end);
  co_await kernel::CheckLive(mn->object, Cause::kFreedNotifierUsed);
  CheckMayBeCalled(mn, Method::kInvalidateRangeStart);
  if (mn->ops->invalidate_range_start == nullptr) {
    co_return 0;
  }
  if (MayBeDisturbed(mn)) [[unlikely]] {
    const int told =
        co_await SendRange(mn, Method::kInvalidateRangeStart, *range);
    co_return told;
  }
  CountStart(mn, Walker());
  const uint64_t outer = Entered(Method::kInvalidateRangeStart, mn, *range);
  const int rc = co_await mn->ops->invalidate_range_start(mn, range);
  Returned(outer, Method::kInvalidateRangeStart, mn, *range, rc);
  if (rc != 0) {
    CountEnd(mn, Walker());  // a start that failed has no end
  }
  co_return rc;
}

Task<> CallInvalidateRangeEnd(mmu_notifier* mn,
                              const mmu_notifier_range* range) {
  if (kernel::ThisWorld()->pso()) [[unlikely]] {
    co_await ReadOps(mn);
  }
  co_await kernel::FaultPoint(faults::Point::kInvalidateEnd,
                              Place(mn, Method::kInvalidateRangeEnd, range->mm,
                                    range->start, range->end));
  co_await Enter(mn, Method::kInvalidateRangeEnd, range->start, range->end);
  co_await kernel::CheckLive(mn->object, Cause::kFreedNotifierUsed);
  CheckMayBeCalled(mn, Method::kInvalidateRangeEnd);
  if (mn->ops->invalidate_range_end == nullptr) {
    co_return;
  }
  if (MayBeDisturbed(mn)) [[unlikely]] {
    co_await SendRange(mn, Method::kInvalidateRangeEnd, *range);
    co_return;
  }
  if (mn->ops->invalidate_range_start != nullptr) {
    CountEnd(mn, Walker());
  }
  const uint64_t outer = Entered(Method::kInvalidateRangeEnd, mn, *range);
  co_await mn->ops->invalidate_range_end(mn, range);
  Returned(outer, Method::kInvalidateRangeEnd, mn, *range, std::nullopt);
}

Task<> CallInvalidatePage(mmu_notifier* mn, mm_struct* mm, uint64_t address) {
  if (kernel::ThisWorld()->pso()) [[unlikely]] {
    co_await ReadOps(mn);
  }
  co_await Enter(mn, Method::kInvalidatePage, address, address + mm::kPageSize);
  co_await kernel::CheckLive(mn->object, Cause::kFreedNotifierUsed);
  CheckMayBeCalled(mn, Method::kInvalidatePage);
  if (mn->ops->invalidate_page == nullptr) {
    co_return;
  }
  if (MayBeDisturbed(mn)) [[unlikely]] {
    co_await SendPages(mn, Method::kInvalidatePage, mm, address,
                       address + mm::kPageSize);
    co_return;
  }
  const uint64_t outer = Entered(Method::kInvalidatePage, mn, mm, address,
                                 address + mm::kPageSize);
  co_await mn->ops->invalidate_page(mn, mm, address);
  Returned(outer, Method::kInvalidatePage, mn, mm, address,
           address + mm::kPageSize, std::nullopt);
}

Task<int> CallClearFlushYoung(mmu_notifier* mn, mm_struct* mm, uint64_t start,
                              uint64_t end) {
  if (kernel::ThisWorld()->pso()) [[unlikely]] {
    co_await ReadOps(mn);
  }
  if (mn->ops->clear_flush_young == nullptr) {
    co_return 0;
  }
  co_await Enter(mn, Method::kClearFlushYoung, start, end);
  co_await kernel::CheckLive(mn->object, Cause::kFreedNotifierUsed);
  CheckMayBeCalled(mn, Method::kClearFlushYoung);
  if (MayBeDisturbed(mn)) [[unlikely]] {
    const int told =
        co_await SendPages(mn, Method::kClearFlushYoung, mm, start, end);
    co_return told;
  }
  const uint64_t outer = Entered(Method::kClearFlushYoung, mn, mm, start, end);
  const int young = co_await mn->ops->clear_flush_young(mn, mm, start, end);
  Returned(outer, Method::kClearFlushYoung, mn, mm, start, end, young);
  co_return young;
}

Task<> CallRelease(mmu_notifier* mn, mm_struct* mm) {
  if (kernel::ThisWorld()->pso()) [[unlikely]] {
    co_await ReadOps(mn);
  }
  co_await kernel::FaultPoint(faults::Point::kReleaseBeforeCallback,
                              Place(mn, Method::kRelease, mm, 0, UINT64_MAX));
  co_await Enter(mn, Method::kRelease, 0, UINT64_MAX);
  co_await kernel::CheckLive(mn->object, Cause::kFreedNotifierUsed);
  CheckMayBeCalled(mn, Method::kRelease);
  if (mn->ops->release != nullptr && MayBeDisturbed(mn)) [[unlikely]] {
    co_await SendPages(mn, Method::kRelease, mm, 0, UINT64_MAX);
    co_return;
  }
  CountRelease(mn);
  if (mn->ops->release != nullptr) {
    const uint64_t outer = Entered(Method::kRelease, mn, mm, 0, UINT64_MAX);
    co_await mn->ops->release(mn, mm);
    Returned(outer, Method::kRelease, mn, mm, 0, UINT64_MAX, std::nullopt);
  }
}

}  // namespace mmfault::notifier
