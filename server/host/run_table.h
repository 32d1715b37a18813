// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// run_table.h: the server's runs, and the threads that execute them.
//
// A run takes a worker's whole thread while it executes; those beyond wait in
// the order in which they became ready. Stories are told on a thread of their
// own, so that looking at what one run has found does not wait for another.
//
// Locks: mutex_, then a run's own.
//
// Threads: every function from any thread. None blocks but the destructor,
// which cancels what is under way and waits for it.

#ifndef MMFAULT_SERVER_HOST_RUN_TABLE_H_
#define MMFAULT_SERVER_HOST_RUN_TABLE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mmfault/v1/run_service.pb.h"
#include "server/host/executor.h"
#include "server/host/limits.h"
#include "server/host/remote_session.h"
#include "server/host/request_cache.h"
#include "server/host/run.h"

namespace mmfault::host {

class RunTable {
 public:
  explicit RunTable(const Limits& limits);
  ~RunTable();
  RunTable(const RunTable&) = delete;
  RunTable& operator=(const RunTable&) = delete;

  // Starts a run, or finds the one that the same request has started. Takes as
  // long as setting up each scenario once: call it through Background().
  //
  // Errors: those of RunService.CreateRun.
  absl::StatusOr<v1::CreateRunResponse> Create(
      const v1::CreateRunRequest& request);

  // By resource name. Errors: INVALID_ARGUMENT (NAME_MALFORMED); NOT_FOUND
  // (RUN_NOT_FOUND).
  absl::StatusOr<std::shared_ptr<Run>> Find(const std::string& name) const;

  // What an Attach stream to `runs/{run}` talks to.
  //
  // Errors: as Find(); FAILED_PRECONDITION (RUN_WRONG_STATE): nothing in it is
  // remote.
  absl::StatusOr<std::shared_ptr<RemoteSession>> FindSession(
      const std::string& name) const;

  // Newest first, each with a key that sorts in this order.
  struct Listed {
    std::string key;
    std::shared_ptr<Run> run;
  };
  std::vector<Listed> All() const;

  // Forgets a run that is over. Errors: FAILED_PRECONDITION (RUN_WRONG_STATE).
  absl::Status Delete(const std::string& name);

  // Runs work on a thread of the table's that is neither an RPC's nor a run's.
  //
  // Errors: RESOURCE_EXHAUSTED (QUOTA_EXCEEDED): too much waits already.
  // UNAVAILABLE (SERVER_DRAINING).
  absl::Status Background(std::function<void()> work);

  // The same on the threads that execute runs, after those that wait. The work
  // has to end soon once draining() says so.
  //
  // Errors: as Background().
  absl::Status LongWork(std::function<void()> work);
  bool draining() const;

  // What one world of a run may hold.
  scenario::Bounds bounds() const;

  // RESOURCE_EXHAUSTED (QUOTA_EXCEEDED) where nothing may have so many.
  absl::Status CheckWorkers(int workers) const;

  // Refuses further runs and cancels those that are not over, so that watching
  // streams end.
  void Drain();

  RequestCache& requests() { return requests_; }

 private:
  absl::StatusOr<std::shared_ptr<Run>> Add(const std::string& id, RunPlan plan);
  absl::Status CheckRoom(const std::string& id) const;
  // Counts work as it is handed in and when it is done.
  absl::Status RunCounted(Executor* executor, int64_t most, int64_t* count,
                          std::function<void()> work);
  void Start(const std::shared_ptr<Run>& run);
  void Execute(const std::shared_ptr<Run>& run);
  void LimitWaiting(const std::shared_ptr<Run>& run);

  const Limits limits_;
  RequestCache requests_;

  // Two creations with one request id must not both find nothing.
  std::mutex create_mutex_;

  mutable std::mutex mutex_;
  bool draining_ = false;
  int64_t next_number_ = 1;
  int64_t background_count_ = 0;
  int64_t long_work_count_ = 0;
  std::map<std::string, std::shared_ptr<Run>> runs_;  // by name
  std::map<int64_t, std::string> order_;              // newest first: -number

  // Last: their threads use all of the above.
  Executor background_;
  Executor workers_;
};

}  // namespace mmfault::host

#endif  // MMFAULT_SERVER_HOST_RUN_TABLE_H_
