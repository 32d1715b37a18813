// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// check.h: assertions about mmfault's own invariants.
//
// CHECK is for our bugs only. A broken kernel property is a violation, which is
// data (server/trace/violation.h); a caller's mistake is an absl::Status. CHECK
// stays on in release builds and prints the replay context that the running
// world has set, so that the crash report is a bug report.
//
// Threads: the replay context is per thread.

#ifndef MMFAULT_SERVER_BASE_CHECK_H_
#define MMFAULT_SERVER_BASE_CHECK_H_

#include <cstdint>

namespace mmfault::base {

// What a crash should say about the run that was in progress.
struct ReplayContext {
  const char* scenario = "";
  const char* protocol = "";
  uint64_t seed = 0;
  uint64_t step = 0;
};

// The context of this thread; the scenario runner keeps it up to date.
ReplayContext& ThreadReplayContext();

// Prints the condition, its place and the replay context, then aborts.
[[noreturn]] void CheckFailed(const char* file, int line, const char* what);

}  // namespace mmfault::base

#define MMFAULT_CHECK(cond)                                    \
  do {                                                         \
    if (!(cond)) [[unlikely]] {                                \
      ::mmfault::base::CheckFailed(__FILE__, __LINE__, #cond); \
    }                                                          \
  } while (false)

#ifndef CHECK
#define CHECK(cond) MMFAULT_CHECK(cond)
#endif

#endif  // MMFAULT_SERVER_BASE_CHECK_H_
