// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: protocols x catalogue entries come to what is written of them. Method:
// all scenarios are run as their files say; the matrix must be letter for
// letter the one of docs/matrix.md, and cell for cell what matrix_cells.txt
// says of it. Where it is not, the file says so and docs/findings.md says why.
//
// MMFAULT_UPDATE_GOLDEN=1 writes docs/matrix.md anew.

#include "server/report/matrix.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "server/check/catalogue.h"
#include "server/notifier/protocols.h"
#include "server/report/answers.h"
#include "server/scenario/runner.h"

namespace mmfault::scenario {
namespace {

namespace fs = std::filesystem;

constexpr char kScenarios[] = "tests/scenarios";
constexpr char kCells[] = "tests/scenarios/matrix_cells.txt";
constexpr char kGolden[] = "docs/matrix.md";
constexpr char kFindings[] = "docs/findings.md";
constexpr char kFenceOpen[] = "```text\n";
constexpr char kFenceClose[] = "```\n";

std::string ReadFile(const fs::path& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  EXPECT_FALSE(text.str().empty()) << path;
  return text.str();
}

std::vector<fs::path> Files() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(kScenarios)) {
    if (entry.path().extension() == ".textproto") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

void RunFile(const fs::path& path, v1::Run* run) {
  const auto scenario = ParseScenario(ReadFile(path), path.string());
  ASSERT_TRUE(scenario.ok()) << scenario.status().message();
  const auto protocols = ProtocolsOf(*scenario, {});
  ASSERT_TRUE(protocols.ok()) << protocols.status().message();
  CaseOptions options;
  options.file = path.string();
  for (const notifier::Protocol* protocol : *protocols) {
    const auto result = RunCase(*scenario, *protocol, options);
    ASSERT_TRUE(result.ok()) << result.status().message();
    EXPECT_TRUE(result->met()) << path << " " << protocol->id;
    *run->add_results() = *result;
  }
}

// Made once: it takes seconds.
const report::Matrix& TheMatrix() {
  static const report::Matrix matrix = [] {
    v1::Run run;
    for (const fs::path& path : Files()) RunFile(path, &run);
    return report::MatrixOf(run);
  }();
  return matrix;
}

using Cell = std::pair<std::string, std::string>;  // protocol, entry

struct Table {
  std::map<Cell, std::string> said;
  std::map<Cell, std::string> differs;
};

std::vector<std::string> Words(const std::string& line) {
  std::istringstream in(line);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

Table ReadTable() {
  Table table;
  std::vector<std::string> entries;
  std::vector<std::string> protocols;
  std::istringstream in(ReadFile(kCells));
  for (std::string line; std::getline(in, line);) {
    const std::vector<std::string> words = Words(line);
    if (words.empty() || words[0] == "#") continue;
    if (words[0] == "entries") entries.assign(words.begin() + 1, words.end());
    if (words[0] == "row") protocols.assign(words.begin() + 3, words.end());
    if (words[0] == "except") table.said[{words[1], words[2]}] = words[3];
    if (words[0] == "differs") table.differs[{words[1], words[2]}] = words[3];
    if (words[0] != "cells") continue;
    EXPECT_EQ(words.size(), entries.size() + 1) << line;
    for (size_t i = 0; i < entries.size(); ++i) {
      for (const std::string& protocol : protocols) {
        table.said[{protocol, entries[i]}] = words[i + 1];
      }
    }
  }
  return table;
}

// The verdict alone: what was planted says nothing of the protocol.
std::string VerdictText(const std::string& protocol, const std::string& entry) {
  const report::MatrixCell* found = TheMatrix().Find(protocol, entry);
  if (found == nullptr) return "no such row";
  report::MatrixCell cell = *found;
  cell.planted_count = 0;
  return report::CellText(cell);
}

TEST(MatrixTest, EveryCellIsWhatIsWrittenOfIt) {
  const Table table = ReadTable();
  for (const auto& [cell, said] : table.said) {
    const auto other = table.differs.find(cell);
    EXPECT_EQ(VerdictText(cell.first, cell.second),
              other == table.differs.end() ? said : other->second)
        << cell.first << " " << cell.second;
  }
}

TEST(MatrixTest, TheTableSpeaksOfEveryProtocol) {
  const Table table = ReadTable();
  for (const notifier::Protocol* protocol : notifier::AllProtocols()) {
    EXPECT_TRUE(table.said.contains({std::string(protocol->id), "P01"}))
        << protocol->id;
  }
}

TEST(MatrixTest, EveryDifferenceIsAFinding) {
  const Table table = ReadTable();
  const std::string findings = ReadFile(kFindings);
  for (const auto& [cell, verdict] : table.differs) {
    ASSERT_TRUE(table.said.contains(cell)) << cell.first << " " << cell.second;
    EXPECT_NE(table.said.at(cell), verdict) << cell.first << " " << cell.second;
    std::istringstream in(findings);
    bool told = false;
    for (std::string line; std::getline(in, line);) {
      told = told || (line.find("`" + cell.first + "`") != std::string::npos &&
                      line.find(cell.second) != std::string::npos);
    }
    EXPECT_TRUE(told) << cell.first << " " << cell.second;
  }
}

// What is told of a protocol as left open is what breaks in it, and all of
// that.
TEST(MatrixTest, KnownHolesAreWhatBreaks) {
  for (const notifier::Protocol* protocol : notifier::AllProtocols()) {
    std::vector<std::string_view> broken;
    for (const check::CatalogueEntry& entry : check::Catalogue()) {
      const std::string verdict =
          VerdictText(std::string(protocol->id), std::string(entry.id));
      if ((verdict == "X" || verdict == "T") &&
          !check::IsDriversMistake(entry.id)) {
        broken.push_back(entry.id);
      }
    }
    EXPECT_EQ(report::KnownHolesOf(*protocol), broken) << protocol->id;
  }
}

// The text between the fences, or nothing.
std::optional<std::pair<size_t, size_t>> Fenced(const std::string& document) {
  const size_t open = document.find(kFenceOpen);
  if (open == std::string::npos) return std::nullopt;
  const size_t start = open + std::string(kFenceOpen).size();
  const size_t close = document.find(kFenceClose, start);
  if (close == std::string::npos) return std::nullopt;
  return std::pair(start, close - start);
}

TEST(MatrixTest, TheDocumentIsWhatTheRunSays) {
  std::string document = ReadFile(kGolden);
  const auto place = Fenced(document);
  ASSERT_TRUE(place.has_value()) << kGolden;
  const std::string text = report::RenderMatrixText(TheMatrix());
  if (std::getenv("MMFAULT_UPDATE_GOLDEN") != nullptr) {
    document.replace(place->first, place->second, text);
    std::ofstream(kGolden) << document;
    return;
  }
  EXPECT_EQ(document.substr(place->first, place->second), text)
      << "a change that is meant: MMFAULT_UPDATE_GOLDEN=1";
}

}  // namespace
}  // namespace mmfault::scenario
