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

// What a try that collided is to wait for: the end of an invalidation that was
// in progress, which moves the sequence. It was seen under the device's lock,
// so that no order of steps but those that name the lock decides about waiting.
struct Collision {
  bool happened = false;
  bool in_progress = false;
  uint64_t seq = 0;
};

bool SeqMoved(const sched::TaskRecord& task) {
  const auto* dev = static_cast<const device*>(task.op_target.get());
  return dev->invalidate_seq != task.op_arg || dev->stopped;
}

Collision Collided(const device* dev, uint64_t seq) {
  const bool in_progress = dev->invalidate_count != 0;
  const uint64_t now = dev->invalidate_seq;
  return {in_progress || now != seq, in_progress, now};
}

// What its lock guards, read without it.
kernel::Point DeviceLook(const device* dev, const char* where) {
  return {{trace::OpKind::kRead, trace::Access::kRead, dev->lock.key(), where}};
}

// One try of the fault path; -EAGAIN when an invalidation came in between.
Task<int> TryEstablish(device* dev, mm_struct* mm, uint64_t address, bool write,
                       Collision* collision) {
  // Callbacks change both under the device's lock, in the step that takes it.
  co_await DeviceLook(dev, "mmu_seq_read");
  const uint64_t seq = dev->invalidate_seq;
  mm::page* target = nullptr;
  int rc = co_await mm::get_user_page(mm, address, write, &target);
  if (rc != 0) {
    co_return rc;
  }
  const uint32_t page_id = target->object.id;
  if (dev->behaviour.retries_unlocked) {
    co_await DeviceLook(dev, "mmu_seq_read");
    *collision = Collided(dev, seq);
  }
  co_await kernel::FaultPoint(
      faults::Point::kDeviceBeforeInstall,
      kernel::At(mm, &dev->mn, address, address + mm::kPageSize));
  co_await kernel::spin_lock(&dev->lock, "device_map");
  if (!dev->behaviour.forgets_retry && !dev->behaviour.retries_unlocked) {
    *collision = Collided(dev, seq);
  }
  if (dev->stopped && !dev->behaviour.forgets_users) {
    rc = -ESRCH;
  } else if (collision->happened) {
    rc = -EAGAIN;
  } else if (Find(dev, address) == nullptr) {
    co_await PageStep(target, "device_map");
    Install(dev, address, target, page_id, write);
  }
  co_await kernel::spin_unlock(&dev->lock, "device_map");
  co_await mm::put_page(target);
  co_return rc;
}

Task<int> TryOnce(device* dev, mm_struct* mm, uint64_t address, bool write,
                  Collision* collision) {
  int rc = 0;
  if (dev->behaviour.locks_around_fault) {
    co_await LockDriver(dev);
  }
  if (dev->kind == Kind::kInterval) {
    rc = co_await TryEstablishInterval(dev, mm, address, write);
  } else {
    rc = co_await TryEstablish(dev, mm, address, write, collision);
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
    Collision collision;
    rc = co_await TryOnce(dev, mm, address, write, &collision);
    // An interval's read_begin does the waiting.
    if (rc == -EAGAIN && collision.in_progress) {
      co_await kernel::wait_event(&dev->queue, SeqMoved, dev, collision.seq,
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
