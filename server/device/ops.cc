// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/device/ops.h"

#include "server/device/context.h"
#include "server/device/count.h"
#include "server/device/get_put.h"
#include "server/device/interval.h"
#include "server/device/page_methods.h"
#include "server/device/remote.h"
#include "server/device/sptes.h"
#include "server/kernel/errno.h"
#include "server/notifier/registration.h"

namespace mmfault::device {
namespace {

using notifier::mmu_notifier_ops;

Task<int> Start(mmu_notifier* mn, const mmu_notifier_range* range) {
  device* dev = DeviceOf(mn);
  co_await Prologue(dev, Method::kInvalidateRangeStart, range->mm, range->start,
                    range->end);
  const int rc =
      co_await AnswerOf(dev, Method::kInvalidateRangeStart, range->blockable);
  if (rc != 0) {
    co_return rc;
  }
  const Readiness ready = co_await AwaitDevice(dev, range->blockable);
  if (ready == Readiness::kWouldBlock) {
    co_return -EAGAIN;
  }
  co_await kernel::spin_lock(&dev->lock, "device_invalidate_start");
  CountStart(dev, range);
  if (ready == Readiness::kReady && !dev->behaviour.forgets_invalidate &&
      !dev->behaviour.drops_at_end) {
    co_await DropRange(dev, range);
  }
  co_await kernel::spin_unlock(&dev->lock, "device_invalidate_start");
  co_return 0;
}

Task<> End(mmu_notifier* mn, const mmu_notifier_range* range) {
  device* dev = DeviceOf(mn);
  co_await Prologue(dev, Method::kInvalidateRangeEnd, range->mm, range->start,
                    range->end);
  co_await kernel::spin_lock(&dev->lock, "device_invalidate_end");
  CountEnd(dev, range);
  if (dev->behaviour.drops_at_end) {
    co_await DropRange(dev, range);
  }
  co_await kernel::spin_unlock(&dev->lock, "device_invalidate_end");
  co_await kernel::wake_up_all(&dev->queue, "device_invalidate_end");
}

Task<> Page(mmu_notifier* mn, mm_struct* mm, uint64_t address) {
  device* dev = DeviceOf(mn);
  co_await Prologue(dev, Method::kInvalidatePage, mm, address,
                    address + mm::kPageSize);
  co_await kernel::spin_lock(&dev->lock, "device_invalidate_page");
  dev->invalidate_seq += 1;
  if (!dev->behaviour.forgets_invalidate) {
    co_await DropLocked(dev, address, address + mm::kPageSize);
  }
  co_await kernel::spin_unlock(&dev->lock, "device_invalidate_page");
}

Task<int> Young(mmu_notifier* mn, mm_struct* /*mm*/, uint64_t /*start*/,
                uint64_t /*end*/) {
  device* dev = DeviceOf(mn);
  dev->deliveries[static_cast<size_t>(Method::kClearFlushYoung)] += 1;
  const int rc = co_await AnswerOf(dev, Method::kClearFlushYoung, false);
  co_return rc;
}

// P30: deadlocks where the caller holds it, or waits for who does.
Task<> LockOtherMm(const device* dev) {
  const Cell<mm_struct*>* other = dev->behaviour.release_locks_mm;
  mm_struct* mm = other == nullptr ? nullptr : other->get();
  if (mm != nullptr && !mm->object.freed()) {
    co_await kernel::down_read(&mm->mmap_sem, "device_release");
    co_await kernel::up_read(&mm->mmap_sem, "device_release");
  }
}

Task<> Release(mmu_notifier* mn, mm_struct* mm) {
  device* dev = DeviceOf(mn);
  co_await Prologue(dev, Method::kRelease, mm, 0, UINT64_MAX);
  co_await LockOtherMm(dev);
  co_await kernel::spin_lock(&dev->lock, "device_release");
  dev->stopped = true;
  dev->released = true;
  dev->invalidate_seq += 1;
  if (!dev->behaviour.forgets_release) {
    co_await DropLocked(dev, 0, UINT64_MAX);
  }
  co_await kernel::spin_unlock(&dev->lock, "device_release");
  co_await kernel::wake_up_all(&dev->queue, "device_release");
  if (dev->behaviour.frees_in_release) {
    co_await FreeDevice(dev);
  }
}

// EMM: maps nothing of the whole address space from stop to start. As an
// invalidation of everything. One that was registered in between is told to
// start, and ignores it.
Task<> EmmStop(mmu_notifier* mn, mm_struct* mm) {
  device* dev = DeviceOf(mn);
  co_await Prologue(dev, Method::kEmmStop, mm, 0, UINT64_MAX);
  co_await kernel::spin_lock(&dev->lock, "device_emm_stop");
  dev->invalidate_count += 1;
  dev->emm_stops += 1;
  if (!dev->behaviour.forgets_invalidate) {
    co_await DropLocked(dev, 0, UINT64_MAX);
  }
  co_await kernel::spin_unlock(&dev->lock, "device_emm_stop");
}

Task<> EmmStart(mmu_notifier* mn, mm_struct* mm) {
  device* dev = DeviceOf(mn);
  co_await Prologue(dev, Method::kEmmStart, mm, 0, UINT64_MAX);
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
  ops.alloc_notifier = AllocNotifier;
  ops.free_notifier = FreeNotifierMethod;
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
  ops.alloc_notifier = AllocNotifier;
  ops.free_notifier = RemoteFreeNotifier;
  return ops;
}

template <typename Method_>
void Without(uint32_t bits, Method method, Method_** slot) {
  if ((bits & Bit(method)) != 0) {
    *slot = nullptr;
  }
}

mmu_notifier_ops Ops(bool remote, uint32_t unimplemented) {
  mmu_notifier_ops ops = remote ? RemoteOps() : ModelledOps();
  Without(unimplemented, Method::kRelease, &ops.release);
  Without(unimplemented, Method::kClearFlushYoung, &ops.clear_flush_young);
  Without(unimplemented, Method::kInvalidatePage, &ops.invalidate_page);
  Without(unimplemented, Method::kInvalidateRangeStart,
          &ops.invalidate_range_start);
  Without(unimplemented, Method::kInvalidateRangeEnd,
          &ops.invalidate_range_end);
  return ops;
}

}  // namespace

void SetOps(device* dev) {
  const Behaviour& behaviour = dev->behaviour;
  trace::LogRange(&dev->ops, sizeof dev->ops);
  dev->ops = Ops(dev->remote, behaviour.unimplemented);
  if (!dev->remote) {
    AddPageMethods(behaviour.implemented, &dev->ops);
  }
  trace::LogRange(&dev->mn.ops, sizeof dev->mn.ops);
  dev->mn.ops = &dev->ops;
  trace::LogRange(&dev->interval.ops, sizeof dev->interval.ops);
  dev->interval.ops = IntervalOpsFor(
      dev->remote,
      (behaviour.implemented & Bit(Method::kInvalidateRangeStart)) != 0);
}

}  // namespace mmfault::device
