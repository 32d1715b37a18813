// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// access_check: which steps of scenarios touch more than they name.
//
//   access_check [--schedules N] SCENARIO|DIRECTORY...
//
// A line a finding: who wrote, the two steps, what they name, where it was seen
// first, and the two places in the code, which
// `llvm-symbolizer-19 --obj=.../access_check --inlines 0x...` turns into lines.
// 0 when there is none, 1 when there are, 64 for a file that is no scenario.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/litmus/access_check.h"

int main(int argc, char** argv) {
  std::vector<std::string> files;
  int schedules = 100;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--schedules") == 0 && i + 1 < argc) {
      schedules = std::atoi(argv[++i]);
    } else if (!std::filesystem::is_directory(argv[i])) {
      files.emplace_back(argv[i]);
    } else {
      for (const auto& entry : std::filesystem::directory_iterator(argv[i])) {
        if (entry.path().extension() == ".textproto") {
          files.push_back(entry.path());
        }
      }
    }
  }
  std::sort(files.begin(), files.end());
  mmfault::litmus::Findings found;
  for (const std::string& file : files) {
    if (!mmfault::litmus::CheckScenario(file, schedules, &found)) {
      return 64;
    }
  }
  for (const auto& [pair, first] : found) {
    std::printf("%s\n    %s\n", pair.c_str(), first.c_str());
  }
  std::printf("access_check: %zu pairs of steps touch what they do not name\n",
              found.size());
  return found.empty() ? 0 : 1;
}
