// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// world_service.h: WorldService over the table of worlds.
//
// Threads: gRPC's; what takes long (setting up a scenario) runs on the table's
// executor.

#ifndef MMFAULT_SERVER_API_WORLD_SERVICE_H_
#define MMFAULT_SERVER_API_WORLD_SERVICE_H_

#include <memory>
#include <utility>

#include "mmfault/v1/world_service.grpc.pb.h"
#include "server/host/world_table.h"

namespace mmfault::api {

class WorldService final : public v1::WorldService::CallbackService {
 public:
  explicit WorldService(std::shared_ptr<host::WorldTable> worlds)
      : worlds_(std::move(worlds)) {}

  grpc::ServerUnaryReactor* CreateWorld(
      grpc::CallbackServerContext* context,
      const v1::CreateWorldRequest* request,
      v1::CreateWorldResponse* response) override;
  grpc::ServerUnaryReactor* GetWorld(grpc::CallbackServerContext* context,
                                     const v1::GetWorldRequest* request,
                                     v1::GetWorldResponse* response) override;
  grpc::ServerUnaryReactor* ListWorlds(
      grpc::CallbackServerContext* context,
      const v1::ListWorldsRequest* request,
      v1::ListWorldsResponse* response) override;
  grpc::ServerUnaryReactor* DeleteWorld(
      grpc::CallbackServerContext* context,
      const v1::DeleteWorldRequest* request,
      v1::DeleteWorldResponse* response) override;
  grpc::ServerUnaryReactor* AdvanceWorld(
      grpc::CallbackServerContext* context,
      const v1::AdvanceWorldRequest* request,
      v1::AdvanceWorldResponse* response) override;
  grpc::ServerUnaryReactor* ResetWorld(
      grpc::CallbackServerContext* context,
      const v1::ResetWorldRequest* request,
      v1::ResetWorldResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchEventsResponse>* WatchEvents(
      grpc::CallbackServerContext* context,
      const v1::WatchEventsRequest* request) override;
  grpc::ServerUnaryReactor* ListViolations(
      grpc::CallbackServerContext* context,
      const v1::ListViolationsRequest* request,
      v1::ListViolationsResponse* response) override;
  grpc::ServerUnaryReactor* ListProtocols(
      grpc::CallbackServerContext* context,
      const v1::ListProtocolsRequest* request,
      v1::ListProtocolsResponse* response) override;
  grpc::ServerUnaryReactor* GetProtocol(
      grpc::CallbackServerContext* context,
      const v1::GetProtocolRequest* request,
      v1::GetProtocolResponse* response) override;

 private:
  absl::Status Create(const v1::CreateWorldRequest& request,
                      v1::CreateWorldResponse* response);
  absl::Status Delete(const v1::DeleteWorldRequest& request,
                      v1::DeleteWorldResponse* response);

  const std::shared_ptr<host::WorldTable> worlds_;
};

}  // namespace mmfault::api

#endif  // MMFAULT_SERVER_API_WORLD_SERVICE_H_
