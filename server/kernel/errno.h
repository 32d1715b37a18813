// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// errno.h: the error numbers of the simulated kernel, by name.
//
// The same numbers as the host's on x86-64; 512 is the kernel's own.

#ifndef MMFAULT_SERVER_KERNEL_ERRNO_H_
#define MMFAULT_SERVER_KERNEL_ERRNO_H_

#include <cerrno>
#include <optional>
#include <string>
#include <string_view>

namespace mmfault::kernel {

inline constexpr int kERestartSys = 512;

// "-EINTR" for -4, "0" for 0, "-4242" for a number without a name.
std::string ErrnoText(int rc);

// The positive number for "EINTR", "-EINTR", "4" or "-4".
std::optional<int> ParseErrno(std::string_view text);

}  // namespace mmfault::kernel

#endif  // MMFAULT_SERVER_KERNEL_ERRNO_H_
