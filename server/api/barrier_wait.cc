// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/api/barrier_wait.h"

#include <grpcpp/server_context.h>

#include <chrono>
#include <optional>
#include <utility>

#include "server/api/error_status.h"
#include "server/api/pending_call.h"
#include "server/base/status_macros.h"
#include "server/host/wall_time.h"

namespace mmfault::api {
namespace {

using Response = v1::ArriveAtBarrierResponse;
using WorldPtr = std::shared_ptr<host::HostedWorld>;
using Timeout = std::optional<std::chrono::milliseconds>;

constexpr std::chrono::milliseconds kLongestWait = std::chrono::hours(24);

absl::StatusOr<Timeout> TimeoutOf(const v1::ArriveAtBarrierRequest& request) {
  Timeout timeout;
  if (request.has_timeout()) {
    ASSIGN_OR_RETURN(
        timeout, host::WallTime(request.timeout(), std::chrono::milliseconds(0),
                                kLongestWait, "timeout"));
  }
  return timeout;
}

void TimeOutLater(const WorldPtr& world, host::Executor* executor,
                  std::chrono::milliseconds timeout, uint64_t waiter) {
  executor->RunAt(
      host::Executor::Clock::now() + timeout,
      [weak = std::weak_ptr(world), waiter] {
        const WorldPtr hosted = weak.lock();
        if (hosted != nullptr) {
          hosted->Post([raw = hosted.get(), waiter](const absl::Status& alive) {
            if (alive.ok()) {
              raw->barriers().Leave(waiter, true);
            }
          });
        }
      });
}

// On the runner.
void Arrive(const WorldPtr& world, host::Executor* executor,
            const std::string& id, const v1::ArriveAtBarrierRequest& request,
            Timeout timeout, const std::shared_ptr<ReplySlot<Response>>& slot) {
  host::BarrierBook& barriers = world->barriers();
  const absl::StatusOr<uint64_t> waiter =
      barriers.Arrive(id, request.parties(), request.party(),
                      [slot](absl::StatusOr<Response> answer) {
                        slot->Answer(std::move(answer));
                      });
  if (!waiter.ok()) {
    slot->Answer(waiter.status());
    return;
  }
  slot->SetAbandoned([raw = world.get(), number = *waiter] {
    raw->barriers().Leave(number, false);
  });
  if (timeout == std::chrono::milliseconds(0)) {
    barriers.Leave(*waiter, true);
  } else if (timeout.has_value()) {
    TimeOutLater(world, executor, *timeout, *waiter);
  }
}

}  // namespace

grpc::ServerUnaryReactor* ArriveCall(grpc::CallbackServerContext* context,
                                     const absl::StatusOr<WorldPtr>& world,
                                     host::Executor* executor,
                                     const std::string& id,
                                     const v1::ArriveAtBarrierRequest& request,
                                     Response* response) {
  const absl::StatusOr<Timeout> timeout = TimeoutOf(request);
  if (!world.ok() || !timeout.ok()) {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(
        ToGrpcStatus(world.ok() ? timeout.status() : world.status()));
    return reactor;
  }
  const auto slot = std::make_shared<ReplySlot<Response>>(response);
  // The request may be gone when the last of the message runs.
  (*world)->Post([hosted = *world, executor, id, request, timeout = *timeout,
                  slot](const absl::Status& alive) {
    if (alive.ok()) {
      Arrive(hosted, executor, id, request, timeout, slot);
    } else {
      slot->Answer(alive);
    }
  });
  return ReplySlot<Response>::Connect(slot, context, *world);
}

}  // namespace mmfault::api
