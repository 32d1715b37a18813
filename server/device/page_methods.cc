// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/device/page_methods.h"

#include "server/device/context.h"
#include "server/device/sptes.h"

namespace mmfault::device {
namespace {

// Rule: the device walks the CPU's page tables, so that dropping what it has
// cached is all. The sequence keeps a fault that looked the page up before from
// caching it after.
Task<> InvalidateRange(mmu_notifier* mn, mm_struct* mm, uint64_t start,
                       uint64_t end) {
  device* dev = DeviceOf(mn);
  co_await Prologue(dev, Method::kInvalidateRange, mm, start, end);
  co_await kernel::spin_lock(&dev->lock, "device_flush");
  dev->invalidate_seq += 1;
  if (!dev->behaviour.forgets_invalidate) {
    co_await DropLocked(dev, start, end);
  }
  co_await kernel::spin_unlock(&dev->lock, "device_flush");
}

// Rule: a mapping follows its pte, read-only, without a fault. Kernel:
// virt/kvm/kvm_main.c:kvm_mmu_notifier_change_pte(), v6.1. Differs: between
// start and end the mapping is gone, so the fault that follows maps the new
// page; what is left to do is to drop.
Task<> ChangePte(mmu_notifier* mn, mm_struct* mm, uint64_t address,
                 mm::page* /*target*/) {
  device* dev = DeviceOf(mn);
  co_await Prologue(dev, Method::kChangePte, mm, address,
                    address + mm::kPageSize);
  co_await kernel::spin_lock(&dev->lock, "device_change_pte");
  co_await DropLocked(dev, address, address + mm::kPageSize);
  co_await kernel::spin_unlock(&dev->lock, "device_change_pte");
}

Task<int> ClearYoung(mmu_notifier* mn, mm_struct* /*mm*/, uint64_t /*start*/,
                     uint64_t /*end*/) {
  device* dev = DeviceOf(mn);
  dev->deliveries[static_cast<size_t>(Method::kClearYoung)] += 1;
  const int rc = co_await AnswerOf(dev, Method::kClearYoung, false);
  co_return rc;
}

Task<int> TestYoung(mmu_notifier* mn, mm_struct* /*mm*/, uint64_t /*address*/) {
  device* dev = DeviceOf(mn);
  dev->deliveries[static_cast<size_t>(Method::kTestYoung)] += 1;
  const int rc = co_await AnswerOf(dev, Method::kTestYoung, false);
  co_return rc;
}

}  // namespace

void AddPageMethods(uint32_t implemented, notifier::mmu_notifier_ops* ops) {
  if ((implemented & Bit(Method::kInvalidateRange)) != 0) {
    ops->invalidate_range = InvalidateRange;
  }
  if ((implemented & Bit(Method::kChangePte)) != 0) {
    ops->change_pte = ChangePte;
  }
  if ((implemented & Bit(Method::kClearYoung)) != 0) {
    ops->clear_young = ClearYoung;
  }
  if ((implemented & Bit(Method::kTestYoung)) != 0) {
    ops->test_young = TestYoung;
  }
}

}  // namespace mmfault::device
