// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Operations on files: their mappings are found by i_mmap, no mm is named.

#include "server/kernel/errno.h"
#include "server/mm/mmap.h"
#include "server/scenario/steps.h"

namespace mmfault::scenario {

bool IsFileStep(StepKind kind) {
  return kind == StepKind::kTruncate || kind == StepKind::kPunchHole ||
         kind == StepKind::kWriteback;
}

sched::Task<int> RunFileStep(const StepSpec* step) {
  mm::address_space* file = step->file->file;
  int rc = -EINVAL;
  switch (step->kind) {
    case StepKind::kTruncate:
      rc = co_await mm::do_truncate(file, step->a);
      break;
    case StepKind::kPunchHole:
      rc = co_await mm::punch_hole(file, step->a, step->b);
      break;
    case StepKind::kWriteback:
      rc = co_await mm::writeback(file, 0, UINT64_MAX);
      break;
    default:
      break;
  }
  co_return rc;
}

}  // namespace mmfault::scenario
