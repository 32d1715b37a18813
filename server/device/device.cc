// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/device/device.h"

#include "server/base/check.h"
#include "server/device/ops.h"
#include "server/device/sptes.h"
#include "server/kernel/errno.h"
#include "server/mm/fork.h"
#include "server/mm/memory.h"
#include "server/notifier/registration.h"

namespace mmfault::device {
namespace {

kernel::Point KfreeStep(kernel::ObjKey part) {
  return {{trace::OpKind::kFree, trace::Access::kWrite, part, "kfree"}};
}

}  // namespace

device* NewDevice(const Behaviour& behaviour, bool remote, Kind kind) {
  sched::World* world = kernel::ThisWorld();
  auto* dev = static_cast<device*>(world->arena().Allocate(sizeof(device)));
  CHECK(dev != nullptr);
  world->InitObject(&dev->mn.object, trace::ObjType::kNotifier);
  trace::LogRange(&dev->behaviour, sizeof dev->behaviour);
  dev->behaviour = behaviour;
  trace::LogRange(&dev->mn.driver, sizeof dev->mn.driver);
  dev->mn.driver = dev;
  trace::LogRange(&dev->interval.mn, sizeof dev->interval.mn);
  dev->interval.mn = &dev->mn;
  kernel::spin_lock_init(&dev->lock, kernel::LockClass::kDriver);
  kernel::mutex_init(&dev->driver_lock, kernel::LockClass::kDriverSleeping);
  kernel::init_waitqueue_head(&dev->queue);
  SetKind(dev, kind);
  SetRemote(dev, remote, behaviour.unimplemented);
  return dev;
}

void SetRemote(device* dev, bool remote, uint32_t unimplemented) {
  trace::LogRange(&dev->remote, sizeof dev->remote);
  dev->remote = remote;
  trace::LogRange(&dev->behaviour.unimplemented, sizeof(uint32_t));
  dev->behaviour.unimplemented = unimplemented;
  SetOps(dev);
}

void SetKind(device* dev, Kind kind) {
  trace::LogRange(&dev->kind, sizeof dev->kind);
  dev->kind = kind;
}

int Configure(device* dev, const Behaviour& behaviour) {
  const bool same = behaviour.unimplemented == dev->behaviour.unimplemented &&
                    behaviour.implemented == dev->behaviour.implemented;
  if (!same && IsRegistered(dev)) {
    return -EBUSY;
  }
  trace::LogRange(&dev->behaviour, sizeof dev->behaviour);
  dev->behaviour = behaviour;
  SetOps(dev);
  return 0;
}

Task<int> look_up(device* /*dev*/, mm_struct* mm, uint64_t address, bool write,
                  mm::page** result) {
  *result = nullptr;
  const bool alive = co_await mm::mmget_not_zero(mm);
  if (!alive) {
    co_return -ESRCH;
  }
  const int rc = co_await mm::get_user_page(mm, address, write, result);
  if (rc == 0) {
    co_await mm::put_page(*result);
  }
  co_await mm::mmput(mm);
  co_return rc;
}

Task<int> establish_page(device* dev, uint64_t address, mm::page* target,
                         uint32_t page_id, bool write) {
  co_await kernel::spin_lock(&dev->lock, "device_map");
  co_await PageStep(target, "device_map");
  if (Find(dev, address) == nullptr) {
    Install(dev, address, target, page_id, write);
  }
  co_await kernel::spin_unlock(&dev->lock, "device_map");
  co_return 0;
}

Task<> drop(device* dev, uint64_t start, uint64_t end) {
  co_await kernel::spin_lock(&dev->lock, "device_unmap");
  co_await DropLocked(dev, start, end);
  co_await kernel::spin_unlock(&dev->lock, "device_unmap");
}

Task<int> device_access(device* dev, uint64_t address, bool write) {
  co_await kernel::spin_lock(&dev->lock, "device_access");
  co_await DeviceStep(dev, "device_access");
  int rc = -EFAULT;
  const spte* entry = Find(dev, address);
  if (entry != nullptr && (entry->writable || !write)) {
    const mm::page* target = entry->target;
    if (target->object.freed() || target->object.id != entry->page_id) {
      ReportStale(trace::Cause::kDeviceWroteFreedPage, *dev, *entry);
    }
    rc = 0;
  }
  co_await kernel::spin_unlock(&dev->lock, "device_access");
  co_return rc;
}

Task<> device_stop(device* dev) {
  co_await kernel::spin_lock(&dev->lock, "device_stop");
  co_await DeviceStep(dev, "device_stop");
  dev->stopped = true;
  co_await DropLocked(dev, 0, UINT64_MAX);
  co_await kernel::spin_unlock(&dev->lock, "device_stop");
  co_await kernel::wake_up_all(&dev->queue, "device_stop");
}

Task<> device_resume(device* dev) {
  co_await kernel::spin_lock(&dev->lock, "device_resume");
  dev->stopped = dev->released.get();
  co_await kernel::spin_unlock(&dev->lock, "device_resume");
}

Task<> device_begin(device* dev) {
  if (dev->mn.registration != notifier::Registration::kNever) {
    co_await kernel::Point{{trace::OpKind::kWrite, trace::Access::kWrite,
                            dev->lock.key(), "device_restart"}};
  }
  device_restart(dev);
}

void device_restart(device* dev) {
  dev->stopped = false;
  dev->released = false;
  if (!dev->behaviour.forgets_reset) {
    dev->invalidate_count = 0;
    dev->emm_stops = 0;
  }
}

Task<> FreeDevice(device* dev) {
  mmu_notifier* mn = &dev->mn;
  const bool interval = dev->kind == Kind::kInterval;
  co_await KfreeStep(interval ? kernel::MemoryKey(&dev->interval.deferred_next)
                              : kernel::MemoryKey(&mn->hlist.next));
  mn->next_freed = true;
  if (interval) {
    co_await KfreeStep(kernel::MemoryKey(&dev->interval.tree_next));
    mn->tree_next_freed = true;
  }
  co_await KfreeStep(mn->object.key());
  notifier::FreeNotifier(mn);
}

}  // namespace mmfault::device
