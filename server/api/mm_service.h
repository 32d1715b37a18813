// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// mm_service.h: MmService over the table of worlds.
//
// Threads: gRPC's; a call runs its world itself when nobody else does.

#ifndef MMFAULT_SERVER_API_MM_SERVICE_H_
#define MMFAULT_SERVER_API_MM_SERVICE_H_

#include <memory>
#include <utility>

#include "mmfault/v1/mm_service.grpc.pb.h"
#include "server/api/arena_messages.h"
#include "server/host/world_table.h"

namespace mmfault::api {

class MmService final : public v1::MmService::CallbackService {
 public:
  explicit MmService(std::shared_ptr<host::WorldTable> worlds)
      : worlds_(std::move(worlds)) {
    SetMessageAllocatorFor_RunStep(&run_step_messages_);
  }

  grpc::ServerUnaryReactor* CreateMm(grpc::CallbackServerContext* context,
                                     const v1::CreateMmRequest* request,
                                     v1::CreateMmResponse* response) override;
  grpc::ServerUnaryReactor* GetMm(grpc::CallbackServerContext* context,
                                  const v1::GetMmRequest* request,
                                  v1::GetMmResponse* response) override;
  grpc::ServerUnaryReactor* ListMms(grpc::CallbackServerContext* context,
                                    const v1::ListMmsRequest* request,
                                    v1::ListMmsResponse* response) override;
  grpc::ServerUnaryReactor* DeleteMm(grpc::CallbackServerContext* context,
                                     const v1::DeleteMmRequest* request,
                                     v1::DeleteMmResponse* response) override;
  grpc::ServerUnaryReactor* ListVmas(grpc::CallbackServerContext* context,
                                     const v1::ListVmasRequest* request,
                                     v1::ListVmasResponse* response) override;
  grpc::ServerUnaryReactor* RunStep(grpc::CallbackServerContext* context,
                                    const v1::RunStepRequest* request,
                                    v1::RunStepResponse* response) override;
  grpc::ServerUnaryReactor* ForceTeardown(
      grpc::CallbackServerContext* context,
      const v1::ForceTeardownRequest* request,
      v1::ForceTeardownResponse* response) override;

 private:
  const std::shared_ptr<host::WorldTable> worlds_;
  ArenaMessages<v1::RunStepRequest, v1::RunStepResponse> run_step_messages_;
};

}  // namespace mmfault::api

#endif  // MMFAULT_SERVER_API_MM_SERVICE_H_
