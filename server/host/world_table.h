// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// world_table.h: the worlds of a server, by id.
//
// Locks: one, for the table; never held while a world is set up, moved or
// deleted.
//
// Threads: every function may be called from any thread.

#ifndef MMFAULT_SERVER_HOST_WORLD_TABLE_H_
#define MMFAULT_SERVER_HOST_WORLD_TABLE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/host/executor.h"
#include "server/host/hosted_world.h"
#include "server/host/limits.h"
#include "server/host/request_cache.h"
#include "server/host/safety_levers.h"

namespace mmfault::host {

class WorldTable {
 public:
  // The executor must outlive the table and every world of it.
  WorldTable(const Limits& limits, Executor* executor);
  ~WorldTable();

  // Makes a world as WorldService.CreateWorld says. Takes as long as the
  // scenario's setup does.
  absl::StatusOr<std::shared_ptr<HostedWorld>> Create(
      const v1::CreateWorldRequest& request);

  // By id. NOT_FOUND (WORLD_NOT_FOUND).
  absl::StatusOr<std::shared_ptr<HostedWorld>> Find(
      const std::string& id) const;
  // The same by its resource name; null when there is none. Allocates nothing.
  std::shared_ptr<HostedWorld> FindNamed(std::string_view name) const;
  absl::Status Delete(const std::string& id);

  // In the order of their ids.
  std::vector<std::shared_ptr<HostedWorld>> All() const;

  // No more worlds; calls that wait end, attached clients get a goodbye.
  void Drain();

  // For CreateWorld and DeleteWorld; each world has one for the rest.
  RequestCache& requests() { return requests_; }
  Executor* executor() const { return executor_; }
  // Of the whole server.
  SafetyLevers& levers() { return *levers_; }
  const Limits& limits() const { return limits_; }

  // What a world gets that asks for nothing, and the most it gets: the fields
  // of the result are what is in force.
  v1::WorldLimits Bounded(const v1::WorldLimits& wanted) const;

 private:
  absl::StatusOr<WorldPlan> MakePlan(const v1::CreateWorldRequest& request);
  absl::StatusOr<std::string> Reserve(const std::string& wanted);
  uint64_t DrawSeed();

  const Limits limits_;
  Executor* const executor_;
  RequestCache requests_;
  const std::shared_ptr<SafetyLevers> levers_ =
      std::make_shared<SafetyLevers>();

  mutable std::mutex mutex_;
  // Null: being made.
  std::map<std::string, std::shared_ptr<HostedWorld>, std::less<>> worlds_;
  int64_t chosen_ = 0;  // ids given out as `world-N`
  bool draining_ = false;
  uint64_t seeds_drawn_ = 0;
};

}  // namespace mmfault::host

#endif  // MMFAULT_SERVER_HOST_WORLD_TABLE_H_
