// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// get_put.h: a device whose notifier is allocated by mmu_notifier_get() and
// freed by the last mmu_notifier_put().
//
// One object serves every life of it: alloc_notifier() gives its memory a new
// number, as a slab would give the same address out again.

#ifndef MMFAULT_SERVER_DEVICE_GET_PUT_H_
#define MMFAULT_SERVER_DEVICE_GET_PUT_H_

#include "server/device/device.h"

namespace mmfault::device {

Task<int> AllocNotifier(const notifier::mmu_notifier_ops* ops, mm_struct* mm,
                        mmu_notifier** result);
Task<> FreeNotifierMethod(mmu_notifier* mn);
Task<> RemoteFreeNotifier(mmu_notifier* mn);

}  // namespace mmfault::device

#endif  // MMFAULT_SERVER_DEVICE_GET_PUT_H_
