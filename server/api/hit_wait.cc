// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/api/hit_wait.h"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/api/error_status.h"
#include "server/api/fault_info.h"
#include "server/base/status_macros.h"
#include "server/host/fault_book.h"
#include "server/host/names.h"
#include "server/host/wall_time.h"

namespace mmfault::api {
namespace {

constexpr std::chrono::milliseconds kLongestWait = std::chrono::hours(24);

class Waiting;

// Outlives the call: observers and timers that come late find it answered.
struct Wait {
  std::mutex mutex;
  Waiting* call = nullptr;  // null once it is answered
  v1::WaitForHitResponse* response = nullptr;

  // The runner's.
  faults::Point point = faults::Point::kCount;
  uint64_t hit = 1;
  int64_t generation = 0;
};

class Waiting final : public grpc::ServerUnaryReactor {
 public:
  explicit Waiting(std::shared_ptr<Wait> wait) : wait_(std::move(wait)) {}
  void OnCancel() override;
  void OnDone() override { delete this; }

 private:
  const std::shared_ptr<Wait> wait_;
};

// Answers, if nobody has yet. Copies the answer while the call cannot end.
void Answer(const std::shared_ptr<Wait>& wait, const absl::Status& status,
            const v1::WaitForHitResponse& answer = {}) {
  Waiting* call = nullptr;
  {
    const std::lock_guard<std::mutex> lock(wait->mutex);
    call = std::exchange(wait->call, nullptr);
    if (call != nullptr) {
      *wait->response = answer;
    }
  }
  if (call != nullptr) {
    call->Finish(ToGrpcStatus(status));
  }
}

void Waiting::OnCancel() {
  Answer(wait_, absl::CancelledError("the call was cancelled"));
}

v1::WaitForHitResponse Look(host::HostedWorld& world, const Wait& wait) {
  v1::WaitForHitResponse answer;
  const host::PointCounts counts = host::CountsAt(world.machine(), wait.point);
  answer.set_hit_count(static_cast<int64_t>(counts.hits));
  answer.set_step(static_cast<int64_t>(world.step()));
  answer.set_reached(counts.hits >= wait.hit);
  for (const Held& held :
       HeldTasks(world.machine(), world.faults(), world.name())) {
    if (held.point == wait.point) {
      *answer.mutable_hold() = held.hold;
      break;
    }
  }
  return answer;
}

bool Answered(const std::shared_ptr<Wait>& wait) {
  const std::lock_guard<std::mutex> lock(wait->mutex);
  return wait->call == nullptr;
}

// One look at the world; false when no further one is wanted.
bool Observe(host::HostedWorld& world, const std::shared_ptr<Wait>& wait,
             const absl::Status& alive) {
  if (!alive.ok()) {
    Answer(wait, alive);
    return false;
  }
  if (Answered(wait)) {
    return false;
  }
  if (world.generation() != wait->generation) {
    Answer(wait, host::WorldGone(world.name()));
    return false;
  }
  const v1::WaitForHitResponse answer = Look(world, *wait);
  if (answer.reached()) {
    Answer(wait, absl::OkStatus(), answer);
  }
  return !answer.reached();
}

void TimeOut(const std::shared_ptr<host::HostedWorld>& world,
             const std::shared_ptr<Wait>& wait) {
  world->Post([world, wait](const absl::Status& alive) {
    if (Observe(*world, wait, alive)) {
      Answer(wait, absl::OkStatus(), Look(*world, *wait));
    }
  });
}

// Fills in the wait; returns its timeout, if it has one.
absl::StatusOr<std::optional<std::chrono::milliseconds>> Read(
    const v1::WaitForHitRequest& request, Wait* wait) {
  ASSIGN_OR_RETURN(wait->point, PointOf(request.point()));
  RETURN_IF_ERROR(host::CheckRange(request.hit(), 0, INT64_MAX, "hit"));
  wait->hit = static_cast<uint64_t>(std::max<int64_t>(1, request.hit()));
  std::optional<std::chrono::milliseconds> timeout;
  if (request.has_timeout()) {
    ASSIGN_OR_RETURN(
        timeout, host::WallTime(request.timeout(), std::chrono::milliseconds(0),
                                kLongestWait, "timeout"));
  }
  return timeout;
}

}  // namespace

grpc::ServerUnaryReactor* WaitForHitCall(
    const absl::StatusOr<std::shared_ptr<host::HostedWorld>>& world,
    host::Executor* executor, const v1::WaitForHitRequest& request,
    v1::WaitForHitResponse* response) {
  auto wait = std::make_shared<Wait>();
  auto* call = new Waiting(wait);
  wait->call = call;
  wait->response = response;
  const auto timeout = Read(request, wait.get());
  if (!world.ok() || !timeout.ok()) {
    Answer(wait, world.ok() ? timeout.status() : world.status());
    return call;
  }
  (*world)->Post([world = *world, wait](const absl::Status& alive) {
    if (!alive.ok()) {
      Answer(wait, alive);
      return;
    }
    wait->generation = world->generation();
    world->Observe([raw = world.get(), wait](const absl::Status& still) {
      return Observe(*raw, wait, still);
    });
  });
  if (*timeout == std::chrono::milliseconds(0)) {
    TimeOut(*world, wait);
  } else if (timeout->has_value()) {
    executor->RunAt(host::Executor::Clock::now() + **timeout,
                    [world = *world, wait] { TimeOut(world, wait); });
  }
  return call;
}

}  // namespace mmfault::api
