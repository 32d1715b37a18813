// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/api/pull_lever.h"

#include <grpcpp/server_context.h>

#include <atomic>
#include <memory>
#include <string>

#include "server/api/error_status.h"

namespace mmfault::api {
namespace {

// Shared by the worlds; the last one to let go of it ends the call.
class Pull {
 public:
  Pull(grpc::ServerUnaryReactor* reactor, v1::PullSafetyLeverResponse* response)
      : reactor_(reactor), response_(response) {}
  Pull(const Pull&) = delete;
  Pull& operator=(const Pull&) = delete;

  ~Pull() {
    response_->set_disarmed_count(disarmed_);
    response_->set_resumed_count(resumed_);
    reactor_->Finish(grpc::Status::OK);
  }

  void Count(const host::Disarmed& gone) {
    disarmed_ += static_cast<int64_t>(gone.faults.size());
    resumed_ += gone.resumed;
  }

 private:
  grpc::ServerUnaryReactor* const reactor_;
  v1::PullSafetyLeverResponse* const response_;
  std::atomic<int64_t> disarmed_ = 0;
  std::atomic<int64_t> resumed_ = 0;
};

}  // namespace

grpc::ServerUnaryReactor* PullLeverCall(
    grpc::CallbackServerContext* context, host::WorldTable& worlds,
    host::LeaseTable& leases, const v1::PullSafetyLeverRequest& request,
    v1::PullSafetyLeverResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  // The request lives until the call is finished, which worlds may do at once.
  v1::SafetyLever lever;
  lever.CopyFrom(request.lever());
  const absl::Status pulled = worlds.levers().Pull(lever);
  if (!pulled.ok()) {
    reactor->Finish(ToGrpcStatus(pulled));
    return reactor;
  }
  const auto pull = std::make_shared<Pull>(reactor, response);
  for (const std::shared_ptr<host::HostedWorld>& world : worlds.All()) {
    world->Post([raw = world.get(), pull,
                 client = lever.client()](const absl::Status& alive) {
      if (alive.ok()) {
        pull->Count(raw->StopFaults(client));
      }
    });
  }
  leases.TellPulled(lever);
  return reactor;
}

}  // namespace mmfault::api
