// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// exit_codes.h: what the command line's exit codes mean; scripts rely on them.

#ifndef MMFAULT_CLIENTS_CLI_EXIT_CODES_H_
#define MMFAULT_CLIENTS_CLI_EXIT_CODES_H_

namespace mmfault::cli {

inline constexpr int kExitOk = 0;            // Every expectation is met.
inline constexpr int kExitUnmet = 1;         // One is not; a violation found.
inline constexpr int kExitInconclusive = 2;  // Cut by a budget.
inline constexpr int kExitUsage = 64;        // Usage, or unreadable input.
inline constexpr int kExitInfrastructure = 125;  // Server, network, files.

}  // namespace mmfault::cli

#endif  // MMFAULT_CLIENTS_CLI_EXIT_CODES_H_
