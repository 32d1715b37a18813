// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// main.cc: `mmfault`, the command line.

#include <iostream>
#include <string>
#include <vector>

#include "clients/cli/commands.h"
#include "clients/cli/exit_codes.h"

namespace mmfault::cli {
namespace {

// CLI11 says of an unknown word only that something else is missing.
std::string FailureMessage(const CLI::App* app, const CLI::Error& error) {
  const std::vector<std::string> unknown = app->remaining(true);
  const std::string what =
      unknown.empty() ? error.what() : "nothing is called " + unknown.front();
  std::string command = "mmfault";
  for (const CLI::App* at = app; !at->get_subcommands().empty();) {
    at = at->get_subcommands().front();
    command += " " + at->get_name();
  }
  return "mmfault: " + what + "\n  next: " + command + " --help\n";
}

int Main(int argc, char** argv) {
  CLI::App app(
      "Finds out whether an MMU notifier, or a notifier protocol, "
      "is safe.",
      "mmfault");
  Context context;
  AddCommands(app, context);
  app.failure_message(FailureMessage);
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
