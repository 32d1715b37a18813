// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// interval.h: an interval device: its invalidate(), and its fault path.
//
// Models drivers/infiniband/core/umem_odp.c and lib/test_hmm.c: the fault path
// reads the sequence, looks the page up, and maps it under the driver's lock
// only if the sequence is still the same; invalidate() takes the same lock,
// tries only where it may not block, and sets the sequence always.

#ifndef MMFAULT_SERVER_DEVICE_INTERVAL_H_
#define MMFAULT_SERVER_DEVICE_INTERVAL_H_

#include "server/device/device.h"

namespace mmfault::device {

// The interval's table of methods: in two passes if the device implements
// INVALIDATE_RANGE_START, which then names the first of them.
const notifier::mmu_interval_notifier_ops* IntervalOpsFor(bool remote,
                                                          bool two_passes);

// One try of the fault path; -EAGAIN when an invalidation came in between,
// -EFAULT outside the interval. Sleeps.
Task<int> TryEstablishInterval(device* dev, mm_struct* mm, uint64_t address,
                               bool write);

}  // namespace mmfault::device

#endif  // MMFAULT_SERVER_DEVICE_INTERVAL_H_
