// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// ops.h: the notifier methods of a device, modelled or remote.

#ifndef MMFAULT_SERVER_DEVICE_OPS_H_
#define MMFAULT_SERVER_DEVICE_OPS_H_

#include "server/device/device.h"

namespace mmfault::device {

// Makes the device's tables of methods: what it does not have is null, so
// protocols see a driver without it.
void SetOps(device* dev);

}  // namespace mmfault::device

#endif  // MMFAULT_SERVER_DEVICE_OPS_H_
