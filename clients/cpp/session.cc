// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "clients/cpp/session.h"

#include <grpcpp/create_channel.h>

#include <cstdio>
#include <random>
#include <utility>

namespace mmfault::client {

std::string NewRequestId() {
  thread_local std::mt19937_64 random{(uint64_t{std::random_device{}()} << 32) ^
                                      std::random_device{}()};
  char text[33];
  std::snprintf(text, sizeof(text), "%016llx%016llx",
                static_cast<unsigned long long>(random()),
                static_cast<unsigned long long>(random()));
  return text;
}

std::unique_ptr<Session> Session::Connect(
    const std::string& address,
    const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
  return std::make_unique<Session>(grpc::CreateChannel(address, credentials));
}

Session::Session(std::shared_ptr<grpc::Channel> channel)
    : channel_(std::move(channel)),
      worlds_(v1::WorldService::NewStub(channel_)),
      mms_(v1::MmService::NewStub(channel_)),
      tasks_(v1::TaskService::NewStub(channel_)),
      notifiers_(v1::NotifierService::NewStub(channel_)),
      faults_(v1::FaultService::NewStub(channel_)),
      runs_(v1::RunService::NewStub(channel_)) {}

Answer<v1::World> Session::CreateWorld(const v1::CreateWorldRequest& request) {
  auto answer = Call(*worlds_, &v1::WorldService::Stub::CreateWorld, request);
  return {answer.status, std::move(*answer.value.mutable_world())};
}

grpc::Status Session::DeleteWorld(const std::string& name) {
  v1::DeleteWorldRequest request;
  request.set_name(name);
  return Call(*worlds_, &v1::WorldService::Stub::DeleteWorld, request).status;
}

Answer<v1::Mm> Session::CreateMm(const v1::CreateMmRequest& request) {
  auto answer = Call(*mms_, &v1::MmService::Stub::CreateMm, request);
  return {answer.status, std::move(*answer.value.mutable_mm())};
}

Answer<v1::StepResult> Session::RunStep(const std::string& world,
                                        const std::string& task,
                                        const v1::Step& step) {
  v1::RunStepRequest request;
  request.set_parent(world);
  request.set_task(task);
  *request.mutable_step() = step;
  auto answer = Call(*mms_, &v1::MmService::Stub::RunStep, request);
  return {answer.status, std::move(*answer.value.mutable_result())};
}

Answer<std::vector<v1::Violation>> Session::ListViolations(
    const std::string& world) {
  v1::ListViolationsRequest request;
  request.set_parent(world);
  Answer<std::vector<v1::Violation>> all;
  all.status =
      ForEachPage(*worlds_, &v1::WorldService::Stub::ListViolations, request,
                  [&all](const v1::ListViolationsResponse& page) {
                    all.value.insert(all.value.end(), page.violations().begin(),
                                     page.violations().end());
                  });
  return all;
}

}  // namespace mmfault::client
