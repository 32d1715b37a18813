// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <array>
#include <string_view>

#include "faults/nearest.h"
#include "server/scenario/program.h"

namespace mmfault::scenario {

namespace {

constexpr auto kNames = std::to_array<std::string_view>({
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
});

}  // namespace

const char* StepKindName(StepKind kind) {
  // A literal. NOLINTNEXTLINE(bugprone-suspicious-stringview-data-usage)
  return kNames[static_cast<std::size_t>(kind)].data();
}

std::optional<StepKind> FindStepKind(std::string_view name) {
  const auto* const it = std::find(kNames.begin(), kNames.end(), name);
  if (it == kNames.end()) {
    return std::nullopt;
  }
  return static_cast<StepKind>(it - kNames.begin());
}

std::string_view NearestStepKind(std::string_view name) {
  return faults::NearestName(kNames, name);
}

}  // namespace mmfault::scenario
