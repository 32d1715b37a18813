// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// sptes.h: the table of what a device maps. All of it under dev->lock.

#ifndef MMFAULT_SERVER_DEVICE_SPTES_H_
#define MMFAULT_SERVER_DEVICE_SPTES_H_

#include <cstdint>

#include "server/device/device.h"

namespace mmfault::device {

// The step that changes or uses the table.
inline kernel::Point DeviceStep(device* dev, const char* where) {
  return {{trace::OpKind::kWrite,
           trace::Access::kWrite,
           {trace::ObjType::kDevice, dev->mn.object.id},
           where}};
}

spte* Find(const device* dev, uint64_t address);

// Reports a mapping of a page that is gone, and one after release() (P23).
void Install(device* dev, uint64_t address, mm::page* target, uint32_t page_id,
             bool write);

// The step in which a page gains or loses a mapping: it races with the put that
// frees the page, which looks at their number.
inline kernel::Point PageStep(const mm::page* target, const char* where) {
  return {{trace::OpKind::kWrite, trace::Access::kWrite, target->object.key(),
           where}};
}

// Takes mappings out, each in a step of its own. The caller holds dev->lock.
Task<> DropLocked(device* dev, uint64_t start, uint64_t end);
// Those of a range that is invalidated; a device that ignores widening takes
// what was asked for.
Task<> DropRange(device* dev, const mmu_notifier_range* range);
// The same between steps, for whoever speaks for a device from outside.
void DropNow(device* dev, uint64_t start, uint64_t end);

void ReportStale(trace::Cause cause, const device& dev, const spte& entry);

}  // namespace mmfault::device

#endif  // MMFAULT_SERVER_DEVICE_SPTES_H_
