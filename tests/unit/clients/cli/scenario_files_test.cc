// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/scenario_files.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "mmfault/v1/scenario.pb.h"

namespace mmfault::cli {
namespace {

class ScenarioFilesTest : public ::testing::Test {
 protected:
  ScenarioFilesTest() : folder_(::testing::TempDir() + "/scenario_files_test") {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_ + "/deep");
  }
  ~ScenarioFilesTest() override { std::filesystem::remove_all(folder_); }

  const std::string folder_;
};

TEST_F(ScenarioFilesTest, ADirectoryMeansWhatIsBelowItInOrder) {
  ASSERT_TRUE(WriteFile(folder_ + "/b.textproto", "b"));
  ASSERT_TRUE(WriteFile(folder_ + "/deep/a.textproto", "a"));
  ASSERT_TRUE(WriteFile(folder_ + "/README.md", "no scenario"));
  std::vector<ScenarioFile> files;
  std::string error;
  ASSERT_TRUE(ReadScenarioFiles({folder_}, &files, &error)) << error;
  ASSERT_EQ(files.size(), 2u);
  EXPECT_EQ(files[0].Stem(), "b");
  EXPECT_EQ(files[1].text, "a");
}

TEST_F(ScenarioFilesTest, WhatIsNotThereIsNamed) {
  std::vector<ScenarioFile> files;
  std::string error;
  EXPECT_FALSE(ReadScenarioFiles({folder_ + "/none"}, &files, &error));
  EXPECT_NE(error.find("none: cannot be read"), std::string::npos);
  EXPECT_FALSE(ReadScenarioFiles({folder_}, &files, &error));
  EXPECT_NE(error.find("no *.textproto"), std::string::npos);
}

TEST(ParseTextTest, AnErrorHasFileLineAndColumn) {
  v1::Scenario scenario;
  std::string error;
  EXPECT_FALSE(
      ParseText("a.textproto", "id: \"x\"\n  nonsense: 1", &scenario, &error));
  EXPECT_TRUE(error.starts_with("a.textproto:2:")) << error;
}

}  // namespace
}  // namespace mmfault::cli
