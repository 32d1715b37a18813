// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// completion.h: shell completion, made from the commands themselves.

#ifndef MMFAULT_CLIENTS_CLI_COMPLETION_H_
#define MMFAULT_CLIENTS_CLI_COMPLETION_H_

#include <CLI/CLI.hpp>
#include <string>

namespace mmfault::cli {

// A bash script that completes subcommands and options, and else file names.
std::string BashCompletion(const CLI::App& app);

}  // namespace mmfault::cli

#endif  // MMFAULT_CLIENTS_CLI_COMPLETION_H_
