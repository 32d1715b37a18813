// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/device/interval.h"

#include "server/device/context.h"
#include "server/device/remote.h"
#include "server/device/sptes.h"
#include "server/kernel/errno.h"
#include "server/mm/memory.h"
#include "server/notifier/registration.h"

namespace mmfault::device {
namespace {

using notifier::mmu_interval_notifier_finish;
using notifier::mmu_interval_notifier_ops;
using notifier::mmu_interval_set_seq;

// The driver's lock, or false where that could mean waiting and it may not.
Task<bool> LockFor(device* dev, bool blockable) {
  if (blockable) {
    co_await kernel::spin_lock(&dev->lock, "device_invalidate");
    co_return true;
  }
  const bool got =
      co_await kernel::spin_trylock(&dev->lock, "device_invalidate");
  co_return got;
}

// Up to where the passes part: false when it answers false.
Task<bool> Begin(device* dev, const mmu_notifier_range* range) {
  co_await Prologue(dev, Method::kIntervalInvalidate, range->mm, range->start,
                    range->end);
  const int rc =
      co_await AnswerOf(dev, Method::kIntervalInvalidate, range->blockable);
  co_return rc >= 0;
}

// P29: waits for the end of the invalidation that it is a part of.
Task<> RemoveInside(device* dev) {
  if (dev->behaviour.removes_in_invalidate &&
      dev->mn.registration == notifier::Registration::kRegistered) {
    co_await notifier::Remove(*CurrentProtocol(), &dev->interval);
  }
}

Task<bool> Invalidate(mmu_interval_notifier* sub,
                      const mmu_notifier_range* range, uint64_t cur_seq) {
  device* dev = DeviceOf(sub);
  const bool begun = co_await Begin(dev, range);
  if (!begun) {
    co_return false;
  }
  const Readiness ready = co_await AwaitDevice(dev, range->blockable);
  if (ready == Readiness::kWouldBlock) {
    co_return false;
  }
  const bool locked = co_await LockFor(dev, range->blockable);
  if (!locked) {
    co_return false;
  }
  if (!dev->behaviour.forgets_set_seq) {
    co_await mmu_interval_set_seq(sub, cur_seq);
  }
  if (ready == Readiness::kReady && !dev->behaviour.forgets_invalidate) {
    co_await DropRange(dev, range);
  }
  co_await kernel::spin_unlock(&dev->lock, "device_invalidate");
  co_await RemoveInside(dev);
  co_return true;
}

// The first pass leaves the dropping to the second, unless another invalidation
// has the token. As drivers/gpu/drm/xe/xe_userptr.c, v7.3.
Task<bool> InvalidateStart(mmu_interval_notifier* sub,
                           const mmu_notifier_range* range, uint64_t cur_seq,
                           mmu_interval_notifier_finish** finish) {
  device* dev = DeviceOf(sub);
  const bool begun = co_await Begin(dev, range);
  if (!begun) {
    co_return false;
  }
  const bool locked = co_await LockFor(dev, range->blockable);
  if (!locked) {
    co_return false;
  }
  if (!dev->behaviour.forgets_set_seq) {
    co_await mmu_interval_set_seq(sub, cur_seq);
  }
  if (dev->finish_used) {
    co_await DropRange(dev, range);
  } else {
    dev->finish_used = true;
    dev->finish_start = range->start;
    dev->finish_end = range->end;
    *finish = &dev->finish;
  }
  co_await kernel::spin_unlock(&dev->lock, "device_invalidate");
  co_return true;
}

Task<> InvalidateFinish(mmu_interval_notifier_finish* finish) {
  device* dev = DeviceOf(finish->notifier);
  dev->deliveries[static_cast<size_t>(Method::kIntervalFinish)] += 1;
  co_await AwaitDevice(dev, kernel::Current()->non_block_count == 0);
  co_await kernel::spin_lock(&dev->lock, "device_invalidate_finish");
  if (!dev->behaviour.forgets_invalidate) {
    co_await DropLocked(dev, dev->finish_start, dev->finish_end);
  }
  dev->finish_used = false;
  co_await kernel::spin_unlock(&dev->lock, "device_invalidate_finish");
  co_await RemoveInside(dev);
}

// The sequence is set when the answer takes effect.
Task<bool> RemoteInvalidate(mmu_interval_notifier* sub,
                            const mmu_notifier_range* range, uint64_t cur_seq) {
  const int rc = co_await CallRemote(DeviceOf(sub), Method::kIntervalInvalidate,
                                     range->mm, *range, true, cur_seq);
  co_return rc >= 0;
}

constexpr mmu_interval_notifier_ops kOnePass = {Invalidate, nullptr, nullptr};
constexpr mmu_interval_notifier_ops kTwoPasses = {Invalidate, InvalidateStart,
                                                  InvalidateFinish};
constexpr mmu_interval_notifier_ops kRemote = {RemoteInvalidate, nullptr,
                                               nullptr};

bool Covers(const mmu_interval_notifier& sub, uint64_t address) {
  return sub.start <= address && address <= sub.last;
}

// Under the driver's lock: 0 when mapped, or why not.
Task<int> MapIfCurrent(device* dev, uint64_t seq, bool unchecked,
                       uint64_t address, mm::page* target, uint32_t page_id,
                       bool write) {
  const bool collided =
      !unchecked && notifier::mmu_interval_read_retry(&dev->interval, seq);
  if (dev->stopped && !dev->behaviour.forgets_users) {
    co_return -ESRCH;
  }
  if (collided) {
    co_return -EAGAIN;
  }
  if (Find(dev, address) == nullptr) {
    co_await PageStep(target, "device_map");
    Install(dev, address, target, page_id, write);
  }
  co_return 0;
}

}  // namespace

const mmu_interval_notifier_ops* IntervalOpsFor(bool remote, bool two_passes) {
  if (remote) {
    return &kRemote;
  }
  return two_passes ? &kTwoPasses : &kOnePass;
}

Task<int> TryEstablishInterval(device* dev, mm_struct* mm, uint64_t address,
                               bool write) {
  mmu_interval_notifier* sub = &dev->interval;
  if (!Covers(*sub, address)) {
    co_return -EFAULT;
  }
  const uint64_t seq = co_await CurrentProtocol()->mmu_interval_read_begin(sub);
  mm::page* target = nullptr;
  int rc = co_await mm::get_user_page(mm, address, write, &target);
  if (rc != 0) {
    co_return rc;
  }
  const uint32_t page_id = target->object.id;
  bool unchecked = dev->behaviour.forgets_retry;
  if (dev->behaviour.retries_unlocked) {
    const uint64_t now = co_await notifier::mmu_interval_seq(sub);
    unchecked = now == seq;
  }
  co_await kernel::FaultPoint(
      faults::Point::kDeviceBeforeInstall,
      kernel::At(mm, &dev->mn, address, address + mm::kPageSize));
  co_await kernel::spin_lock(&dev->lock, "device_map");
  rc = co_await MapIfCurrent(dev, seq, unchecked, address, target, page_id,
                             write);
  co_await kernel::spin_unlock(&dev->lock, "device_map");
  co_await mm::put_page(target);
  co_return rc;
}

}  // namespace mmfault::device
