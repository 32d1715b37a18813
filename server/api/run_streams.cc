// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/api/run_streams.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "server/api/error_status.h"
#include "server/base/status_macros.h"
#include "server/host/names.h"
#include "server/host/run.h"

namespace mmfault::api {
namespace {

using host::Run;

// Who may touch the reactor is whoever has moved `state` away from kWaiting (or
// was called back by gRPC for a write): so a watcher that comes late, after the
// reactor is gone, finds another state and leaves it alone.
class Watch final : public grpc::ServerWriteReactor<v1::WatchRunResponse> {
 public:
  Watch(std::shared_ptr<Run> run, int64_t after)
      : run_(std::move(run)), after_(after), gate_(std::make_shared<Gate>()) {
    gate_->watch = this;
    watcher_ = run_->AddWatcher([gate = gate_] { Poke(gate); });
    Poke(gate_);
  }

  void OnWriteDone(bool ok) override {
    if (!ok) {
      Finish(grpc::Status::CANCELLED);
      return;
    }
    after_ = message_.sequence();
    bool cancelled = false;
    {
      const std::lock_guard<std::mutex> lock(gate_->mutex);
      cancelled = gate_->cancelled;
    }
    GoOn(gate_, cancelled);
  }

  void OnCancel() override {
    bool mine = false;
    {
      const std::lock_guard<std::mutex> lock(gate_->mutex);
      gate_->cancelled = true;
      mine = gate_->state == State::kWaiting;
      if (mine) {
        gate_->state = State::kBusy;
      }
    }
    if (mine) {
      Finish(grpc::Status::CANCELLED);
    }
  }

  void OnDone() override {
    run_->RemoveWatcher(watcher_);
    delete this;
  }

 private:
  enum class State { kWaiting, kBusy };
  struct Gate {
    std::mutex mutex;
    State state = State::kWaiting;
    bool cancelled = false;
    bool changed = false;  // while busy
    Watch* watch = nullptr;
  };

  static void Poke(const std::shared_ptr<Gate>& gate) {
    bool cancelled = false;
    {
      const std::lock_guard<std::mutex> lock(gate->mutex);
      gate->changed = true;
      if (gate->state != State::kWaiting) {
        return;
      }
      gate->state = State::kBusy;
      cancelled = gate->cancelled;
    }
    gate->watch->GoOn(gate, cancelled);
  }

  // The caller has made it busy.
  void GoOn(const std::shared_ptr<Gate>& gate, bool cancelled) {
    while (true) {
      if (cancelled) {
        Finish(grpc::Status::CANCELLED);
        return;
      }
      {
        const std::lock_guard<std::mutex> lock(gate->mutex);
        gate->changed = false;
      }
      switch (run_->NextUpdate(after_, &message_)) {
        case Run::Next::kMessage:
          StartWrite(&message_);
          return;
        case Run::Next::kEnd:
          Finish(grpc::Status::OK);
          return;
        case Run::Next::kWait:
          break;
      }
      // Asked before the change was seen: ask again instead of waiting.
      const std::lock_guard<std::mutex> lock(gate->mutex);
      cancelled = gate->cancelled;
      if (!gate->changed && !cancelled) {
        gate->state = State::kWaiting;
        return;
      }
    }
  }

  const std::shared_ptr<Run> run_;
  int64_t after_;
  const std::shared_ptr<Gate> gate_;
  Run::WatcherId watcher_ = 0;
  v1::WatchRunResponse message_;
};

// A stream that only says why there is none.
template <typename Message>
class Refused final : public grpc::ServerWriteReactor<Message> {
 public:
  explicit Refused(const absl::Status& status) {
    this->Finish(ToGrpcStatus(status));
  }
  void OnDone() override { delete this; }
};

// Told on a background thread, then written batch by batch.
class Fetch final : public grpc::ServerWriteReactor<v1::FetchTraceResponse> {
 public:
  Fetch(host::StoryRequest story, const v1::FetchTraceRequest& request)
      : story_(std::move(story)),
        from_step_(request.from_step()),
        until_step_(request.until_step()),
        batch_size_(request.batch_size() == 0 ? kDefaultBatch
                                              : request.batch_size()),
        capsule_only_(request.capsule_only()) {}

