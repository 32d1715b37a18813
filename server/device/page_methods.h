// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// page_methods.h: the methods that a device has only if it says so: flushes of
// shared page tables, replaced ptes, idle tracking.

#ifndef MMFAULT_SERVER_DEVICE_PAGE_METHODS_H_
#define MMFAULT_SERVER_DEVICE_PAGE_METHODS_H_

#include <cstdint>

#include "server/notifier/subscription.h"

namespace mmfault::device {

// Those whose bit, by Method, is in `implemented`.
void AddPageMethods(uint32_t implemented, notifier::mmu_notifier_ops* ops);

}  // namespace mmfault::device

#endif  // MMFAULT_SERVER_DEVICE_PAGE_METHODS_H_
