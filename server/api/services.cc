// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/api/services.h"

#include <algorithm>
#include <string>
#include <thread>
#include <utility>

#include "server/api/fault_service.h"
#include "server/api/mm_service.h"
#include "server/api/notifier_service.h"
#include "server/api/run_service.h"
#include "server/api/task_service.h"
#include "server/api/world_service.h"
#include "server/host/executor.h"
#include "server/host/lease_table.h"
#include "server/host/run_table.h"
#include "server/host/world_table.h"

namespace mmfault::api {
namespace {

// Threads for worlds that move for long; RPC threads do the rest.
int ExecutorThreads() {
  return static_cast<int>(
      std::clamp(std::thread::hardware_concurrency(), 2U, 16U));
}

// In the order in which they are needed: destroyed from below.
struct Tables {
  explicit Tables(const host::Limits& limits)
      : executor(ExecutorThreads()), worlds(limits, &executor), runs(limits) {}

  host::LeaseTable leases;  // used by the executor's timers
  host::Executor executor;
  host::WorldTable worlds;
  host::RunTable runs;
};

}  // namespace

Services MakeServices(const host::Limits& limits) {
  const auto tables = std::make_shared<Tables>(limits);
  const std::shared_ptr<host::WorldTable> worlds(tables, &tables->worlds);
  const std::shared_ptr<host::RunTable> runs(tables, &tables->runs);
  Services made;
  made.services.push_back(std::make_unique<WorldService>(worlds));
  made.services.push_back(std::make_unique<MmService>(worlds));
  made.services.push_back(std::make_unique<TaskService>(worlds));
  made.services.push_back(std::make_unique<NotifierService>(
      worlds,
      [runs](const std::string& name) { return runs->FindSession(name); }));
  made.services.push_back(std::make_unique<FaultService>(
      worlds, std::shared_ptr<host::LeaseTable>(tables, &tables->leases)));
  made.services.push_back(std::make_unique<RunService>(runs));
  made.on_drain = [tables] {
    tables->worlds.Drain();
    tables->runs.Drain();
  };
  return made;
}

}  // namespace mmfault::api
