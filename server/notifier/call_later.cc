// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Methods that list notifiers got after 2008.

#include "server/notifier/call_point.h"
#include "server/notifier/ledger.h"
#include "server/notifier/message.h"

namespace mmfault::notifier {
namespace {

Task<> Enterable(mmu_notifier* mn, Method method, uint64_t start,
                 uint64_t end) {
  co_await Enter(mn, method, start, end);
  co_await kernel::CheckLive(mn->object, trace::Cause::kFreedNotifierUsed);
  CheckMayBeCalled(mn, method);
}

// A table belongs to no notifier yet.
trace::MethodCall OfTable(const mm_struct* mm) {
  trace::MethodCall call;
  call.method = MethodName(Method::kAllocNotifier);
  call.mm = mm;
  return call;
}

}  // namespace

Task<> CallInvalidateRange(mmu_notifier* mn, mm_struct* mm, uint64_t start,
                           uint64_t end) {
  if (kernel::ThisWorld()->pso()) [[unlikely]] {
    co_await ReadOps(mn);
  }
  if (mn->ops->invalidate_range == nullptr) {
    co_return;
  }
  co_await Enterable(mn, Method::kInvalidateRange, start, end);
  if (MayBeDisturbed(mn)) [[unlikely]] {
    co_await SendPages(mn, Method::kInvalidateRange, mm, start, end);
    co_return;
  }
  const uint64_t outer = Entered(Method::kInvalidateRange, mn, mm, start, end);
  co_await mn->ops->invalidate_range(mn, mm, start, end);
  Returned(outer, Method::kInvalidateRange, mn, mm, start, end, std::nullopt);
}

Task<> CallChangePte(mmu_notifier* mn, mm_struct* mm, uint64_t address,
                     mm::page* target) {
  if (kernel::ThisWorld()->pso()) [[unlikely]] {
    co_await ReadOps(mn);
  }
  if (mn->ops->change_pte == nullptr) {
    co_return;
  }
  const uint64_t end = address + mm::kPageSize;
  co_await Enterable(mn, Method::kChangePte, address, end);
  if (MayBeDisturbed(mn)) [[unlikely]] {
    co_await SendPages(mn, Method::kChangePte, mm, address, end, target);
    co_return;
  }
  const uint64_t outer = Entered(Method::kChangePte, mn, mm, address, end);
  co_await mn->ops->change_pte(mn, mm, address, target);
  Returned(outer, Method::kChangePte, mn, mm, address, end, std::nullopt);
}

Task<int> CallClearYoung(mmu_notifier* mn, mm_struct* mm, uint64_t start,
                         uint64_t end) {
  if (kernel::ThisWorld()->pso()) [[unlikely]] {
    co_await ReadOps(mn);
  }
  if (mn->ops->clear_young == nullptr) {
    co_return 0;
  }
  co_await Enterable(mn, Method::kClearYoung, start, end);
  if (MayBeDisturbed(mn)) [[unlikely]] {
    const int told =
        co_await SendPages(mn, Method::kClearYoung, mm, start, end);
    co_return told;
  }
  const uint64_t outer = Entered(Method::kClearYoung, mn, mm, start, end);
  const int young = co_await mn->ops->clear_young(mn, mm, start, end);
  Returned(outer, Method::kClearYoung, mn, mm, start, end, young);
  co_return young;
}

Task<int> CallTestYoung(mmu_notifier* mn, mm_struct* mm, uint64_t address) {
  if (kernel::ThisWorld()->pso()) [[unlikely]] {
    co_await ReadOps(mn);
  }
  if (mn->ops->test_young == nullptr) {
    co_return 0;
  }
  const uint64_t end = address + mm::kPageSize;
  co_await Enterable(mn, Method::kTestYoung, address, end);
  if (MayBeDisturbed(mn)) [[unlikely]] {
    const int told =
        co_await SendPages(mn, Method::kTestYoung, mm, address, end);
    co_return told;
  }
  const uint64_t outer = Entered(Method::kTestYoung, mn, mm, address, end);
  const int young = co_await mn->ops->test_young(mn, mm, address);
  Returned(outer, Method::kTestYoung, mn, mm, address, end, young);
  co_return young;
}

Task<int> CallAllocNotifier(const mmu_notifier_ops* ops, mm_struct* mm,
                            mmu_notifier** result) {
  *result = nullptr;
  if (MethodsObserved()) [[unlikely]] {
    TellEntry(OfTable(mm));
  }
  const int rc = co_await ops->alloc_notifier(ops, mm, result);
  if (MethodsObserved()) [[unlikely]] {
    trace::MethodCall call = OfTable(mm);
    call.object_id = *result == nullptr ? 0 : (*result)->object.id;
    TellReturn(call, rc);
  }
  co_return rc;
}

Task<> CallFreeNotifier(mmu_notifier* mn, mm_struct* mm) {
  co_await Enterable(mn, Method::kFreeNotifier, 0, 0);
  EndRegistration(mn);
  const uint64_t outer = Entered(Method::kFreeNotifier, mn, mm, 0, 0);
  co_await mn->ops->free_notifier(mn);
  Returned(outer, Method::kFreeNotifier, mn, mm, 0, 0, std::nullopt);
}

}  // namespace mmfault::notifier
