// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// main.cc: `mmfault`, the command line.

#include <iostream>

#include "clients/cli/commands.h"
#include "clients/cli/exit_codes.h"

namespace mmfault::cli {
namespace {

int Main(int argc, char** argv) {
  CLI::App app(
      "Finds out whether an MMU notifier, or a notifier protocol, "
      "is safe.",
      "mmfault");
  Context context;
  AddCommands(app, context);
  if (argc == 1) {
    std::cout << app.help();
    return kExitUsage;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // --help arrives as an error with code 0.
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  return context.exit_code;
}

}  // namespace
}  // namespace mmfault::cli

int main(int argc, char** argv) { return mmfault::cli::Main(argc, argv); }
