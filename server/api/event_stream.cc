// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/api/event_stream.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "server/api/error_status.h"
#include "server/base/error.h"
#include "server/host/world_view.h"

namespace mmfault::api {
namespace {

using host::HostedWorld;

constexpr int kDefaultBatch = 128;
constexpr int kMaxBatch = 1024;

class EventStream final
    : public grpc::ServerWriteReactor<v1::WatchEventsResponse> {
 public:
  static EventStream* Make(const WorldOr& world,
                           const v1::WatchEventsRequest& request) {
    std::shared_ptr<EventStream> stream(new EventStream(request));
    stream->self_ = stream;
    if (!world.ok()) {
      stream->End(world.status());
      return stream.get();
    }
    stream->world_ = *world;
    const absl::Status checked = stream->Check();
    if (checked.ok()) {
      stream->Continue();
    } else {
      stream->End(checked);
    }
    return stream.get();
  }

 private:
  explicit EventStream(v1::WatchEventsRequest request)
      : request_(std::move(request)) {}

  absl::Status Check() const {
    RETURN_IF_ERROR(
        host::CheckRange(request_.from_step(), -1, INT64_MAX, "from_step"));
    return host::CheckRange(request_.batch_size(), 0, kMaxBatch, "batch_size");
  }

  // Asks the runner for the next batch.
  void Continue() {
    world_->Post([self = self_](const absl::Status& alive) {
      if (self == nullptr || self->ended_) {
        return;
      }
      if (!alive.ok()) {
        self->End(alive);
      } else if (!self->Produce()) {
        self->WaitForMore();
      }
    });
  }

  // Once the world has moved.
  void WaitForMore() {
    world_->Observe([self = self_](const absl::Status& alive) {
      if (self->ended_) {
        return false;
      }
      if (!alive.ok()) {
        self->End(alive);
        return false;
      }
      return !self->Produce();
    });
  }

  void Begin() {
    begun_ = true;
    generation_ = world_->generation();
    const host::EventRing& ring = world_->events();
    if (request_.from_step() < 0) {
      next_ = ring.end();
      return;
    }
    const auto from = static_cast<uint64_t>(request_.from_step());
    if (from < ring.first_step()) {
      const std::string first = std::to_string(ring.first_step());
      End(base::MakeError(
          absl::StatusCode::kOutOfRange, "EVENTS_EVICTED",
          "events before step " + first + " are gone",
          {{"from_step", std::to_string(from)}, {"first_step", first}}));
      return;
    }
    next_ = ring.FirstOfStep(from);
  }

  // Writes a batch, or ends the stream; false when there is nothing to say yet.
  bool Produce() {
    if (!begun_) {
      Begin();
    }
    if (ended_) {
      return true;
    }
    message_.Clear();
    message_.set_generation(world_->generation());
    if (generation_ != world_->generation()) {
      generation_ = world_->generation();
      next_ = 0;
      StartWrite(&message_);
      return true;
    }
    const host::EventRing& ring = world_->events();
    if (next_ < ring.first()) {
      EndTooSlow(ring);
      return true;
    }
    Fill(ring);
    if (message_.events_size() != 0) {
      StartWrite(&message_);
      return true;
    }
    if (request_.no_follow()) {
      End(absl::OkStatus());
      return true;
    }
    return false;
  }

  // Whole steps only, so that a reader can go on after any message.
  void Fill(const host::EventRing& ring) {
    const int size =
        request_.batch_size() == 0 ? kDefaultBatch : request_.batch_size();
    uint64_t last_step = 0;
    for (; next_ < ring.end(); ++next_) {
      const host::EventRing::Entry entry = ring.at(next_);
      if (message_.events_size() >= size && entry.event.step != last_step) {
        break;
      }
      last_step = entry.event.step;
      v1::Event event = host::ViewEvent(*world_, entry);
      if (Wanted(event)) {
        *message_.add_events() = std::move(event);
      }
    }
    message_.set_next_step(static_cast<int64_t>(last_step) + 1);
  }

  bool Wanted(const v1::Event& event) const {
    const auto& kinds = request_.kinds();
    const auto& tasks = request_.tasks();
    return (kinds.empty() || std::find(kinds.begin(), kinds.end(),
                                       event.kind()) != kinds.end()) &&
           (tasks.empty() ||
            std::find(tasks.begin(), tasks.end(), event.task()) != tasks.end());
  }

  void EndTooSlow(const host::EventRing& ring) {
    const std::string first = std::to_string(ring.first_step());
    End(base::MakeError(
        absl::StatusCode::kResourceExhausted, "READER_TOO_SLOW",
        "the reader fell behind; events before step " + first + " are gone",
        {{"max", std::to_string(world_->settings().limits().max_events())},
         {"first_step", first}}));
  }

  void End(const absl::Status& status) {
    if (!ended_.exchange(true)) {
      Finish(ToGrpcStatus(status));
    }
  }

  void OnWriteDone(bool ok) override {
    if (ok) {
      Continue();
    } else {
      End(absl::CancelledError("the reader is gone"));
    }
  }

  void OnCancel() override {
    if (world_ == nullptr) {
      return;
    }
    world_->Post([self = self_](const absl::Status& /*alive*/) {
      self->End(absl::CancelledError("the reader is gone"));
    });
  }

  void OnDone() override { self_ = nullptr; }

  const v1::WatchEventsRequest request_;
  std::shared_ptr<HostedWorld> world_;
  std::shared_ptr<EventStream> self_;
  std::atomic<bool> ended_ = false;
  v1::WatchEventsResponse message_;  // the one being written
  // The runner's.
  bool begun_ = false;
  int64_t generation_ = 0;
  uint64_t next_ = 0;  // the entry of the ring
};

}  // namespace

grpc::ServerWriteReactor<v1::WatchEventsResponse>* StartEventStream(
    const WorldOr& world, const v1::WatchEventsRequest& request) {
  return EventStream::Make(world, request);
}

}  // namespace mmfault::api
