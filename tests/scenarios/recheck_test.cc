// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: a case follows from its seed alone. Method: every scenario of the
// folders given, under every protocol that it names, is run twice, the second
// time by several workers; the event hashes of both, and all that they report,
// are the same.

#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "server/host/thread_crew.h"
#include "server/notifier/protocols.h"
#include "server/scenario/runner.h"

namespace mmfault::scenario {
namespace {

namespace fs = std::filesystem;
using google::protobuf::util::MessageDifferencer;

v1::Scenario Load(const fs::path& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  auto scenario = ParseScenario(text.str(), path.string());
  EXPECT_TRUE(scenario.ok()) << scenario.status().message();
  return scenario.ok() ? *std::move(scenario) : v1::Scenario();
}

class RecheckTest : public ::testing::Test {
 public:
  RecheckTest(fs::path path, int workers)
      : path_(std::move(path)), crew_(workers) {}

  void TestBody() override {
    const v1::Scenario scenario = Load(path_);
    const auto protocols = ProtocolsOf(scenario, {});
    ASSERT_TRUE(protocols.ok()) << protocols.status().message();
    for (const notifier::Protocol* protocol : *protocols) {
      Compare(scenario, *protocol);
    }
  }

 private:
  void Compare(const v1::Scenario& scenario,
               const notifier::Protocol& protocol) {
    CaseOptions options;
    options.file = path_.string();
    const auto first = RunCase(scenario, protocol, options);
    ASSERT_TRUE(first.ok()) << first.status().message();
    options.crew = &crew_;
    const auto second = RunCase(scenario, protocol, options);
    ASSERT_TRUE(second.ok()) << second.status().message();
    EXPECT_EQ(first->event_hash(), second->event_hash())
        << scenario.id() << " " << protocol.id << ": event hashes differ";
    std::string difference;
    MessageDifferencer differencer;
    differencer.ReportDifferencesToString(&difference);
    EXPECT_TRUE(differencer.Compare(*first, *second))
        << scenario.id() << " " << protocol.id << " with " << crew_.size()
        << " workers:\n"
        << difference;
  }

  const fs::path path_;
  host::ThreadCrew crew_;
};

void Register(const std::vector<fs::path>& files) {
  static constexpr int kWorkers[] = {2, 3, 8, 1};
  size_t number = 0;
  for (const fs::path& file : files) {
    const int workers = kWorkers[number++ % std::size(kWorkers)];
    ::testing::RegisterTest("Recheck", file.stem().c_str(), nullptr, nullptr,
                            file.c_str(), 1, [file, workers]() -> RecheckTest* {
                              return new RecheckTest(file, workers);
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
  mmfault::scenario::Register(files);
  return RUN_ALL_TESTS();
}
