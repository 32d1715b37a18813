// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// fault_commands.h: the parts of `mmfault fault`, a function a file.

#ifndef MMFAULT_CLIENTS_CLI_FAULT_COMMANDS_H_
#define MMFAULT_CLIENTS_CLI_FAULT_COMMANDS_H_

#include <CLI/CLI.hpp>

#include "clients/cli/context.h"

namespace mmfault::cli {

void AddFaultPointsCommand(CLI::App& fault, Context& context);
// plan, lease, leases
void AddFaultHolderCommands(CLI::App& fault, Context& context);
// lever pull, lift, list
void AddFaultLeverCommands(CLI::App& fault, Context& context);
// barrier, barriers
void AddFaultBarrierCommands(CLI::App& fault, Context& context);

}  // namespace mmfault::cli

#endif  // MMFAULT_CLIENTS_CLI_FAULT_COMMANDS_H_
