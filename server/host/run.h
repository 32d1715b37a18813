// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// run.h: scenarios as a long job.
//
// A run goes QUEUED -> RUNNING -> DONE; one with remote notifiers begins as
// WAITING_FOR_CLIENTS. CANCELLED and FAILED end it from anywhere. What was
// found before that stays.
//
// Watching is by pulling: every change has a number, and whoever watches asks
// for what comes after the last one it has seen. So a reader may be slow or
// come back later, and nothing is queued for it.
//
// Locks: mutex_, which is not held while a schedule runs or a watcher is
// called.
//
// Threads: Execute() once, on a worker; everything else from any thread.

#ifndef MMFAULT_SERVER_HOST_RUN_H_
#define MMFAULT_SERVER_HOST_RUN_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mmfault/v1/run_service.pb.h"
#include "server/host/capsule.h"
#include "server/host/run_clients.h"
#include "server/host/run_plan.h"
#include "server/host/thread_crew.h"
#include "server/scenario/runner.h"

namespace mmfault::host {

class Run {
 public:
  // `on_ready` is called when every notifier is bound, if any is remote.
  Run(std::string name, RunPlan plan, std::function<void()> on_ready);

  const std::string& name() const { return name_; }

  // As GetRun and ListRuns show it.
  v1::Run View(bool with_results) const;
  v1::Run::State state() const;
  bool over() const;
  bool remote() const { return clients_ != nullptr; }
  // How long it waits for clients.
  std::chrono::milliseconds client_wait() const;

  // Null when nothing is remote.
  const std::shared_ptr<RunClients>& clients() const { return clients_; }

  // --- The job ---------------------------------------------------------------
  // Every notifier is bound: waits for a worker now. False when it does so
  // already, or is over.
  bool Enqueue();
  // Runs to the end. Returns at once when it is over, and goes back to waiting
  // when a client has left meanwhile.
  void Execute();
  // Ends it early: CANCELLED, with the cause in `failure`. Nothing when it is
  // over.
  void Cancel(const std::string& cause);
  // Ends one that still waits for clients: FAILED.
  void GiveUpWaiting();

  // --- Watching --------------------------------------------------------------
  enum class Next { kMessage, kWait, kEnd };
  // The first message after `after_sequence`, if there is one yet; kEnd when
  // the run is over and all was told.
  Next NextUpdate(int64_t after_sequence, v1::WatchRunResponse* message) const;
  // Calls `watcher` after every change, on any thread, until it is removed. It
  // must not block.
  using WatcherId = uint64_t;
  WatcherId AddWatcher(std::function<void()> watcher);
  // A call that is under way on another thread may still come.
  void RemoveWatcher(WatcherId id);

  // --- Repeating -------------------------------------------------------------
  // NOT_FOUND (CASE_NOT_FOUND, VIOLATION_NOT_FOUND). A repetition that broke
  // nothing has a story all the same, as violation 0.
  absl::StatusOr<StoryRequest> StoryOf(int64_t case_index,
                                       int64_t violation_index) const;

 private:
  using Clock = std::chrono::steady_clock;

  bool Begin();
  absl::StatusOr<v1::CaseResult> ExecuteCase(const PlannedCase& planned);
  absl::Status Recheck(const PlannedCase& planned,
                       const scenario::CaseOptions& options,
                       v1::CaseResult* result);
  // run_repeat.cc
  absl::StatusOr<v1::CaseResult> RepeatCapsule(const PlannedCase& planned);
  absl::StatusOr<v1::CaseResult> MinimizeCapsule(const PlannedCase& planned);
  void AddResult(v1::CaseResult result);
  void KeepAnswers(const v1::Violation& violation);
  bool Progress(int64_t done, int64_t total);
  void Finish(v1::Run::State state, const std::string& failure);
  void Changed();  // without mutex_

  const std::string name_;
  const RunPlan plan_;
  std::shared_ptr<RunClients> clients_;
  std::atomic<bool> cancelled_ = false;

  mutable std::mutex mutex_;
  v1::Run run_;  // results aside
  std::vector<v1::CaseResult> results_;
  std::vector<int64_t> result_sequences_;
  int64_t sequence_ = 1;
  std::string cancel_cause_;
  std::string current_case_;
  int64_t case_done_ = 0;
  int64_t case_total_ = 0;
  Clock::time_point last_progress_{};

  // What clients answered in the schedule of a violation, by case and
  // violation.
  std::map<std::pair<int64_t, int64_t>, Answers> answers_;

  // What a minimisation came to.
  std::optional<StoryRequest> minimized_;

  // The worker's.
  std::unique_ptr<ThreadCrew> crew_;  // null: it works alone
  Clock::time_point budget_end_ = Clock::time_point::max();

  std::mutex watchers_mutex_;
  std::map<WatcherId, std::function<void()>> watchers_;
  WatcherId next_watcher_ = 1;
};

}  // namespace mmfault::host

#endif  // MMFAULT_SERVER_HOST_RUN_H_
