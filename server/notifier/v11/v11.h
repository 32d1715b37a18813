// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// v11.h: #v11, the first list of notifiers that is registered atomically.
//
// Models "[PATCH 0 of 8] mmu notifier #v11" (Andrea Arcangeli, linux-kernel,
// 2 Apr 2008) as of its reposting on 4 Apr: a plain hlist in the mm, mm_lock()
// around registration, no RCU, no unregister, no error. Sites that clear one
// pte call invalidate_page after it, before the page is freed.
//
// Left out: nothing that a caller can tell.

#ifndef MMFAULT_SERVER_NOTIFIER_V11_V11_H_
#define MMFAULT_SERVER_NOTIFIER_V11_V11_H_

#include "server/notifier/protocol.h"

namespace mmfault::notifier {

extern const Protocol kV11;

}  // namespace mmfault::notifier

#endif  // MMFAULT_SERVER_NOTIFIER_V11_V11_H_
