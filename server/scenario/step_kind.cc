// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <array>

#include "faults/nearest.h"
#include "server/scenario/program.h"

namespace mmfault::scenario {

namespace {

constexpr std::array kNames = {
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

}  // namespace

const char* StepKindName(StepKind kind) {
  return kNames[static_cast<std::size_t>(kind)];
}

std::optional<StepKind> FindStepKind(std::string_view name) {
  const auto* const it = std::find(kNames.begin(), kNames.end(), name);
  if (it == kNames.end()) {
    return std::nullopt;
  }
  return static_cast<StepKind>(it - kNames.begin());
}

std::string_view NearestStepKind(std::string_view name) {
  return *std::min_element(kNames.begin(), kNames.end(),
                           [name](std::string_view a, std::string_view b) {
                             return faults::EditDistance(a, name) <
                                    faults::EditDistance(b, name);
                           });
}

}  // namespace mmfault::scenario
