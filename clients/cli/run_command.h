// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// run_command.h: `mmfault run FILE...`.

#ifndef MMFAULT_CLIENTS_CLI_RUN_COMMAND_H_
#define MMFAULT_CLIENTS_CLI_RUN_COMMAND_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "clients/cli/context.h"
#include "clients/cli/scenario_files.h"

namespace mmfault::cli {

struct RunFlags {
  std::vector<std::string> paths;
  std::vector<std::string> protocols;
  std::vector<std::string> mutants;
  std::string junit;
  std::string shard;
  int64_t seed = 0;
  int64_t schedule_count = 0;
  bool is_remote = false;
};

// Runs the scenarios, prints a line a case as it ends, writes the JUnit file,
// and sets the exit code. False when it got no result.
bool RunScenarios(Context& context, const RunFlags& flags);

}  // namespace mmfault::cli

#endif  // MMFAULT_CLIENTS_CLI_RUN_COMMAND_H_
