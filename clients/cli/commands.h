// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// commands.h: the commands, a function a noun. Each adds its subcommands and
// what they do; what they do sets Context::exit_code.

#ifndef MMFAULT_CLIENTS_CLI_COMMANDS_H_
#define MMFAULT_CLIENTS_CLI_COMMANDS_H_

#include <CLI/CLI.hpp>

#include "clients/cli/context.h"

namespace mmfault::cli {

void AddRunCommands(CLI::App& app, Context& context);
void AddExploreCommand(CLI::App& app, Context& context);
void AddSweepCommands(CLI::App& app, Context& context);
void AddReplayCommand(CLI::App& app, Context& context);
void AddMinimizeCommand(CLI::App& app, Context& context);
void AddInitCommand(CLI::App& app, Context& context);
void AddProtocolCommands(CLI::App& app, Context& context);
void AddMutantCommand(CLI::App& app, Context& context);
void AddFaultCommands(CLI::App& app, Context& context);
void AddWorldCommands(CLI::App& app, Context& context);
void AddMmCommands(CLI::App& app, Context& context);
void AddTaskCommands(CLI::App& app, Context& context);
void AddNotifierCommands(CLI::App& app, Context& context);
void AddDriveCommand(CLI::App& app, Context& context);
void AddCompletionCommand(CLI::App& app, Context& context);

// Everything, and the options common to all. Both must outlive the parsing.
void AddCommands(CLI::App& app, Context& context);

}  // namespace mmfault::cli

#endif  // MMFAULT_CLIENTS_CLI_COMMANDS_H_
