// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/kernel/refcount.h"

namespace mmfault::kernel {

bool AtomicDecAndTest::await_resume() const {
  v->counter -= 1;
  if (v->counter < 0) {
    ReportHere(trace::Checker::kCountsSane, below_zero, op.obj);
  }
  return v->counter == 0;
}

void AtomicDec::await_resume() const {
  v->counter -= 1;
  if (v->counter < 0) {
    ReportHere(trace::Checker::kCountsSane, below_zero, op.obj);
  }
}

}  // namespace mmfault::kernel
