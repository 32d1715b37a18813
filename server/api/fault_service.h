// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// fault_service.h: FaultService over the table of worlds.
//
// Everything about a world is done by whoever runs it (host/hosted_world.h):
// handlers post a message and are answered from it.
//
// Threads: gRPC's; nothing blocks.

#ifndef MMFAULT_SERVER_API_FAULT_SERVICE_H_
#define MMFAULT_SERVER_API_FAULT_SERVICE_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "mmfault/v1/fault_service.grpc.pb.h"
#include "server/host/lease_table.h"
#include "server/host/world_table.h"

namespace mmfault::api {

class FaultService final : public v1::FaultService::CallbackService {
 public:
  FaultService(std::shared_ptr<host::WorldTable> worlds,
               std::shared_ptr<host::LeaseTable> leases)
      : worlds_(std::move(worlds)), leases_(std::move(leases)) {}

  grpc::ServerUnaryReactor* ListFaultPoints(
      grpc::CallbackServerContext* context,
      const v1::ListFaultPointsRequest* request,
      v1::ListFaultPointsResponse* response) override;
  grpc::ServerUnaryReactor* ArmFault(grpc::CallbackServerContext* context,
                                     const v1::ArmFaultRequest* request,
                                     v1::ArmFaultResponse* response) override;
  grpc::ServerUnaryReactor* ApplyPlan(grpc::CallbackServerContext* context,
                                      const v1::ApplyPlanRequest* request,
                                      v1::ApplyPlanResponse* response) override;
  grpc::ServerUnaryReactor* DisarmFault(
      grpc::CallbackServerContext* context,
      const v1::DisarmFaultRequest* request,
      v1::DisarmFaultResponse* response) override;
  grpc::ServerUnaryReactor* GetFault(grpc::CallbackServerContext* context,
                                     const v1::GetFaultRequest* request,
                                     v1::GetFaultResponse* response) override;
  grpc::ServerUnaryReactor* ListFaults(
      grpc::CallbackServerContext* context,
      const v1::ListFaultsRequest* request,
      v1::ListFaultsResponse* response) override;
  grpc::ServerUnaryReactor* WaitForHit(
      grpc::CallbackServerContext* context,
      const v1::WaitForHitRequest* request,
      v1::WaitForHitResponse* response) override;
  grpc::ServerUnaryReactor* ListHolds(grpc::CallbackServerContext* context,
                                      const v1::ListHoldsRequest* request,
                                      v1::ListHoldsResponse* response) override;
  grpc::ServerUnaryReactor* ResumeHold(
      grpc::CallbackServerContext* context,
      const v1::ResumeHoldRequest* request,
      v1::ResumeHoldResponse* response) override;
  grpc::ServerUnaryReactor* SetCapability(
      grpc::CallbackServerContext* context,
      const v1::SetCapabilityRequest* request,
      v1::SetCapabilityResponse* response) override;
  grpc::ServerBidiReactor<v1::HoldLeaseRequest, v1::HoldLeaseResponse>*
  HoldLease(grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* ListLeases(
      grpc::CallbackServerContext* context,
      const v1::ListLeasesRequest* request,
      v1::ListLeasesResponse* response) override;
  grpc::ServerUnaryReactor* ArriveAtBarrier(
      grpc::CallbackServerContext* context,
      const v1::ArriveAtBarrierRequest* request,
      v1::ArriveAtBarrierResponse* response) override;
  grpc::ServerUnaryReactor* ListBarriers(
      grpc::CallbackServerContext* context,
      const v1::ListBarriersRequest* request,
      v1::ListBarriersResponse* response) override;
  grpc::ServerUnaryReactor* PullSafetyLever(
      grpc::CallbackServerContext* context,
      const v1::PullSafetyLeverRequest* request,
      v1::PullSafetyLeverResponse* response) override;
  grpc::ServerUnaryReactor* LiftSafetyLever(
      grpc::CallbackServerContext* context,
      const v1::LiftSafetyLeverRequest* request,
      v1::LiftSafetyLeverResponse* response) override;
  grpc::ServerUnaryReactor* ListSafetyLevers(
      grpc::CallbackServerContext* context,
      const v1::ListSafetyLeversRequest* request,
      v1::ListSafetyLeversResponse* response) override;

 private:
  using WorldPtr = std::shared_ptr<host::HostedWorld>;

  // The world of a request's `worlds/{world}`.
  absl::StatusOr<WorldPtr> FindParent(const std::string& parent) const;
  // ... and of a name below one, with the last id.
  absl::StatusOr<WorldPtr> FindOwner(const std::string& name,
                                     std::string_view collection, bool wildcard,
                                     std::string* id) const;

  const std::shared_ptr<host::WorldTable> worlds_;
  const std::shared_ptr<host::LeaseTable> leases_;
};

}  // namespace mmfault::api

#endif  // MMFAULT_SERVER_API_FAULT_SERVICE_H_
