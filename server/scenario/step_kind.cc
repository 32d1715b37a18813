// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include <array>

#include "server/scenario/program.h"

namespace mmfault::scenario {

const char* StepKindName(StepKind kind) {
  static constexpr std::array kNames = {
      "mmap",
      "munmap",
      "touch",
      "mprotect",
      "madvise",
      "fork",
      "truncate",
      "reclaim",
      "mmget",
      "mmget_not_zero",
      "mmput",
      "mmgrab",
      "mmdrop",
      "exit",
      "force_teardown",
      "exit_mmap",
      "register",
      "unregister",
      "look_up",
      "establish",
      "device_access",
      "drop",
      "free",
      "signal",
      "set_signal",
      "set_capability",
      "yield_cpu",
      "sleep",
      "post",
      "wait_for",
      "mremap",
      "brk",
      "punch_hole",
      "writeback",
      "msync",
      "move_pages",
      "ksm_scan",
      "clear_refs",
      "process_mrelease",
      "oom_reap",
      "access_remote_vm",
      "exec",
      "collapse_file",
      "get",
      "put",
      "insert",
      "remove",
      "read_begin",
      "read_retry",
      "synchronize",
      "configure",
      "has_notifiers",
      "join",
      "mark",
  };
  return kNames[static_cast<std::size_t>(kind)];
}

}  // namespace mmfault::scenario
