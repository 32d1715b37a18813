// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/run_job.h"

#include <algorithm>
#include <set>

#include "clients/cli/exit_codes.h"
#include "clients/cli/interrupt.h"

namespace mmfault::cli {
namespace {

// Breaks of the stream in a row, without a message in between, that are taken
// for bad luck.
constexpr int kBreaksMax = 3;

// Whether the stream ended because the run did.
bool Watch(client::Session& session, const std::string& name, int64_t* sequence,
           const std::function<void(const v1::WatchRunResponse&)>& on_message,
           grpc::Status* status) {
  v1::WatchRunRequest request;
  request.set_name(name);
  request.set_after_sequence(*sequence);
  grpc::ClientContext context;
  const auto reader = session.runs().WatchRun(&context, request);
  v1::WatchRunResponse response;
  while (reader->Read(&response)) {
    *sequence = response.sequence();
    on_message(response);
  }
  *status = reader->Finish();
  return status->ok();
}

int Badness(v1::Run::Outcome outcome) {
  switch (outcome) {
    case v1::Run::OUTCOME_UNMET:
      return 2;
    case v1::Run::OUTCOME_INCONCLUSIVE:
      return 1;
    default:
      return 0;
  }
}

}  // namespace

client::Answer<v1::Run> FollowRun(
    client::Session& session, const std::string& name, Progress& progress,
    const std::function<void(const v1::CaseResult&)>& on_case) {
  int64_t sequence = 0;
  int breaks = 0;
  grpc::Status status;
  std::set<int64_t> seen;
  const auto on_message = [&](const v1::WatchRunResponse& message) {
    breaks = 0;
    if (message.has_finished_case() &&
        seen.insert(message.finished_case().index()).second) {
      progress.Clear();
      on_case(message.finished_case());
    }
    progress.Show(message);
  };
  const InterruptWatch interrupt([&session, &name] {
    v1::CancelRunRequest cancel;
    cancel.set_name(name);
    // One that cannot be cancelled ends by itself, or is gone.
    session.Call(session.runs(), &v1::RunService::Stub::CancelRun, cancel);
  });
  while (!Watch(session, name, &sequence, on_message, &status)) {
    const bool may_come_back =
        status.error_code() == grpc::StatusCode::UNAVAILABLE;
    if (!may_come_back || ++breaks > kBreaksMax) return {status, {}};
  }
  progress.Clear();
  v1::GetRunRequest request;
  request.set_name(name);
  auto answer =
      session.Call(session.runs(), &v1::RunService::Stub::GetRun, request);
  return {answer.status, std::move(*answer.value.mutable_run())};
}

int ExitCodeFor(const v1::Run& run) {
  if (run.outcome() == v1::Run::OUTCOME_UNMET) return kExitUnmet;
  if (run.state() != v1::Run::STATE_DONE &&
      run.state() != v1::Run::STATE_CANCELLED) {
    return kExitInfrastructure;
  }
  return run.outcome() == v1::Run::OUTCOME_MET ? kExitOk : kExitInconclusive;
}

void MergeRun(const v1::Run& part, v1::Run* whole) {
  if (whole->name().empty()) {
    *whole = part;
    return;
  }
  whole->mutable_results()->MergeFrom(part.results());
  for (int i = 0; i < whole->results_size(); ++i) {
    whole->mutable_results(i)->set_index(i);
  }
  if (Badness(part.outcome()) > Badness(whole->outcome())) {
    whole->set_outcome(part.outcome());
  }
  if (part.state() != v1::Run::STATE_DONE) whole->set_state(part.state());
  if (whole->failure().empty()) whole->set_failure(part.failure());
  whole->set_case_count(whole->case_count() + part.case_count());
  whole->set_done_case_count(whole->done_case_count() + part.done_case_count());
  whole->set_schedule_count(whole->schedule_count() + part.schedule_count());
  whole->set_step_count(whole->step_count() + part.step_count());
}

}  // namespace mmfault::cli
