// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/scenarios/corpus.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "gtest/gtest.h"
#include "server/scenario/verdict.h"

namespace mmfault::scenario {
namespace {

namespace fs = std::filesystem;

bool IsWanted(const fs::path& path) {
  const char* prefix = std::getenv("MMFAULT_CORPUS_FILES");
  return path.extension() == ".textproto" &&
         (prefix == nullptr || path.stem().string().starts_with(prefix));
}

}  // namespace

std::string ReadFile(const std::string& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::vector<CorpusFile> Corpus() {
  std::vector<CorpusFile> out;
  for (const auto& entry :
       fs::directory_iterator("tests/scenarios/known_bugs")) {
    if (!IsWanted(entry.path())) {
      continue;
    }
    auto scenario = ParseScenario(ReadFile(entry.path()), entry.path());
    EXPECT_TRUE(scenario.ok()) << scenario.status().message();
    auto protocols = ProtocolsOf(*scenario, {});
    EXPECT_TRUE(protocols.ok()) << protocols.status().message();
    out.push_back(
        {entry.path().stem(), *std::move(scenario), *std::move(protocols)});
  }
  std::sort(out.begin(), out.end(),
            [](const auto& a, const auto& b) { return a.stem < b.stem; });
  return out;
}

bool IsViolation(v1::Verdict verdict) {
  return verdict == v1::VIOLATED || verdict == v1::TOLERATED;
}

std::vector<v1::Expect> ExpectedBroken(const CorpusFile& file,
                                       const notifier::Protocol& protocol) {
  std::vector<v1::Expect> out;
  if (!IsApplicable(file.scenario, protocol)) {
    return out;
  }
  for (const v1::Expect* expect : ExpectationsFor(file.scenario, protocol)) {
    if (IsViolation(expect->verdict())) {
      out.push_back(*expect);
    }
  }
  return out;
}

}  // namespace mmfault::scenario
