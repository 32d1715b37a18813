// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "faults/trigger/names.h"

#include <algorithm>
#include <array>

namespace mmfault::faults {
namespace {

// Names beside numbers, in two arrays so that the names are a span.
constexpr std::array<std::string_view, 27> kErrnoNames = {
    "EPERM",      "ENOENT",     "ESRCH",     "EINTR",     "EIO",
    "ENXIO",      "EAGAIN",     "ENOMEM",    "EACCES",    "EFAULT",
    "EBUSY",      "EEXIST",     "ENODEV",    "EINVAL",    "ENOSPC",
    "ERANGE",     "EDEADLK",    "ENOSYS",    "ENODATA",   "EOVERFLOW",
    "EOPNOTSUPP", "ECONNRESET", "ETIMEDOUT", "ECANCELED", "EOWNERDEAD",
    "EHWPOISON",  "ERESTARTSYS"};
constexpr std::array<int16_t, 27> kErrnos = {
    1,  2,  3,  4,  5,  6,  11, 12,  13,  14,  16,  17,  19, 22,
    28, 34, 35, 38, 61, 75, 95, 104, 110, 125, 130, 133, 512};

// signal(7), in order of number; the first is 1.
constexpr std::array<std::string_view, 31> kSignalNames = {
    "SIGHUP",  "SIGINT",    "SIGQUIT", "SIGILL",    "SIGTRAP", "SIGABRT",
    "SIGBUS",  "SIGFPE",    "SIGKILL", "SIGUSR1",   "SIGSEGV", "SIGUSR2",
    "SIGPIPE", "SIGALRM",   "SIGTERM", "SIGSTKFLT", "SIGCHLD", "SIGCONT",
    "SIGSTOP", "SIGTSTP",   "SIGTTIN", "SIGTTOU",   "SIGURG",  "SIGXCPU",
    "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH",  "SIGIO",   "SIGPWR",
    "SIGSYS"};

constexpr std::array<std::string_view, 14> kActionNames = {
    "error", "signal",          "hold",     "yield",   "delay",
    "drop",  "duplicate",       "reorder",  "corrupt", "disconnect",
    "crash", "drop_capability", "teardown", "off"};
constexpr std::array<ActionKind, 14> kActions = {
    ActionKind::kError,        ActionKind::kSignal,
    ActionKind::kHold,         ActionKind::kYield,
    ActionKind::kDelay,        ActionKind::kDrop,
    ActionKind::kDuplicate,    ActionKind::kReorder,
    ActionKind::kCorrupt,      ActionKind::kDisconnect,
    ActionKind::kCrash,        ActionKind::kDropCapability,
    ActionKind::kTeardownKill, ActionKind::kNone};

}  // namespace

std::optional<int64_t> ErrnoOf(std::string_view name) {
  const auto* it = std::find(kErrnoNames.begin(), kErrnoNames.end(), name);
  if (it == kErrnoNames.end()) {
    return std::nullopt;
  }
  return kErrnos[static_cast<size_t>(it - kErrnoNames.begin())];
}

std::string ErrnoName(int64_t number) {
  const auto* it = std::find(kErrnos.begin(), kErrnos.end(), number);
  if (it == kErrnos.end()) {
    return std::to_string(number);
  }
  return std::string(kErrnoNames[static_cast<size_t>(it - kErrnos.begin())]);
}

std::span<const std::string_view> ErrnoNames() { return kErrnoNames; }

std::optional<int64_t> SignalOf(std::string_view name) {
  for (size_t i = 0; i < kSignalNames.size(); ++i) {
    if (kSignalNames[i] == name || kSignalNames[i].substr(3) == name) {
      return static_cast<int64_t>(i) + 1;
    }
  }
  return std::nullopt;
}

std::string SignalName(int64_t number) {
  if (number < 1 || number > static_cast<int64_t>(kSignalNames.size())) {
    return std::to_string(number);
  }
  return std::string(kSignalNames[static_cast<size_t>(number - 1)]);
}

std::span<const std::string_view> SignalNames() { return kSignalNames; }

std::span<const std::string_view> ActionNames() { return kActionNames; }

ActionKind ActionOf(std::string_view name) {
  const auto* it = std::find(kActionNames.begin(), kActionNames.end(), name);
  return it == kActionNames.end()
             ? ActionKind::kNone
             : kActions[static_cast<size_t>(it - kActionNames.begin())];
}

}  // namespace mmfault::faults