  // Nothing else touches the reactor before this has written or finished.
  void Tell() {
    absl::StatusOr<scenario::Story> told = host::TellCapsule(
        story_.planned, story_.capsule, story_.capsule.step_budget());
    if (!told.ok()) {
      Finish(ToGrpcStatus(told.status()));
      return;
    }
    host::FillCapsule(*told, &story_.capsule);
    if (!capsule_only_) {
      events_ = std::move(told->events);
    }
    next_ = FirstAt(from_step_);
    end_ = until_step_ == 0 ? events_.size() : FirstAt(until_step_);
    *message_.mutable_capsule() = story_.capsule;
    *message_.mutable_violation() = story_.violation;
    StartWrite(&message_);
  }

  void OnWriteDone(bool ok) override {
    if (!ok || next_ >= end_) {
      Finish(ok ? grpc::Status::OK : grpc::Status::CANCELLED);
      return;
    }
    message_.Clear();
    const size_t stop =
        std::min(end_, next_ + static_cast<size_t>(batch_size_));
    for (; next_ < stop; ++next_) {
      *message_.add_events() = std::move(events_[next_]);
    }
    StartWrite(&message_);
  }

  void OnDone() override { delete this; }

 private:
  static constexpr int32_t kDefaultBatch = 128;

  size_t FirstAt(int64_t step) const {
    const auto it = std::lower_bound(
        events_.begin(), events_.end(), step,
        [](const v1::Event& event, int64_t s) { return event.step() < s; });
    return static_cast<size_t>(it - events_.begin());
  }

  host::StoryRequest story_;
  const int64_t from_step_;
  const int64_t until_step_;
  const int32_t batch_size_;
  const bool capsule_only_;
  std::vector<v1::Event> events_;
  size_t next_ = 0;
  size_t end_ = 0;
  v1::FetchTraceResponse message_;
};

absl::StatusOr<host::StoryRequest> FindStory(
    const host::RunTable& runs, const v1::FetchTraceRequest& request) {
  RETURN_IF_ERROR(
      host::CheckRange(request.from_step(), 0, INT64_MAX, "from_step"));
  RETURN_IF_ERROR(
      host::CheckRange(request.until_step(), 0, INT64_MAX, "until_step"));
  RETURN_IF_ERROR(
      host::CheckRange(request.batch_size(), 0, 1024, "batch_size"));
  ASSIGN_OR_RETURN(const std::shared_ptr<Run> run, runs.Find(request.name()));
  return run->StoryOf(request.case_index(), request.violation_index());
}

}  // namespace

grpc::ServerWriteReactor<v1::WatchRunResponse>* WatchRunStream(
    host::RunTable* runs, const v1::WatchRunRequest& request) {
  absl::Status status = host::CheckRange(request.after_sequence(), 0, INT64_MAX,
                                         "after_sequence");
  if (status.ok()) {
    absl::StatusOr<std::shared_ptr<Run>> run = runs->Find(request.name());
    if (run.ok()) {
      return new Watch(*std::move(run), request.after_sequence());
    }
    status = run.status();
  }
  return new Refused<v1::WatchRunResponse>(status);
}

grpc::ServerWriteReactor<v1::FetchTraceResponse>* FetchTraceStream(
    host::RunTable* runs, const v1::FetchTraceRequest& request) {
  absl::StatusOr<host::StoryRequest> story = FindStory(*runs, request);
  if (!story.ok()) {
    return new Refused<v1::FetchTraceResponse>(story.status());
  }
  auto* fetch = new Fetch(*std::move(story), request);
  const absl::Status status = runs->Background([fetch] { fetch->Tell(); });
  if (!status.ok()) {
    fetch->Finish(ToGrpcStatus(status));
  }
  return fetch;
}

}  // namespace mmfault::api
