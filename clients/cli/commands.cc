// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/commands.h"

namespace mmfault::cli {

void AddCommands(CLI::App& app, Context& context) {
  app.add_option("--server", context.server,
                 "Address of a mmfaultd, HOST:PORT or unix:/PATH (default: a "
                 "server inside this process)")
      ->envname("MMFAULT_SERVER");
  app.add_option("-o,--output", context.output, "Form of the output")
      ->check(CLI::IsMember({"table", "json"}))
      ->capture_default_str();
  app.require_subcommand(1);
  app.fallthrough();
  AddRunCommands(app, context);
  AddExploreCommand(app, context);
  AddSweepCommands(app, context);
  AddReplayCommand(app, context);
  AddMinimizeCommand(app, context);
  AddInitCommand(app, context);
  AddProtocolCommands(app, context);
  AddMutantCommand(app, context);
  AddFaultCommands(app, context);
  AddWorldCommands(app, context);
  AddMmCommands(app, context);
  AddTaskCommands(app, context);
  AddNotifierCommands(app, context);
  AddDriveCommand(app, context);
  AddCompletionCommand(app, context);
  app.footer(
      "A first look:\n"
      "  mmfault init                 writes an example scenario\n"
      "  mmfault run example.textproto\n"
      "  mmfault protocol list\n"
      "\n"
      "Exit codes: 0 every expectation met, 1 one is not (explore, replay: a "
      "violation\nfound), 2 inconclusive, 64 usage or unreadable input, 125 "
      "server or "
      "network.");
}

}  // namespace mmfault::cli
