// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/host/run.h"

#include <algorithm>
#include <set>
#include <utility>

#include "server/base/status_macros.h"
#include "server/host/names.h"
#include "server/host/wall_time.h"
#include "server/report/wording.h"
#include "server/scenario/runner.h"

namespace mmfault::host {
namespace {

// How often watchers hear of a case that goes on.
constexpr std::chrono::milliseconds kProgressInterval{100};

std::string CaseName(const PlannedCase& planned) {
  return planned.scenario->id() + " " + std::string(planned.protocol->id);
}

v1::Run::Outcome OutcomeOf(const std::vector<v1::CaseResult>& results) {
  v1::Run::Outcome outcome = v1::Run::OUTCOME_MET;
  for (const v1::CaseResult& result : results) {
    switch (report::StandingOf(result)) {
      case report::Standing::kUnmet:
        return v1::Run::OUTCOME_UNMET;
      case report::Standing::kInconclusive:
        outcome = v1::Run::OUTCOME_INCONCLUSIVE;
        break;
      case report::Standing::kMet:
        break;
    }
  }
  return outcome;
}

// The result of a case that was not run, or not to its end.
v1::CaseResult MissingResult(const PlannedCase& planned,
                             const std::string& cause) {
  v1::CaseResult result;
  result.set_scenario(planned.scenario->id());
  result.set_protocol(std::string(planned.protocol->id));
  result.set_inconclusive_cause(cause);
  result.set_seed(static_cast<int64_t>(planned.seed));
  result.set_remote(planned.remote);
  result.set_drive_mode("LOCKSTEP");
  std::set<std::string> seen;
  for (const v1::Expect& expect : planned.scenario->expect()) {
    if (seen.insert(expect.checker()).second) {
      v1::CheckerResult& checker = *result.add_checkers();
      checker.set_checker(expect.checker());
      checker.set_verdict(v1::INCONCLUSIVE);
      checker.set_expected(expect.verdict());
    }
  }
  return result;
}

// What was not broken in a part of the schedules may be broken in the rest.
void Cut(v1::CaseResult* result) {
  result->set_inconclusive_cause("cancelled");
  result->set_met(false);
  for (v1::CheckerResult& checker : *result->mutable_checkers()) {
    if (checker.verdict() == v1::HOLDS) {
      checker.set_verdict(v1::INCONCLUSIVE);
      checker.set_met(false);
    }
  }
}

}  // namespace

Run::Run(std::string name, RunPlan plan, std::function<void()> on_ready)
    : name_(std::move(name)), plan_(std::move(plan)) {
  if (!plan_.wanted.empty()) {
    clients_ = std::make_shared<RunClients>(name_, plan_, std::move(on_ready));
  }
  run_.set_name(name_);
  run_.set_state(clients_ == nullptr ? v1::Run::STATE_QUEUED
                                     : v1::Run::STATE_WAITING_FOR_CLIENTS);
  *run_.mutable_options() = plan_.options;
  run_.set_case_count(static_cast<int64_t>(plan_.cases.size()));
  *run_.mutable_create_time() = ToProto(std::chrono::system_clock::now());
}

// --- Views -------------------------------------------------------------------

v1::Run Run::View(bool with_results) const {
  v1::Run view;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    view = run_;
    if (with_results) {
      for (const v1::CaseResult& result : results_) {
        *view.add_results() = result;
      }
    }
  }
  if (view.state() == v1::Run::STATE_WAITING_FOR_CLIENTS) {
    for (std::string& id : clients_->Wanted()) {
      view.add_wanted_notifiers(std::move(id));
    }
  }
  return view;
}

v1::Run::State Run::state() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return run_.state();
}

bool Run::over() const { return state() >= v1::Run::STATE_DONE; }

std::chrono::milliseconds Run::client_wait() const {
  const google::protobuf::Duration& wait = plan_.options.client_wait();
  return std::chrono::seconds(wait.seconds()) +
         std::chrono::milliseconds(wait.nanos() / 1'000'000);
}

// --- The job -----------------------------------------------------------------

bool Run::Enqueue() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (run_.state() != v1::Run::STATE_WAITING_FOR_CLIENTS) {
      return false;
    }
    run_.set_state(v1::Run::STATE_QUEUED);
    ++sequence_;
  }
  Changed();
  return true;
}

