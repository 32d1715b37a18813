// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Compares the simulator with what real kernels did. Run in the repository's
// root.
//
//   conformance [FILTER]            a line for each scenario and kernel whose
//                                   `KERNEL/SCENARIO` contains FILTER; 0 when
//                                   all of them are identical
//   conformance --rows KERNEL FILE  the rows of any scenario, for whoever
//                                   writes one

#include <fstream>
#include <iostream>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/scenario/runner.h"
#include "tests/conformance/case.h"

namespace mmfault::conformance {
namespace {

constexpr const char* kFolder = "tests/conformance";

std::string PathOf(const std::string& name) {
  return std::string(kFolder) + "/scenarios/" + name + ".textproto";
}

absl::StatusOr<v1::Scenario> ReadScenario(const std::string& path) {
  std::ifstream in(path);
  if (!in) {
    return absl::NotFoundError(path + ": cannot be read");
  }
  std::ostringstream text;
  text << in.rdbuf();
  return scenario::ParseScenario(text.str(), path);
}

int PrintRows(const std::string& version, const std::string& path) {
  const absl::StatusOr<v1::Scenario> scenario = ReadScenario(path);
  absl::StatusOr<std::vector<Row>> rows =
      scenario.ok() ? absl::NotFoundError("no such kernel") : scenario.status();
  for (const Kernel& kernel : kKernels) {
    if (scenario.ok() && kernel.version == version) {
      rows = RowsOf(kernel, *scenario, 1);
    }
  }
  if (!rows.ok()) {
    std::cerr << rows.status().message() << "\n";
    return 64;
  }
  for (const Row& row : *rows) {
    std::cout << ToText(row) << "\n";
  }
  return 0;
}

struct Outcome {
  int total = 0;
  int identical = 0;
};

void RunKernel(const Kernel& kernel, const Recordings& recordings,
               const std::string& filter, Outcome* outcome) {
  const std::string version(kernel.version);
  for (const auto& [name, rows] : recordings) {
    const std::string id = absl::StrCat(version, "/", name);
    if (id.find(filter) == std::string::npos) {
      continue;
    }
    ++outcome->total;
    const std::string line = absl::StrCat(version, " ", name);
    std::cout << line << std::flush;
    const absl::StatusOr<v1::Scenario> scenario = ReadScenario(PathOf(name));
    const std::string difference =
        scenario.ok() ? RunCase(kernel, *scenario, rows)
                      : std::string(scenario.status().message()) + "\n";
    if (difference.empty()) {
      ++outcome->identical;
      std::cout << " identical\n";
    } else {
      std::cout << " DIFFERS: " << difference;
    }
  }
}

int Main(const std::string& filter) {
  Outcome outcome;
  for (const Kernel& kernel : kKernels) {
    const absl::StatusOr<Recordings> recordings =
        ReadRecordings(std::string(kFolder) + "/golden/" +
                       std::string(kernel.version) + ".txt");
    if (!recordings.ok()) {
      std::cerr << recordings.status().message() << "\n";
      return 125;
    }
    RunKernel(kernel, *recordings, filter, &outcome);
  }
  std::cout << "conformance: " << outcome.identical << "/" << outcome.total
            << " identical\n";
  return outcome.total != 0 && outcome.identical == outcome.total ? 0 : 1;
}

}  // namespace
}  // namespace mmfault::conformance

int main(int argc, char** argv) {
  const std::string first = argc > 1 ? argv[1] : "";
  if (first == "--rows" && argc == 4) {
    return mmfault::conformance::PrintRows(argv[2], argv[3]);
  }
  if (argc > 2 || first.starts_with("--")) {
    std::cerr << "usage: conformance [FILTER | --rows KERNEL FILE | --baseline "
                 "FILE]\n";
    return 64;
  }
  return mmfault::conformance::Main(first);
}
