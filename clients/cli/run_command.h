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
  std::string capsule_dir;    // a capsule for each violation; empty: none
  std::string matrix_format;  // text, json, html; empty: by file or --output
  std::string matrix_file;    // empty: standard output
  bool is_matrix = false;
  std::string shard;
  int64_t seed = 0;
  int64_t schedule_count = 0;
  std::string strategy;        // empty: the scenarios' own
  int64_t step_budget = 0;     // exhaustive: steps in all; 0: the server's
  int preemption_bound = 0;    // bounded; 0: the server's
  int workers = 0;             // threads of a case; 0: one
  bool is_recheck = false;     // each case twice
  bool is_exhaustive = false;  // `explore`: goes on after what is expected
  bool is_remote = false;
  bool require_fired = false;
  std::vector<std::string> faults;  // as fault_flag.h
};

// Runs the scenarios, prints a line a case as it ends, writes the JUnit file
// and the matrix, and sets the exit code. A matrix for standard output stands
// there instead of the lines. False when it got no result.
bool RunScenarios(Context& context, const RunFlags& flags);

// The same for `mmfault explore`, whose exit code says whether anything was
// found: 1 when a promise was broken, expected or not, 0 when none was, 2 when
// a budget cut the search before.
bool ExploreScenarios(Context& context, const RunFlags& flags);

}  // namespace mmfault::cli

#endif  // MMFAULT_CLIENTS_CLI_RUN_COMMAND_H_