bool Run::Begin() {
  const bool ready = clients_ == nullptr || clients_->Begin();
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (run_.state() != v1::Run::STATE_QUEUED) {
      return false;
    }
    run_.set_state(ready ? v1::Run::STATE_RUNNING
                         : v1::Run::STATE_WAITING_FOR_CLIENTS);
    ++sequence_;
  }
  Changed();
  if (plan_.options.has_wall_budget()) {
    const auto budget =
        std::chrono::seconds(plan_.options.wall_budget().seconds()) +
        std::chrono::nanoseconds(plan_.options.wall_budget().nanos());
    if (budget.count() > 0) {
      budget_end_ = Clock::now() + budget;
    }
  }
  return ready;
}

void Run::Execute() {
  if (!Begin()) {
    return;
  }
  if (plan_.options.workers() > 1) {
    crew_ = std::make_unique<ThreadCrew>(plan_.options.workers());
  }
  for (const PlannedCase& planned : plan_.cases) {
    if (cancelled_) {
      break;
    }
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      current_case_ = CaseName(planned);
      case_done_ = 0;
      case_total_ = 0;
    }
    const Clock::time_point begin = Clock::now();
    absl::StatusOr<v1::CaseResult> result =
        plan_.minimize  ? MinimizeCapsule(planned)
        : plan_.capsule ? RepeatCapsule(planned)
                        : ExecuteCase(planned);
    if (!result.ok() && !cancelled_) {
      Finish(v1::Run::STATE_FAILED,
             CaseName(planned) + ": " + std::string(result.status().message()));
      return;
    }
    if (!result.ok()) {
      break;
    }
    *result->mutable_elapsed() = ToProto(Clock::now() - begin);
    if (planned.remote) {
      result->set_remote(true);
    }
    AddResult(*std::move(result));
  }
  if (!cancelled_) {
    Finish(v1::Run::STATE_DONE, "");
    return;
  }
  std::string cause;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    cause = cancel_cause_;
  }
  Finish(v1::Run::STATE_CANCELLED, cause);
}

absl::StatusOr<v1::CaseResult> Run::ExecuteCase(const PlannedCase& planned) {
  scenario::CaseOptions options;
  options.file = planned.file;
  options.seed = planned.seed;
  options.step_budget = planned.step_budget;
  options.exhaust = planned.scenario->explore().exhaust();
  options.all_remote = plan_.options.remote();
  options.max_violations = plan_.options.max_violations();
  options.bounds = plan_.bounds;
  options.crew = planned.remote ? nullptr : crew_.get();
  options.extra_faults = planned.extra_faults;
  options.require_fired = plan_.options.require_fired();
  options.progress = [this](int64_t done, int64_t total) {
    return Progress(done, total);
  };
  if (planned.remote) {
    options.answer = [this](scenario::Machine* machine) {
      return clients_->Answer(machine);
    };
    options.on_reset = [&](scenario::Machine* machine, uint64_t seed) {
      return clients_->Reset(machine, seed, planned.scenario->id(),
                             std::string(planned.protocol->id));
    };
    options.on_disconnect = [this](scenario::Machine* machine,
                                   uint32_t notifier) {
      clients_->Disconnect(machine->NameOf(notifier));
    };
    options.on_violation = [this](const v1::Violation& violation) {
      KeepAnswers(violation);
    };
  }
  absl::StatusOr<v1::CaseResult> result =
      scenario::RunCase(*planned.scenario, *planned.protocol, options);
  if (result.ok() && plan_.options.recheck() && !cancelled_) {
    options.on_violation = nullptr;
    RETURN_IF_ERROR(Recheck(planned, options, &*result));
  }
  if (result.ok() && cancelled_) {
    Cut(&*result);
  }
  return result;
}

// Once more: what follows from the seed comes out again.
absl::Status Run::Recheck(const PlannedCase& planned,
                          const scenario::CaseOptions& options,
                          v1::CaseResult* result) {
  ASSIGN_OR_RETURN(
      const v1::CaseResult again,
      scenario::RunCase(*planned.scenario, *planned.protocol, options));
  result->set_recheck_event_hash(again.event_hash());
  if (again.event_hash() != result->event_hash() && !cancelled_) {
    result->set_met(false);
  }
  return absl::OkStatus();
}

bool Run::Progress(int64_t done, int64_t total) {
  const Clock::time_point now = Clock::now();
  if (now >= budget_end_) {
    Cancel("the wall budget is spent");
  }
  bool tell = false;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    case_done_ = done;
    case_total_ = total;
    tell = now - last_progress_ >= kProgressInterval;
    if (tell) {
      last_progress_ = now;
      ++sequence_;
    }
  }
  if (tell) {
    Changed();
  }
  return !cancelled_;
}

