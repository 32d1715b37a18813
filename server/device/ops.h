// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// ops.h: the notifier methods of a device, modelled or remote.

#ifndef MMFAULT_SERVER_DEVICE_OPS_H_
#define MMFAULT_SERVER_DEVICE_OPS_H_

#include <cstdint>

#include "server/device/device.h"

namespace mmfault::device {

// The ops table for a device; a method whose bit (by Method) is set in
// `unimplemented` is null in it, so protocols see a driver without it.
const notifier::mmu_notifier_ops* OpsFor(bool remote, uint32_t unimplemented);

// Takes mappings out of the table; the caller holds dev->lock.
void DropLocked(device* dev, uint64_t start, uint64_t end);

}  // namespace mmfault::device

#endif  // MMFAULT_SERVER_DEVICE_OPS_H_
