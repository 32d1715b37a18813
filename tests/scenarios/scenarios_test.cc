// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Runs every scenario file of a folder under every protocol that it names, as
// one test each, and holds each to its own expectations. The folder is the
// first argument; schedules and seed are the files' own.

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "server/notifier/protocols.h"
#include "server/scenario/runner.h"

namespace mmfault::scenario {
namespace {

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

class CaseTest : public ::testing::Test {
 public:
  CaseTest(v1::Scenario scenario, const notifier::Protocol* protocol,
           std::string file)
      : scenario_(std::move(scenario)),
        protocol_(protocol),
        file_(std::move(file)) {}

  void TestBody() override {
    CaseOptions options;
    options.file = file_;
    const auto result = RunCase(scenario_, *protocol_, options);
    ASSERT_TRUE(result.ok()) << result.status().message();
    EXPECT_TRUE(result->met()) << result->DebugString();
    EXPECT_GT(result->checkers_size(), 0);
  }

 private:
  v1::Scenario scenario_;
  const notifier::Protocol* protocol_;
  std::string file_;
};

std::string TestName(std::string id) {
  std::replace_if(
      id.begin(), id.end(),
      [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; },
      '_');
  return id;
}

void RegisterFile(const std::filesystem::path& path) {
  const auto scenario = ParseScenario(ReadFile(path), path.string());
  if (!scenario.ok()) {
    std::fprintf(stderr, "%s\n",
                 std::string(scenario.status().message()).c_str());
    std::exit(64);
  }
  const auto protocols = ProtocolsOf(*scenario, {});
  if (!protocols.ok()) {
    std::fprintf(stderr, "%s: %s\n", path.c_str(),
                 std::string(protocols.status().message()).c_str());
    std::exit(64);
  }
  for (const notifier::Protocol* protocol : *protocols) {
    const std::string name =
        scenario->id() + "_" + TestName(std::string(protocol->id));
    ::testing::RegisterTest(
        "Scenario", name.c_str(), nullptr, nullptr, path.c_str(), 1,
        [scenario = *scenario, protocol, file = path.string()]() -> CaseTest* {
          return new CaseTest(scenario, protocol, file);
        });
  }
}

}  // namespace
}  // namespace mmfault::scenario

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  std::vector<std::filesystem::path> files;
  for (int i = 1; i < argc; ++i) {
    for (const auto& entry : std::filesystem::directory_iterator(argv[i])) {
      if (entry.path().extension() == ".textproto") {
        files.push_back(entry.path());
      }
    }
  }
  std::sort(files.begin(), files.end());
  for (const auto& file : files) {
    mmfault::scenario::RegisterFile(file);
  }
  return RUN_ALL_TESTS();
}
