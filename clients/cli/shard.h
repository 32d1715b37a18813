// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// shard.h: which part of the cases this process runs.
//
// `--shard I/N` beats all. Otherwise the first complete pair of variables in
// this order wins:
//   TEST_SHARD_INDEX / TEST_TOTAL_SHARDS              (Bazel)
//   GTEST_SHARD_INDEX / GTEST_TOTAL_SHARDS
//   JOB_COMPLETION_INDEX / JOB_COMPLETIONS            (Kubernetes)
//   SLURM_ARRAY_TASK_ID - SLURM_ARRAY_TASK_MIN / SLURM_ARRAY_TASK_COUNT
//   CI_NODE_INDEX (from 1) / CI_NODE_TOTAL            (GitLab)
//   BUILDKITE_PARALLEL_JOB / BUILDKITE_PARALLEL_JOB_COUNT
//   CIRCLE_NODE_INDEX / CIRCLE_NODE_TOTAL
// A pair of which one half is set is an error, never a silent full run; so is
// an index outside of [0, N). With TEST_SHARD_STATUS_FILE, that file is touched
// to say that sharding is understood.

#ifndef MMFAULT_CLIENTS_CLI_SHARD_H_
#define MMFAULT_CLIENTS_CLI_SHARD_H_

#include <functional>
#include <string>

namespace mmfault::cli {

struct Shard {
  int index = 0;
  int count = 1;
};

// Looks a variable up; null when it is not set.
using Environment = std::function<const char*(const char*)>;

// False, with `error` set, for a malformed or half-set pair.
bool ResolveShard(const std::string& flag, const Environment& environment,
                  Shard* shard, std::string* error);

// Touches TEST_SHARD_STATUS_FILE if it is set; false when it cannot.
bool TouchShardStatusFile(const Environment& environment);

}  // namespace mmfault::cli

#endif  // MMFAULT_CLIENTS_CLI_SHARD_H_
