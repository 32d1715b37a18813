// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// walk.h: the notifier list of an mm and the walks over it.
//
// Models mm/mmu_notifier.c of #v11, which #v12 keeps: a plain hlist, no RCU. A
// walk is safe against register and unregister because whoever calls it holds
// mmap_sem or a rmap lock of the mm. It is not safe against ->release() at
// exit, which unlinks without a lock while a truncate or a reclaim may come in
// through the reverse maps.
//
// Left out: nothing that a caller can tell. All methods return void here, so
// what a notifier answers to range_start is ignored.

#ifndef MMFAULT_SERVER_NOTIFIER_V12_WALK_H_
#define MMFAULT_SERVER_NOTIFIER_V12_WALK_H_

#include "server/notifier/subscription.h"

namespace mmfault::notifier::v12 {

// mm->mmu_notifier_list; a struct of its own here, made with the mm.
hlist_head* ListOf(const mm_struct* mm);

// Where the hooks sit: #v11's sites.
extern const mm::Era kEra;

}  // namespace mmfault::notifier::v12

#endif  // MMFAULT_SERVER_NOTIFIER_V12_WALK_H_
