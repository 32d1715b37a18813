// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// names.h: the words of the trigger grammar, and the numbers they stand for.
//
// Errno and signal numbers are those of x86-64, whatever the host: a trigger
// means the same everywhere.

#ifndef MMFAULT_FAULTS_TRIGGER_NAMES_H_
#define MMFAULT_FAULTS_TRIGGER_NAMES_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "faults/term.h"

namespace mmfault::faults {

inline constexpr int64_t kMaxErrno = 4095;  // the kernel's MAX_ERRNO
inline constexpr int64_t kMaxSignal = 64;   // _NSIG

// The number of "ENOMEM"; nothing for a name that is not known.
std::optional<int64_t> ErrnoOf(std::string_view name);

// "ENOMEM" for 12; "4000" for a number without a name.
std::string ErrnoName(int64_t number);
std::span<const std::string_view> ErrnoNames();

// The same for signals: "SIGKILL" or "KILL" is 9.
std::optional<int64_t> SignalOf(std::string_view name);
std::string SignalName(int64_t number);
std::span<const std::string_view> SignalNames();

// Action words, in the order in which messages list them.
std::span<const std::string_view> ActionNames();
// The action of a word, kTeardownKill for both teardowns; kNone when unknown.
ActionKind ActionOf(std::string_view name);

}  // namespace mmfault::faults

#endif  // MMFAULT_FAULTS_TRIGGER_NAMES_H_
