// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// device.h: a driver with a secondary MMU, behind a notifier.
//
// The device keeps mappings (sptes) of an mm's pages without holding references
// on them, and relies on its notifier to learn when they go. It is either
// modelled here, with behaviours that may be wrong on purpose, or remote: then
// a client answers its callbacks (device/remote.h) and only the table of
// mappings, as the client reports it, is kept here.
//
// The modelled device follows virt/kvm/kvm_main.c: invalidate_range_start
// counts an invalidation in progress and drops, invalidate_range_end moves the
// sequence on and counts down, and a fault maps only if neither moved since it
// looked the page up, checked under the device's lock.
//
// An interval device has an mmu_interval_notifier, whose sequence stands for
// count and sequence; a get/put device is alive from alloc_notifier() to
// free_notifier(), and its id outlives it.
//
// Locks: device->lock, a spinlock, is innermost; callbacks take
// it. Establish calls get_user_page() without it.

#ifndef MMFAULT_SERVER_DEVICE_DEVICE_H_
#define MMFAULT_SERVER_DEVICE_DEVICE_H_

#include <array>
#include <cstdint>

#include "server/device/behaviour.h"
#include "server/kernel/lock.h"
#include "server/kernel/wait.h"
#include "server/mm/page.h"
#include "server/notifier/call.h"
#include "server/notifier/protocol.h"
#include "server/sched/task.h"

namespace mmfault::device {

using mm::mm_struct;
using mm::mmu_notifier_range;
using notifier::Kind;
using notifier::mmu_interval_notifier;
using notifier::mmu_notifier;
using sched::Task;

// A mapping of the device.
struct spte {
  sched::Object object;
  Cell<uint64_t> address;
  Cell<mm::page*> target;
  Cell<uint32_t> page_id;  // the page's number: its generation
  Cell<bool> writable;
  Cell<spte*> next;
};

struct device {
  mmu_notifier mn;  // first: the notifier's memory is the device's
  Kind kind;        // changes only while it is registered nowhere
  bool remote;
  Behaviour behaviour;
  notifier::mmu_notifier_ops ops;  // what mn.ops points to: its module
  mmu_interval_notifier interval;  // kInterval
  // Of an interval in two passes, as drivers embed it: one at a time.
  notifier::mmu_interval_notifier_finish finish;
  Cell<bool> finish_used;       // lock
  Cell<uint64_t> finish_start;  // lock
  Cell<uint64_t> finish_end;    // lock
  kernel::mutex driver_lock;    // what locks_around_fault is about
  kernel::spinlock_t lock;
  kernel::wait_queue_head_t queue;  // faults that wait for count == 0
  Cell<uint64_t> invalidate_count;  // lock; invalidations in progress
  Cell<uint64_t> invalidate_seq;    // lock
  // By task: whether its open sections were counted (count.h).
  std::array<Cell<uint64_t>, sched::kMaxTasks> counted;
  Cell<uint32_t> emm_stops;  // lock; part of invalidate_count
  Cell<spte*> sptes;         // lock
  Cell<uint64_t> spte_count;
  Cell<mm_struct*> last_mm;  // of the last register, whatever came of it
  Cell<bool> stopped;        // released, or told to stop: maps nothing any more
  Cell<bool> released;       // lock; nobody will tell it to drop anything
  std::array<Cell<uint32_t>, notifier::kMethodCount> deliveries;
  std::array<Cell<uint32_t>, notifier::kMethodCount> nonzero;
};

inline device* DeviceOf(mmu_notifier* mn) {
  return reinterpret_cast<device*>(mn);
}

// Whether its notifier is there and registered.
inline bool IsRegistered(const device* dev) {
  return !dev->mn.object.freed() &&
         dev->mn.registration == notifier::Registration::kRegistered;
}

inline device* DeviceOf(mmu_interval_notifier* sub) {
  return DeviceOf(sub->mn);
}

// A device that is registered nowhere. Inside a Scope.
device* NewDevice(const Behaviour& behaviour, bool remote,
                  Kind kind = Kind::kList);

// Changes who answers, or its form; only while it is registered nowhere.
void SetRemote(device* dev, bool remote, uint32_t unimplemented);
void SetKind(device* dev, Kind kind);

// Changes how it behaves. 0, or -EBUSY where that would change its methods
// while it is registered.
int Configure(device* dev, const Behaviour& behaviour);

// Maps a page in the device by the whole protocol. 0, -EFAULT, -ESRCH
// (mm_users is 0, or the notifier is not registered), -EBUSY (retried too
// often). `mm` is where the page is looked up: the notifier's, if the driver is
// right. Sleeps.
Task<int> establish(device* dev, mm_struct* mm, uint64_t address, bool write);

// Looks a page up for the driver's own fault path, without a mapping; drops
// the reference at once, so the page may go at any time. Sleeps.
Task<int> look_up(device* dev, mm_struct* mm, uint64_t address, bool write,
                  mm::page** result);

// Maps this very page, unchecked: the caller has checked.
Task<int> establish_page(device* dev, uint64_t address, mm::page* target,
                         uint32_t page_id, bool write);

// Drops the mappings in [start, end).
Task<> drop(device* dev, uint64_t start, uint64_t end);

// Whether it maps that page, by its number too.
bool Maps(const device* dev, const mm::page* p);

// The device uses its mapping: 0, or -EFAULT without one. Reports a stale one.
Task<int> device_access(device* dev, uint64_t address, bool write);

// The owner frees the device's memory. Walkers look at its links to find the
// next one, so what frees is a step on each link: each use of a link comes
// before or after.
Task<> FreeDevice(device* dev);

// The driver is told that its notifier is gone: nothing is mapped, nobody
// waits for an end that will not come.
Task<> device_stop(device* dev);
// It goes on as before: the notifier could not be taken away.
Task<> device_resume(device* dev);
// Everything is as at the beginning. `begin`: before a registration, as a step
// on its lock where callbacks of an earlier one may still be running.
void device_restart(device* dev);
Task<> device_begin(device* dev);

}  // namespace mmfault::device

#endif  // MMFAULT_SERVER_DEVICE_DEVICE_H_
