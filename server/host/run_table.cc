// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/host/run_table.h"

#include <chrono>
#include <utility>

#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/host/names.h"

namespace mmfault::host {
namespace {

constexpr int kBackgroundThreads = 1;
// Stories and creations that wait for their turn.
constexpr int64_t kMaxBackground = 256;
// Sweeps, under way and waiting.
constexpr int64_t kMaxLongWork = 64;

absl::Status Draining() {
  base::ErrorFacts facts;
  facts.reason = "SERVER_DRAINING";
  return base::MakeErrorWithFacts(absl::StatusCode::kUnavailable,
                                  "the server is shutting down", facts);
}

}  // namespace

RunTable::RunTable(const Limits& limits)
    : limits_(limits),
      background_(kBackgroundThreads),
      workers_(static_cast<int>(limits.max_running_runs)) {}

RunTable::~RunTable() { Drain(); }

absl::StatusOr<v1::CreateRunResponse> RunTable::Create(
    const v1::CreateRunRequest& request) {
  const std::lock_guard<std::mutex> lock(create_mutex_);
  v1::CreateRunResponse response;
  ASSIGN_OR_RETURN(const bool repeated,
                   requests_.Find(request.request_id(), request, &response));
  if (repeated) {
    return response;
  }
  if (!request.run_id().empty()) {
    RETURN_IF_ERROR(CheckId(request.run_id(), "run_id"));
  }
  {
    const std::lock_guard<std::mutex> table_lock(mutex_);
    RETURN_IF_ERROR(CheckRoom(request.run_id()));
  }
  ASSIGN_OR_RETURN(RunPlan plan, PlanRun(request, bounds()));
  RETURN_IF_ERROR(CheckWorkers(plan.options.workers()));
  ASSIGN_OR_RETURN(const std::shared_ptr<Run> run,
                   Add(request.run_id(), std::move(plan)));
  *response.mutable_run() = run->View(/*with_results=*/false);
  requests_.Keep(request.request_id(), request, response);
  Start(run);
  return response;
}

absl::Status RunTable::CheckWorkers(int workers) const {
  return CheckQuota("run", "max_workers_per_run", limits_.max_workers_per_run,
                    workers);
}

absl::Status RunTable::CheckRoom(const std::string& id) const {
  if (draining_) {
    return Draining();
  }
  if (!id.empty() && runs_.count("runs/" + id) != 0) {
    return AlreadyExists("run", "RUN_EXISTS", "runs/" + id);
  }
  return CheckQuota("server", "max_runs", limits_.max_runs,
                    static_cast<int64_t>(runs_.size()) + 1);
}

absl::StatusOr<std::shared_ptr<Run>> RunTable::Add(const std::string& id,
                                                   RunPlan plan) {
  const std::lock_guard<std::mutex> lock(mutex_);
  RETURN_IF_ERROR(CheckRoom(id));
  int64_t number = 0;
  std::string name;
  do {
    number = next_number_++;
    name = "runs/" + (id.empty() ? "run-" + std::to_string(number) : id);
  } while (runs_.count(name) != 0);
  // The run calls back when it is ready, which is after it is in the table.
  auto run = std::make_shared<Run>(name, std::move(plan), [this, name] {
    const absl::StatusOr<std::shared_ptr<Run>> ready = Find(name);
    if (ready.ok() && (*ready)->Enqueue()) {
      workers_.Run([this, run = *ready] { Execute(run); });
    }
  });
  runs_[name] = run;
  order_[-number] = name;
  return run;
}

void RunTable::Start(const std::shared_ptr<Run>& run) {
  if (!run->remote()) {
    workers_.Run([this, run] { Execute(run); });
    return;
  }
  LimitWaiting(run);
}

void RunTable::Execute(const std::shared_ptr<Run>& run) {
  run->Execute();
  // A client may have left just before it began.
  if (run->state() == v1::Run::STATE_WAITING_FOR_CLIENTS) {
    LimitWaiting(run);
  }
}

void RunTable::LimitWaiting(const std::shared_ptr<Run>& run) {
  const auto wait = run->client_wait();
  background_.RunAt(Executor::Clock::now() + wait,
                    [weak = std::weak_ptr<Run>(run)] {
                      if (const auto waiting = weak.lock()) {
                        waiting->GiveUpWaiting();
                      }
                    });
}

absl::StatusOr<std::shared_ptr<Run>> RunTable::Find(
    const std::string& name) const {
  RETURN_IF_ERROR(ParseName(name, {"runs"}, "name").status());
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto it = runs_.find(name);
  if (it == runs_.end()) {
    return NotFound("run", "RUN_NOT_FOUND", name);
  }
  return it->second;
}

absl::StatusOr<std::shared_ptr<RemoteSession>> RunTable::FindSession(
    const std::string& name) const {
  ASSIGN_OR_RETURN(const std::shared_ptr<Run> run, Find(name));
  if (!run->remote()) {
    return base::WrongStateError(
        name, "RUN_WRONG_STATE",
        "no notifier of the run is remote; create it with `options.remote`",
        {{"run", name}, {"state", "not remote"}});
  }
  return std::static_pointer_cast<RemoteSession>(run->clients());
}

std::vector<RunTable::Listed> RunTable::All() const {
  // Zero-padded, so that texts sort as numbers do.
  constexpr int64_t kNewest = 1'000'000'000'000;
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<Listed> all;
  all.reserve(order_.size());
  for (const auto& [negated, name] : order_) {
    all.push_back({std::to_string(kNewest + negated), runs_.at(name)});
  }
  return all;
}

absl::Status RunTable::Delete(const std::string& name) {
  ASSIGN_OR_RETURN(const std::shared_ptr<Run> run, Find(name));
  const v1::Run::State state = run->state();
  if (state < v1::Run::STATE_DONE) {
    return base::WrongStateError(
        name, "RUN_WRONG_STATE", "the run is not over; cancel it first",
        {{"run", name}, {"state", v1::Run::State_Name(state)}});
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  if (runs_.erase(name) == 0) {
    return NotFound("run", "RUN_NOT_FOUND", name);
  }
  std::erase_if(order_,
                [&name](const auto& entry) { return entry.second == name; });
  return absl::OkStatus();
}

absl::Status RunTable::RunCounted(Executor* executor, int64_t most,
                                  int64_t* count, std::function<void()> work) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (draining_) {
      return Draining();
    }
    RETURN_IF_ERROR(CheckQuota("server", "max_streams", most, *count + 1));
    ++*count;
  }
  executor->Run([this, count, work = std::move(work)] {
    work();
    const std::lock_guard<std::mutex> lock(mutex_);
    --*count;
  });
  return absl::OkStatus();
}

absl::Status RunTable::Background(std::function<void()> work) {
  return RunCounted(&background_, kMaxBackground, &background_count_,
                    std::move(work));
}

absl::Status RunTable::LongWork(std::function<void()> work) {
  return RunCounted(&workers_, kMaxLongWork, &long_work_count_,
                    std::move(work));
}

bool RunTable::draining() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return draining_;
}

scenario::Bounds RunTable::bounds() const {
  return {.max_mms = limits_.max_mms_per_world,
          .max_vmas = limits_.max_vmas_per_mm,
          .max_tasks = limits_.max_tasks_per_world,
          .max_notifiers = limits_.max_notifiers_per_world,
          .may_crash = limits_.allow_crash};
}

void RunTable::Drain() {
  std::vector<std::shared_ptr<Run>> all;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    draining_ = true;
    for (const auto& [name, run] : runs_) {
      all.push_back(run);
    }
  }
  for (const std::shared_ptr<Run>& run : all) {
    run->Cancel("the server shuts down");
  }
}

}  // namespace mmfault::host
