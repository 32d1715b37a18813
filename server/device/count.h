// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// count.h: how a list device knows that an invalidation is in progress.
//
// Models the counting of virt/kvm/kvm_main.c: a count of sections under way and
// a sequence, both under the device's lock. A device that has slots counts only
// sections that meet them, and must remember which it counted.

#ifndef MMFAULT_SERVER_DEVICE_COUNT_H_
#define MMFAULT_SERVER_DEVICE_COUNT_H_

#include "server/device/device.h"

namespace mmfault::device {

// Both require dev->lock.
void CountStart(device* dev, const mmu_notifier_range* range);
void CountEnd(device* dev, const mmu_notifier_range* range);

}  // namespace mmfault::device

#endif  // MMFAULT_SERVER_DEVICE_COUNT_H_
