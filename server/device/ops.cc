// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/device/ops.h"

#include <array>

#include "server/device/remote.h"
#include "server/kernel/slab.h"
#include "server/notifier/registration.h"

namespace mmfault::device {
namespace {

using notifier::mmu_notifier_ops;

constexpr uint32_t Bit(Method method) {
  return 1U << static_cast<uint32_t>(method);
}

// What a modelled method does before it acts: the mistakes that are about
// context rather than about mappings.
Task<> Prologue(device* dev, Method method) {
  dev->deliveries[static_cast<size_t>(method)] += 1;
  co_await kernel::FaultPoint(faults::Point::kDeviceCallback);
  for (uint32_t i = 0; i < dev->behaviour.yield_count; ++i) {
    co_await kernel::Yield("device_callback");
  }
  if (dev->behaviour.sleeps) {
    kernel::might_sleep();
    co_await kernel::Yield("schedule");
  }
  if (dev->behaviour.allocates) {
    kernel::allocation* block =
        co_await kernel::kmalloc(64, kernel::GFP_KERNEL, "device_callback");
    kernel::kfree(block);
  }
}

int AnswerOf(device* dev, Method method, bool blockable) {
  const uint64_t hit = dev->deliveries[static_cast<size_t>(method)];
  for (uint32_t i = 0; i < dev->behaviour.answer_count; ++i) {
    const Answer& answer = dev->behaviour.answers[i];
    if (answer.method == method && (answer.hit == 0 || answer.hit == hit) &&
        (!answer.only_nonblocking || !blockable)) {
      if (answer.rc != 0) {
        dev->nonzero[static_cast<size_t>(method)] += 1;
      }
      return answer.rc;
    }
  }
  return 0;
}

Task<int> Start(mmu_notifier* mn, const mmu_notifier_range* range) {
  device* dev = DeviceOf(mn);
  co_await Prologue(dev, Method::kInvalidateRangeStart);
  const int rc = AnswerOf(dev, Method::kInvalidateRangeStart, range->blockable);
  if (rc != 0) {
    co_return rc;
  }
  co_await kernel::spin_lock(&dev->lock, "device_invalidate_start");
  dev->invalidate_count += 1;
  if (!dev->behaviour.forgets_invalidate && !dev->behaviour.drops_at_end) {
    DropLocked(dev, range->start, range->end);
  }
  co_await kernel::spin_unlock(&dev->lock, "device_invalidate_start");
  co_return 0;
}

Task<> End(mmu_notifier* mn, const mmu_notifier_range* range) {
  device* dev = DeviceOf(mn);
  co_await Prologue(dev, Method::kInvalidateRangeEnd);
  co_await kernel::spin_lock(&dev->lock, "device_invalidate_end");
  dev->invalidate_seq += 1;
  if (dev->invalidate_count != 0) {
    dev->invalidate_count -= 1;
  }
  if (dev->behaviour.drops_at_end) {
    DropLocked(dev, range->start, range->end);
  }
  co_await kernel::spin_unlock(&dev->lock, "device_invalidate_end");
  co_await kernel::wake_up_all(&dev->queue, "device_invalidate_end");
}

Task<> Page(mmu_notifier* mn, mm_struct* /*mm*/, uint64_t address) {
  device* dev = DeviceOf(mn);
  co_await Prologue(dev, Method::kInvalidatePage);
  co_await kernel::spin_lock(&dev->lock, "device_invalidate_page");
  dev->invalidate_seq += 1;
  if (!dev->behaviour.forgets_invalidate) {
    DropLocked(dev, address, address + mm::kPageSize);
  }
  co_await kernel::spin_unlock(&dev->lock, "device_invalidate_page");
}

Task<int> Young(mmu_notifier* mn, mm_struct* /*mm*/, uint64_t /*start*/,
                uint64_t /*end*/) {
  device* dev = DeviceOf(mn);
  dev->deliveries[static_cast<size_t>(Method::kClearFlushYoung)] += 1;
  co_return AnswerOf(dev, Method::kClearFlushYoung, false);
}

Task<> Release(mmu_notifier* mn, mm_struct* /*mm*/) {
  device* dev = DeviceOf(mn);
  co_await Prologue(dev, Method::kRelease);
  co_await kernel::spin_lock(&dev->lock, "device_release");
  dev->stopped = true;
  dev->invalidate_seq += 1;
  if (!dev->behaviour.forgets_release) {
    DropLocked(dev, 0, UINT64_MAX);
  }
  co_await kernel::spin_unlock(&dev->lock, "device_release");
  co_await kernel::wake_up_all(&dev->queue, "device_release");
  if (dev->behaviour.frees_in_release) {
    notifier::FreeNotifier(mn);
  }
}

// EMM: maps nothing of the whole address space from stop to start. As an
// invalidation of everything. One that was registered in between is told to
// start, and ignores it.
Task<> EmmStop(mmu_notifier* mn, mm_struct* /*mm*/) {
  device* dev = DeviceOf(mn);
  co_await Prologue(dev, Method::kEmmStop);
  co_await kernel::spin_lock(&dev->lock, "device_emm_stop");
  dev->invalidate_count += 1;
  dev->emm_stops += 1;
  if (!dev->behaviour.forgets_invalidate) {
    DropLocked(dev, 0, UINT64_MAX);
  }
  co_await kernel::spin_unlock(&dev->lock, "device_emm_stop");
}

Task<> EmmStart(mmu_notifier* mn, mm_struct* /*mm*/) {
  device* dev = DeviceOf(mn);
  co_await Prologue(dev, Method::kEmmStart);
  co_await kernel::spin_lock(&dev->lock, "device_emm_start");
  if (dev->emm_stops != 0) {
    dev->emm_stops -= 1;
    dev->invalidate_count -= 1;
    dev->invalidate_seq += 1;
  }
  co_await kernel::spin_unlock(&dev->lock, "device_emm_start");
  co_await kernel::wake_up_all(&dev->queue, "device_emm_start");
}

mmu_notifier_range PlainRange(mm_struct* mm, uint64_t start, uint64_t end) {
  return {mm, start, end, mm::Event::kUnmap, true};
}

Task<int> RemoteStart(mmu_notifier* mn, const mmu_notifier_range* range) {
  const int rc = co_await CallRemote(
      DeviceOf(mn), Method::kInvalidateRangeStart, range->mm, *range, true);
  co_return rc;
}

Task<> RemoteEnd(mmu_notifier* mn, const mmu_notifier_range* range) {
  co_await CallRemote(DeviceOf(mn), Method::kInvalidateRangeEnd, range->mm,
                      *range, true);
}

Task<> RemotePage(mmu_notifier* mn, mm_struct* mm, uint64_t address) {
  co_await CallRemote(DeviceOf(mn), Method::kInvalidatePage, mm,
                      PlainRange(mm, address, address + mm::kPageSize), false);
}

Task<int> RemoteYoung(mmu_notifier* mn, mm_struct* mm, uint64_t start,
                      uint64_t end) {
  const int rc = co_await CallRemote(DeviceOf(mn), Method::kClearFlushYoung, mm,
                                     PlainRange(mm, start, end), false);
  co_return rc;
}

Task<> RemoteRelease(mmu_notifier* mn, mm_struct* mm) {
  co_await CallRemote(DeviceOf(mn), Method::kRelease, mm,
                      PlainRange(mm, 0, UINT64_MAX), false);
}

constexpr mmu_notifier_ops ModelledOps() {
  mmu_notifier_ops ops = {};
  ops.release = Release;
  ops.clear_flush_young = Young;
  ops.invalidate_page = Page;
  ops.invalidate_range_start = Start;
  ops.invalidate_range_end = End;
  ops.emm_stop = EmmStop;
  ops.emm_start = EmmStart;
  return ops;
}

// A remote device is not asked to stop: it is a driver without that operation.
constexpr mmu_notifier_ops RemoteOps() {
  mmu_notifier_ops ops = {};
  ops.release = RemoteRelease;
  ops.clear_flush_young = RemoteYoung;
  ops.invalidate_page = RemotePage;
  ops.invalidate_range_start = RemoteStart;
  ops.invalidate_range_end = RemoteEnd;
  return ops;
}

constexpr mmu_notifier_ops Ops(bool remote, uint32_t unimplemented) {
  mmu_notifier_ops ops = remote ? RemoteOps() : ModelledOps();
  if ((unimplemented & Bit(Method::kRelease)) != 0) {
    ops.release = nullptr;
  }
  if ((unimplemented & Bit(Method::kClearFlushYoung)) != 0) {
    ops.clear_flush_young = nullptr;
  }
  if ((unimplemented & Bit(Method::kInvalidatePage)) != 0) {
    ops.invalidate_page = nullptr;
  }
  if ((unimplemented & Bit(Method::kInvalidateRangeStart)) != 0) {
    ops.invalidate_range_start = nullptr;
  }
  if ((unimplemented & Bit(Method::kInvalidateRangeEnd)) != 0) {
    ops.invalidate_range_end = nullptr;
  }
  return ops;
}

// Ops tables are constants: one for each set of missing methods.
constexpr uint32_t kMethodBits = 6;
using Tables = std::array<mmu_notifier_ops, size_t{2} << kMethodBits>;

constexpr Tables AllOps() {
  Tables tables = {};
  for (uint32_t bits = 0; bits < (1U << kMethodBits); ++bits) {
    tables[bits] = Ops(false, bits);
    tables[bits | (1U << kMethodBits)] = Ops(true, bits);
  }
  return tables;
}

constexpr Tables kTables = AllOps();

}  // namespace

const mmu_notifier_ops* OpsFor(bool remote, uint32_t unimplemented) {
  const uint32_t bits = unimplemented & ((1U << kMethodBits) - 1);
  return &kTables[bits | (remote ? 1U << kMethodBits : 0)];
}

}  // namespace mmfault::device
