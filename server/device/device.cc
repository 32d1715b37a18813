// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/device/device.h"

#include "server/base/check.h"
#include "server/device/ops.h"
#include "server/kernel/errno.h"
#include "server/mm/fork.h"
#include "server/mm/memory.h"

namespace mmfault::device {
namespace {

constexpr int kMaxRetries = 64;

kernel::Point DeviceStep(device* dev, const char* where) {
  return {{trace::OpKind::kWrite,
           trace::Access::kWrite,
           {trace::ObjType::kDevice, dev->mn.object.id},
           where}};
}

bool NoInvalidation(const sched::TaskRecord& task) {
  const auto* dev = static_cast<const device*>(task.op_target.get());
  return dev->invalidate_count == 0 || dev->stopped;
}

void ReportStale(trace::Cause cause, const device& dev, const spte& entry) {
  sched::World* world = kernel::ThisWorld();
  world->Report({.checker = trace::Checker::kNoStaleSecondaryMapping,
                 .cause = cause,
                 .task = static_cast<int8_t>(world->current_slot()),
                 .obj = entry.target->object.key(),
                 .by = dev.mn.object.key(),
                 .a = entry.address,
                 .b = entry.page_id});
}

void Install(device* dev, uint64_t address, mm::page* target, uint32_t page_id,
             bool write) {
  auto* entry = kernel::ThisWorld()->New<spte>(trace::ObjType::kNone);
  CHECK(entry != nullptr);
  entry->address = address;
  entry->target = target;
  entry->page_id = page_id;
  entry->writable = write;
  entry->next = dev->sptes;
  dev->sptes = entry;
  dev->spte_count += 1;
  if (target->object.freed() || target->object.id != page_id) {
    ReportStale(trace::Cause::kStalePageFreed, *dev, *entry);
    return;
  }
  target->spte_count += 1;
}

void Uninstall(device* dev, spte* entry) {
  mm::page* target = entry->target;
  if (!target->object.freed() && target->object.id == entry->page_id) {
    target->spte_count -= 1;
  }
  dev->spte_count -= 1;
  kernel::ThisWorld()->Delete(entry);
}

spte* Find(const device* dev, uint64_t address) {
  spte* entry = dev->sptes;
  while (entry != nullptr && entry->address != address) {
    entry = entry->next;
  }
  return entry;
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
    retry = dev->invalidate_count != 0 || dev->invalidate_seq != seq;
  }
  co_await kernel::FaultPoint(faults::Point::kDeviceBeforeInstall,
                              mm->object.id);
  co_await kernel::spin_lock(&dev->lock, "device_map");
  if (!dev->behaviour.forgets_retry && !dev->behaviour.retries_unlocked) {
    retry = dev->invalidate_count != 0 || dev->invalidate_seq != seq;
  }
  if (dev->stopped) {
    rc = -ESRCH;
  } else if (retry) {
    rc = -EAGAIN;
  } else if (Find(dev, address) == nullptr) {
    co_await DeviceStep(dev, "device_map");
    Install(dev, address, target, page_id, write);
  }
  co_await kernel::spin_unlock(&dev->lock, "device_map");
  co_await mm::put_page(target);
  co_return rc;
}

}  // namespace

device* NewDevice(const Behaviour& behaviour, bool remote) {
  sched::World* world = kernel::ThisWorld();
  auto* dev = static_cast<device*>(world->arena().Allocate(sizeof(device)));
  CHECK(dev != nullptr);
  world->InitObject(&dev->mn.object, trace::ObjType::kNotifier);
  trace::LogRange(&dev->behaviour, sizeof dev->behaviour);
  dev->behaviour = behaviour;
  trace::LogRange(&dev->mn.driver, sizeof dev->mn.driver);
  dev->mn.driver = dev;
  kernel::spin_lock_init(&dev->lock, kernel::LockClass::kDriver);
  kernel::init_waitqueue_head(&dev->queue);
  SetRemote(dev, remote, behaviour.unimplemented);
  return dev;
}

void SetRemote(device* dev, bool remote, uint32_t unimplemented) {
  trace::LogRange(&dev->remote, sizeof dev->remote);
  dev->remote = remote;
  trace::LogRange(&dev->behaviour.unimplemented, sizeof(uint32_t));
  dev->behaviour.unimplemented = unimplemented;
  trace::LogRange(&dev->mn.ops, sizeof dev->mn.ops);
  dev->mn.ops = OpsFor(remote, unimplemented);
}

Task<int> establish(device* dev, mm_struct* mm, uint64_t address, bool write) {
  if (dev->mn.registration != notifier::Registration::kRegistered) {
    co_return -ESRCH;
  }
  const bool alive = co_await mm::mmget_not_zero(mm);
  if (!alive) {
    co_return -ESRCH;
  }
  int rc = -EAGAIN;
  for (int i = 0; i < kMaxRetries && rc == -EAGAIN; ++i) {
    rc = co_await TryEstablish(dev, mm, address, write);
    if (rc == -EAGAIN) {
      co_await kernel::wait_event(&dev->queue, NoInvalidation, dev, 0,
                                  "device_fault_retry");
    }
  }
  co_await mm::mmput(mm);
  co_return rc == -EAGAIN ? -EBUSY : rc;
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
  co_await DeviceStep(dev, "device_map");
  if (Find(dev, address) == nullptr) {
    Install(dev, address, target, page_id, write);
  }
  co_await kernel::spin_unlock(&dev->lock, "device_map");
  co_return 0;
}

bool Maps(const device* dev, const mm::page* p) {
  const spte* entry = dev->sptes;
  while (entry != nullptr &&
         (entry->target != p || entry->page_id != p->object.id)) {
    entry = entry->next;
  }
  return entry != nullptr;
}

void DropLocked(device* dev, uint64_t start, uint64_t end) {
  Cell<spte*>* link = &dev->sptes;
  while (*link != nullptr) {
    spte* entry = *link;
    if (entry->address >= start && entry->address < end) {
      *link = entry->next;
      Uninstall(dev, entry);
    } else {
      link = &entry->next;
    }
  }
}

Task<> drop(device* dev, uint64_t start, uint64_t end) {
  co_await kernel::spin_lock(&dev->lock, "device_unmap");
  co_await DeviceStep(dev, "device_unmap");
  DropLocked(dev, start, end);
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
  DropLocked(dev, 0, UINT64_MAX);
  co_await kernel::spin_unlock(&dev->lock, "device_stop");
  co_await kernel::wake_up_all(&dev->queue, "device_stop");
}

void device_restart(device* dev) {
  dev->stopped = false;
  dev->invalidate_count = 0;
  dev->emm_stops = 0;
}

}  // namespace mmfault::device
