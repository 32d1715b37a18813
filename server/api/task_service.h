// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// task_service.h: TaskService over the table of worlds.
//
// Threads: gRPC's; a call runs its world itself when nobody else does.

#ifndef MMFAULT_SERVER_API_TASK_SERVICE_H_
#define MMFAULT_SERVER_API_TASK_SERVICE_H_

#include <memory>
#include <utility>

#include "mmfault/v1/task_service.grpc.pb.h"
#include "server/host/world_table.h"

namespace mmfault::api {

class TaskService final : public v1::TaskService::CallbackService {
 public:
  explicit TaskService(std::shared_ptr<host::WorldTable> worlds)
      : worlds_(std::move(worlds)) {}

  grpc::ServerUnaryReactor* CreateTask(
      grpc::CallbackServerContext* context,
      const v1::CreateTaskRequest* request,
      v1::CreateTaskResponse* response) override;
  grpc::ServerUnaryReactor* GetTask(grpc::CallbackServerContext* context,
                                    const v1::GetTaskRequest* request,
                                    v1::GetTaskResponse* response) override;
  grpc::ServerUnaryReactor* ListTasks(grpc::CallbackServerContext* context,
                                      const v1::ListTasksRequest* request,
                                      v1::ListTasksResponse* response) override;
  grpc::ServerUnaryReactor* AppendSteps(
      grpc::CallbackServerContext* context,
      const v1::AppendStepsRequest* request,
      v1::AppendStepsResponse* response) override;
  grpc::ServerUnaryReactor* WaitTask(grpc::CallbackServerContext* context,
                                     const v1::WaitTaskRequest* request,
                                     v1::WaitTaskResponse* response) override;
  grpc::ServerUnaryReactor* SignalTask(
      grpc::CallbackServerContext* context,
      const v1::SignalTaskRequest* request,
      v1::SignalTaskResponse* response) override;

 private:
  const std::shared_ptr<host::WorldTable> worlds_;
};

}  // namespace mmfault::api

#endif  // MMFAULT_SERVER_API_TASK_SERVICE_H_