void Run::KeepAnswers(const v1::Violation& violation) {
  Answers answers = clients_->AnswersSoFar();
  clients_->Tell(violation);
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto index = static_cast<int64_t>(results_.size());
  answers_[{index, violation.index()}] = std::move(answers);
}

void Run::AddResult(v1::CaseResult result) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    result.set_index(static_cast<int64_t>(results_.size()));
    run_.set_done_case_count(run_.done_case_count() + 1);
    run_.set_schedule_count(run_.schedule_count() + result.schedule_count());
    run_.set_step_count(run_.step_count() + result.step_count());
    current_case_.clear();
    results_.push_back(result);
    result_sequences_.push_back(++sequence_);
  }
  Changed();
}

void Run::Finish(v1::Run::State state, const std::string& failure) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (run_.state() >= v1::Run::STATE_DONE) {
      return;
    }
    const std::string cause =
        state == v1::Run::STATE_CANCELLED ? "cancelled" : "failed";
    for (size_t i = results_.size(); i < plan_.cases.size(); ++i) {
      v1::CaseResult missing = MissingResult(plan_.cases[i], cause);
      missing.set_index(static_cast<int64_t>(i));
      results_.push_back(std::move(missing));
      result_sequences_.push_back(++sequence_);
    }
    run_.set_state(state);
    run_.set_failure(failure);
    run_.set_outcome(OutcomeOf(results_));
    *run_.mutable_end_time() = ToProto(std::chrono::system_clock::now());
    current_case_.clear();
    ++sequence_;
  }
  if (clients_ != nullptr) {
    clients_->Finish(v1::AttachResponse::Goodbye::CAUSE_RUN_DONE);
  }
  Changed();
}

void Run::Cancel(const std::string& cause) {
  bool idle = false;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (run_.state() >= v1::Run::STATE_DONE || cancelled_) {
      return;
    }
    cancel_cause_ = cause;
    cancelled_ = true;
    idle = run_.state() != v1::Run::STATE_RUNNING;
  }
  if (clients_ != nullptr) {
    clients_->Cancel();
  }
  if (idle) {
    Finish(v1::Run::STATE_CANCELLED, cause);
  }
}

void Run::GiveUpWaiting() {
  if (state() != v1::Run::STATE_WAITING_FOR_CLIENTS) {
    return;
  }
  std::string wanted;
  for (const std::string& id : clients_->Wanted()) {
    wanted += (wanted.empty() ? "" : ", ") + id;
  }
  Finish(v1::Run::STATE_FAILED,
         "no client has bound these notifiers in time: " + wanted);
}

// --- Watching ----------------------------------------------------------------

Run::Next Run::NextUpdate(int64_t after_sequence,
                          v1::WatchRunResponse* message) const {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (after_sequence >= sequence_) {
      return run_.state() >= v1::Run::STATE_DONE ? Next::kEnd : Next::kWait;
    }
    message->Clear();
    const auto it = std::upper_bound(result_sequences_.begin(),
                                     result_sequences_.end(), after_sequence);
    if (it != result_sequences_.end()) {
      *message->mutable_finished_case() =
          results_[static_cast<size_t>(it - result_sequences_.begin())];
      message->set_sequence(*it);
    } else {
      message->set_sequence(sequence_);
    }
    message->set_current_case(current_case_);
    message->set_case_schedule_count(case_done_);
    message->set_case_schedule_total(case_total_);
  }
  *message->mutable_run() = View(/*with_results=*/false);
  return Next::kMessage;
}

Run::WatcherId Run::AddWatcher(std::function<void()> watcher) {
  const std::lock_guard<std::mutex> lock(watchers_mutex_);
  watchers_[next_watcher_] = std::move(watcher);
  return next_watcher_++;
}

void Run::RemoveWatcher(WatcherId id) {
  const std::lock_guard<std::mutex> lock(watchers_mutex_);
  watchers_.erase(id);
}

void Run::Changed() {
  std::vector<std::function<void()>> watchers;
  {
    const std::lock_guard<std::mutex> lock(watchers_mutex_);
    for (const auto& [id, watcher] : watchers_) {
      watchers.push_back(watcher);
    }
  }
  for (const std::function<void()>& watcher : watchers) {
    watcher();
  }
}

}  // namespace mmfault::host
