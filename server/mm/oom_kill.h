// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// oom_kill.h: taking the memory of a dying process away before it does so
// itself.
//
// Models mm/oom_kill.c's reaper and process_mrelease(), 6.1 and later. Both
// hold the struct of the mm by its count; mm_users may be 0, and exit_mmap()
// may run at the same time. Left out: who is chosen as a victim.

#ifndef MMFAULT_SERVER_MM_OOM_KILL_H_
#define MMFAULT_SERVER_MM_OOM_KILL_H_

#include "server/mm/mm_types.h"
#include "server/sched/task.h"

namespace mmfault::mm {

// process_mrelease(). `dying`: every process of the mm is about to end. 0,
// -EINVAL (not dying, and not reaped yet), -EAGAIN (a notifier could not do
// without blocking: its VMA is left as it is), -EINTR, -ENOSYS (before 6.1).
// Requires that the struct is alive.
sched::Task<int> process_mrelease(mm_struct* mm, bool dying);

// One attempt of the reaper. 0, or -EAGAIN: mmap_lock was not to be had, or a
// notifier refused. Requires that the struct is alive.
sched::Task<int> oom_reap_task_mm(mm_struct* mm);

}  // namespace mmfault::mm

#endif  // MMFAULT_SERVER_MM_OOM_KILL_H_
