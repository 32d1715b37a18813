// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// run_service.h: RunService over the table of runs.
//
// Threads: gRPC's. What takes long (setting up a scenario once, telling a
// story) runs on the table's background thread; nothing blocks an RPC thread.

#ifndef MMFAULT_SERVER_API_RUN_SERVICE_H_
#define MMFAULT_SERVER_API_RUN_SERVICE_H_

#include <memory>

#include "mmfault/v1/run_service.grpc.pb.h"
#include "server/host/run_table.h"

namespace mmfault::api {

class RunService final : public v1::RunService::CallbackService {
 public:
  explicit RunService(std::shared_ptr<host::RunTable> runs)
      : runs_(std::move(runs)) {}

  grpc::ServerUnaryReactor* CreateRun(grpc::CallbackServerContext* context,
                                      const v1::CreateRunRequest* request,
                                      v1::CreateRunResponse* response) override;
  grpc::ServerUnaryReactor* GetRun(grpc::CallbackServerContext* context,
                                   const v1::GetRunRequest* request,
                                   v1::GetRunResponse* response) override;
  grpc::ServerUnaryReactor* ListRuns(grpc::CallbackServerContext* context,
                                     const v1::ListRunsRequest* request,
                                     v1::ListRunsResponse* response) override;
  grpc::ServerUnaryReactor* CancelRun(grpc::CallbackServerContext* context,
                                      const v1::CancelRunRequest* request,
                                      v1::CancelRunResponse* response) override;
  grpc::ServerUnaryReactor* DeleteRun(grpc::CallbackServerContext* context,
                                      const v1::DeleteRunRequest* request,
                                      v1::DeleteRunResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchRunResponse>* WatchRun(
      grpc::CallbackServerContext* context,
      const v1::WatchRunRequest* request) override;
  grpc::ServerWriteReactor<v1::FetchTraceResponse>* FetchTrace(
      grpc::CallbackServerContext* context,
      const v1::FetchTraceRequest* request) override;
  grpc::ServerUnaryReactor* GetReport(grpc::CallbackServerContext* context,
                                      const v1::GetReportRequest* request,
                                      v1::GetReportResponse* response) override;
  grpc::ServerWriteReactor<v1::SweepResponse>* Sweep(
      grpc::CallbackServerContext* context,
      const v1::SweepRequest* request) override;

 private:
  absl::Status List(const v1::ListRunsRequest& request,
                    v1::ListRunsResponse* response) const;
  absl::Status Cancel(const v1::CancelRunRequest& request,
                      v1::CancelRunResponse* response);
  absl::Status Delete(const v1::DeleteRunRequest& request,
                      v1::DeleteRunResponse* response);
  absl::Status Report(const v1::GetReportRequest& request,
                      v1::GetReportResponse* response) const;

  const std::shared_ptr<host::RunTable> runs_;
};

}  // namespace mmfault::api

#endif  // MMFAULT_SERVER_API_RUN_SERVICE_H_
