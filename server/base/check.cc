// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/base/check.h"

#include <cinttypes>
#include <cstdio>
#include <cstdlib>

namespace mmfault::base {

ReplayContext& ThreadReplayContext() {
  thread_local ReplayContext context;
  return context;
}

void CheckFailed(const char* file, int line, const char* what) {
  const ReplayContext& context = ThreadReplayContext();
  std::fprintf(stderr,
               "%s:%d: CHECK failed: %s\n"
               "This is a bug of mmfault, not of the modelled code. Replay: "
               "mmfault run %s --protocol %s --seed %" PRIu64
               " --schedules 1 (step %" PRIu64 ")\n",
               file, line, what, context.scenario, context.protocol,
               context.seed, context.step);
  std::abort();
}

}  // namespace mmfault::base
