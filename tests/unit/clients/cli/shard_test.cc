// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: a sharded job never runs everything, or nothing, by accident. Method:
// environments as each CI system sets them.

#include "clients/cli/shard.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace mmfault::cli {
namespace {

struct Resolved {
  bool ok;
  int index;
  int count;
  std::string error;
};

Resolved Resolve(const std::string& flag,
                 const std::map<std::string, std::string>& variables) {
  Shard shard;
  std::string error;
  const bool ok = ResolveShard(
      flag,
      [&variables](const char* name) -> const char* {
        const auto found = variables.find(name);
        return found == variables.end() ? nullptr : found->second.c_str();
      },
      &shard, &error);
  return {ok, shard.index, shard.count, error};
}

TEST(ResolveShardTest, NothingSetMeansEverything) {
  const Resolved shard = Resolve("", {});
  EXPECT_TRUE(shard.ok);
  EXPECT_EQ(shard.count, 1);
}

TEST(ResolveShardTest, TheFlagBeatsTheEnvironment) {
  const Resolved shard =
      Resolve("1/4", {{"TEST_SHARD_INDEX", "0"}, {"TEST_TOTAL_SHARDS", "2"}});
  EXPECT_EQ(shard.index, 1);
  EXPECT_EQ(shard.count, 4);
}

TEST(ResolveShardTest, SlurmCountsFromItsFirstTask) {
  const Resolved shard = Resolve("", {{"SLURM_ARRAY_TASK_ID", "12"},
                                      {"SLURM_ARRAY_TASK_MIN", "10"},
                                      {"SLURM_ARRAY_TASK_COUNT", "5"}});
  EXPECT_EQ(shard.index, 2);
  EXPECT_EQ(shard.count, 5);
}

TEST(ResolveShardTest, GitLabCountsFromOne) {
  const Resolved shard =
      Resolve("", {{"CI_NODE_INDEX", "1"}, {"CI_NODE_TOTAL", "3"}});
  EXPECT_EQ(shard.index, 0);
  EXPECT_EQ(shard.count, 3);
}

TEST(ResolveShardTest, TheFirstCompletePairWins) {
  const Resolved shard = Resolve("", {{"TEST_SHARD_INDEX", "1"},
                                      {"GTEST_SHARD_INDEX", "2"},
                                      {"GTEST_TOTAL_SHARDS", "3"}});
  EXPECT_TRUE(shard.ok);
  EXPECT_EQ(shard.index, 2);
}

TEST(ResolveShardTest, AHalfSetPairIsAnErrorThatNamesTheOtherHalf) {
  const Resolved shard = Resolve("", {{"JOB_COMPLETION_INDEX", "0"}});
  EXPECT_FALSE(shard.ok);
  EXPECT_NE(shard.error.find("JOB_COMPLETIONS is not"), std::string::npos);
}

TEST(ResolveShardTest, OutOfRangeIsAnError) {
  EXPECT_FALSE(Resolve("4/4", {}).ok);
  EXPECT_FALSE(Resolve("-1/4", {}).ok);
  EXPECT_FALSE(Resolve("0/0", {}).ok);
  EXPECT_FALSE(Resolve("1", {}).ok);
  EXPECT_FALSE(Resolve("a/b", {}).ok);
  EXPECT_FALSE(
      Resolve("", {{"CI_NODE_INDEX", "0"}, {"CI_NODE_TOTAL", "3"}}).ok);
}

}  // namespace
}  // namespace mmfault::cli
