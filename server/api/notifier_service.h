// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// notifier_service.h: NotifierService over the table of worlds, and over runs.
//
// Threads: gRPC's; nothing blocks.

#ifndef MMFAULT_SERVER_API_NOTIFIER_SERVICE_H_
#define MMFAULT_SERVER_API_NOTIFIER_SERVICE_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "mmfault/v1/notifier_service.grpc.pb.h"
#include "server/host/remote_session.h"
#include "server/host/world_table.h"

namespace mmfault::api {

// The session of `runs/{run}`; RUN_NOT_FOUND, RUN_WRONG_STATE.
using FindRunSession =
    std::function<absl::StatusOr<std::shared_ptr<host::RemoteSession>>(
        const std::string& name)>;

class NotifierService final : public v1::NotifierService::CallbackService {
 public:
  NotifierService(std::shared_ptr<host::WorldTable> worlds,
                  FindRunSession find_run)
      : worlds_(std::move(worlds)), find_run_(std::move(find_run)) {}

  grpc::ServerUnaryReactor* GetNotifier(
      grpc::CallbackServerContext* context,
      const v1::GetNotifierRequest* request,
      v1::GetNotifierResponse* response) override;
  grpc::ServerUnaryReactor* ListNotifiers(
      grpc::CallbackServerContext* context,
      const v1::ListNotifiersRequest* request,
      v1::ListNotifiersResponse* response) override;
  grpc::ServerBidiReactor<v1::AttachRequest, v1::AttachResponse>* Attach(
      grpc::CallbackServerContext* context) override;

 private:
  absl::StatusOr<std::shared_ptr<host::RemoteSession>> FindSession(
      const std::string& parent) const;

  const std::shared_ptr<host::WorldTable> worlds_;
  const FindRunSession find_run_;
};

}  // namespace mmfault::api

#endif  // MMFAULT_SERVER_API_NOTIFIER_SERVICE_H_
