// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/shard.h"

#include <array>
#include <charconv>
#include <cstring>
#include <fstream>
#include <optional>
#include <string_view>

namespace mmfault::cli {
namespace {

// A pair of variables; `base` is what the first shard's index is.
struct Pair {
  const char* index;
  const char* count;
  int base = 0;
  const char* base_variable = nullptr;
};

constexpr std::array<Pair, 7> kPairs = {{
    {"TEST_SHARD_INDEX", "TEST_TOTAL_SHARDS"},
    {"GTEST_SHARD_INDEX", "GTEST_TOTAL_SHARDS"},
    {"JOB_COMPLETION_INDEX", "JOB_COMPLETIONS"},
    {"SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", 0,
     "SLURM_ARRAY_TASK_MIN"},
    {"CI_NODE_INDEX", "CI_NODE_TOTAL", 1},
    {"BUILDKITE_PARALLEL_JOB", "BUILDKITE_PARALLEL_JOB_COUNT"},
    {"CIRCLE_NODE_INDEX", "CIRCLE_NODE_TOTAL"},
}};

std::optional<int> ParseInt(std::string_view text) {
  int value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

bool Set(const std::string& source, std::optional<int> index,
         std::optional<int> count, Shard* shard, std::string* error) {
  if (!index || !count) {
    *error = source + " is not a pair of numbers";
    return false;
  }
  if (*count < 1 || *index < 0 || *index >= *count) {
    *error = source + " means shard " + std::to_string(*index) + " of " +
             std::to_string(*count) + ": the index has to be in [0, " +
             std::to_string(*count) + ")";
    return false;
  }
  *shard = {*index, *count};
  return true;
}

bool FromFlag(const std::string& flag, Shard* shard, std::string* error) {
  const size_t slash = flag.find('/');
  if (slash == std::string::npos) {
    *error = "--shard " + flag + " is not of the form I/N, like 0/4";
    return false;
  }
  return Set("--shard " + flag, ParseInt(flag.substr(0, slash)),
             ParseInt(flag.substr(slash + 1)), shard, error);
}

bool FromPair(const Pair& pair, const Environment& environment, Shard* shard,
              std::string* error) {
  std::optional<int> base = pair.base;
  if (pair.base_variable != nullptr) {
    const char* text = environment(pair.base_variable);
    if (text != nullptr) base = ParseInt(text);
  }
  std::optional<int> index = ParseInt(environment(pair.index));
  if (index && base) *index -= *base;
  if (!base) index = std::nullopt;
  return Set(std::string(pair.index) + "/" + pair.count, index,
             ParseInt(environment(pair.count)), shard, error);
}

}  // namespace

bool ResolveShard(const std::string& flag, const Environment& environment,
                  Shard* shard, std::string* error) {
  *shard = {};
  if (!flag.empty()) return FromFlag(flag, shard, error);
  const Pair* half = nullptr;
  for (const Pair& pair : kPairs) {
    const bool has_index = environment(pair.index) != nullptr;
    const bool has_count = environment(pair.count) != nullptr;
    if (has_index && has_count) {
      return FromPair(pair, environment, shard, error);
    }
    if (has_index != has_count && half == nullptr) half = &pair;
  }
  if (half == nullptr) return true;
  const bool has_index = environment(half->index) != nullptr;
  *error = std::string(has_index ? half->index : half->count) + " is set and " +
           (has_index ? half->count : half->index) +
           " is not: set both, or say --shard I/N (--shard 0/1 for all)";
  return false;
}

bool TouchShardStatusFile(const Environment& environment) {
  const char* path = environment("TEST_SHARD_STATUS_FILE");
  if (path == nullptr) return true;
  return std::ofstream(path, std::ios::app).good();
}

}  // namespace mmfault::cli
