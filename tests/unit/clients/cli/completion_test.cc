// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/completion.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "clients/cli/commands.h"

namespace mmfault::cli {
namespace {

TEST(BashCompletionTest, KnowsEveryCommandAndItsOptions) {
  CLI::App app("test", "mmfault");
  Context context;
  AddCommands(app, context);
  const std::string script = BashCompletion(app);
  for (const CLI::App* command : app.get_subcommands({})) {
    EXPECT_NE(script.find("'" + command->get_name() + "') words="),
              std::string::npos)
        << command->get_name();
  }
  EXPECT_NE(script.find("'world create') words='--help"), std::string::npos);
}

// What a user reads first: each command says what it does.
TEST(CommandsTest, EveryCommandAndOptionHasItsDescription) {
  CLI::App app("test", "mmfault");
  Context context;
  AddCommands(app, context);
  for (const CLI::App* noun : app.get_subcommands({})) {
    EXPECT_FALSE(noun->get_description().empty()) << noun->get_name();
    for (const CLI::App* verb : noun->get_subcommands({})) {
      EXPECT_FALSE(verb->get_description().empty()) << verb->get_name();
      for (const CLI::Option* option : verb->get_options()) {
        EXPECT_FALSE(option->get_description().empty()) << option->get_name();
      }
    }
  }
}

}  // namespace
}  // namespace mmfault::cli
