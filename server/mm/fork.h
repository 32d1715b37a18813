// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// fork.h: the life of an mm: creation, references, copying.
//
// Models kernel/fork.c. mm_users counts those who use the address space; at 0
// exit_mmap() runs in whoever dropped the last one. mm_count keeps the struct:
// one for all users together, one per grab. users never leaves 0 again.
//
// ForceTeardown(FORCE) sets users to 0 under its holders; what they put later
// is absorbed (mm_struct::revoked_pins).

#ifndef MMFAULT_SERVER_MM_FORK_H_
#define MMFAULT_SERVER_MM_FORK_H_

#include "server/mm/mm_types.h"
#include "server/sched/task.h"

namespace mmfault::mm {

// An empty mm with mm_users and mm_count of 1.
mm_struct* mm_alloc();

// A user more. Requires mm_users above 0; anything else is reported
// (counts_sane).
sched::Task<> mmget(mm_struct* mm);
// A user more, unless there is none.
sched::Task<bool> mmget_not_zero(mm_struct* mm);
// A user less; the last one runs exit_mmap() here and drops the struct. Sleeps.
sched::Task<> mmput(mm_struct* mm);
// The same, but it is a worker that runs exit_mmap(). Never sleeps.
sched::Task<> mmput_async(mm_struct* mm);

sched::Task<> mmgrab(mm_struct* mm);
// The last one frees the struct and what hangs on it: __mmdrop().
sched::Task<> mmdrop(mm_struct* mm);

// Copies an address space. Returns 0, -ENOMEM, or -EINTR where the era waits
// killably; the child is complete, or has what was copied so far and is to be
// put by the caller. Notifiers are not copied.
sched::Task<int> dup_mmap(mm_struct* child, mm_struct* parent);

// execve(): waits until nobody changes the old map any more. 0, or -EINTR:
// nothing has happened. The caller then uses another mm and puts the old one.
sched::Task<int> exec_mmap(mm_struct* old);

}  // namespace mmfault::mm

#endif  // MMFAULT_SERVER_MM_FORK_H_
