// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// The fault path of list devices, after virt/kvm/kvm_main.c.

#include "server/device/context.h"
#include "server/device/interval.h"
#include "server/device/sptes.h"
#include "server/kernel/errno.h"
#include "server/mm/fork.h"
#include "server/mm/memory.h"

namespace mmfault::device {
namespace {

constexpr uint32_t kMaxRetries = 64;

bool NoInvalidation(const sched::TaskRecord& task) {
  const auto* dev = static_cast<const device*>(task.op_target.get());
  return dev->invalidate_count == 0 || dev->stopped;
}

bool Collided(const device* dev, uint64_t seq) {
  return dev->invalidate_count != 0 || dev->invalidate_seq != seq;
}

// One try of the fault path; -EAGAIN when an invalidation came in between.
Task<int> TryEstablish(device* dev, mm_struct* mm, uint64_t address,
                       bool write) {
  const uint64_t seq =
      co_await kernel::Load(dev->invalidate_seq, "mmu_seq_read");
  mm::page* target = nullptr;
  int rc = co_await mm::get_user_page(mm, address, write, &target);
  if (rc != 0) {
    co_return rc;
  }
  const uint32_t page_id = target->object.id;
  bool retry = false;
  if (dev->behaviour.retries_unlocked) {
    retry = Collided(dev, seq);
  }
  co_await kernel::FaultPoint(
      faults::Point::kDeviceBeforeInstall,
      kernel::At(mm, &dev->mn, address, address + mm::kPageSize));
  co_await kernel::spin_lock(&dev->lock, "device_map");
  if (!dev->behaviour.forgets_retry && !dev->behaviour.retries_unlocked) {
    retry = Collided(dev, seq);
  }
  if (dev->stopped && !dev->behaviour.forgets_users) {
    rc = -ESRCH;
  } else if (retry) {
    rc = -EAGAIN;
  } else if (Find(dev, address) == nullptr) {
    co_await PageStep(target, "device_map");
    Install(dev, address, target, page_id, write);
  }
  co_await kernel::spin_unlock(&dev->lock, "device_map");
  co_await mm::put_page(target);
  co_return rc;
}

Task<int> TryOnce(device* dev, mm_struct* mm, uint64_t address, bool write) {
  int rc = 0;
  if (dev->behaviour.locks_around_fault) {
    co_await LockDriver(dev);
  }
  if (dev->kind == Kind::kInterval) {
    rc = co_await TryEstablishInterval(dev, mm, address, write);
  } else {
    rc = co_await TryEstablish(dev, mm, address, write);
  }
  if (dev->behaviour.locks_around_fault) {
    co_await UnlockDriver(dev);
  }
  co_return rc;
}

Task<int> EstablishWithUser(device* dev, mm_struct* mm, uint64_t address,
                            bool write) {
  const uint32_t tries = dev->behaviour.max_retries == 0
                             ? kMaxRetries
                             : dev->behaviour.max_retries;
  int rc = -EAGAIN;
  for (uint32_t i = 0;
       rc == -EAGAIN && (i < tries || dev->behaviour.never_gives_up); ++i) {
    rc = co_await TryOnce(dev, mm, address, write);
    // An interval's read_begin does the waiting.
    if (rc == -EAGAIN && dev->kind != Kind::kInterval) {
      co_await kernel::wait_event(&dev->queue, NoInvalidation, dev, 0,
                                  "device_fault_retry");
    }
  }
  co_return rc == -EAGAIN ? -EBUSY : rc;
}

}  // namespace

Task<int> establish(device* dev, mm_struct* mm, uint64_t address, bool write) {
  if (dev->behaviour.forgets_users) {
    const int rc = co_await EstablishWithUser(dev, mm, address, write);
    co_return rc;
  }
  if (dev->mn.registration != notifier::Registration::kRegistered) {
    co_return -ESRCH;
  }
  const bool alive = co_await mm::mmget_not_zero(mm);
  if (!alive) {
    co_return -ESRCH;
  }
  const int rc = co_await EstablishWithUser(dev, mm, address, write);
  co_await mm::mmput(mm);
  co_return rc;
}

}  // namespace mmfault::device
