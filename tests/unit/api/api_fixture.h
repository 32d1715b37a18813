// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// api_fixture.h: every service in this process, and short ways to call them.
//
// Threads: as the stubs.

#ifndef MMFAULT_TESTS_UNIT_API_API_FIXTURE_H_
#define MMFAULT_TESTS_UNIT_API_API_FIXTURE_H_

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "clients/cpp/error_details.h"
#include "mmfault/v1/fault_service.grpc.pb.h"
#include "mmfault/v1/mm_service.grpc.pb.h"
#include "mmfault/v1/notifier_service.grpc.pb.h"
#include "mmfault/v1/task_service.grpc.pb.h"
#include "mmfault/v1/world_service.grpc.pb.h"
#include "server/api/services.h"
#include "server/main/server.h"

namespace mmfault::api {

// Generous: a call that takes this long hangs.
inline constexpr std::chrono::seconds kPatience{20};

// One Attach stream, driven synchronously.
class AttachedClient {
 public:
  AttachedClient(v1::NotifierService::Stub& stub,
                 const v1::AttachRequest::Hello& hello) {
    context_.set_deadline(std::chrono::system_clock::now() + kPatience);
    stream_ = stub.Attach(&context_);
    v1::AttachRequest request;
    *request.mutable_hello() = hello;
    Write(request);
  }
  ~AttachedClient() {
    if (stream_ != nullptr) {
      context_.TryCancel();
      Finish();
    }
  }

  void Write(const v1::AttachRequest& request) { stream_->Write(request); }

  void Bind(const std::string& notifier, int64_t tag = 0) {
    v1::AttachRequest request;
    request.mutable_bind()->set_notifier(notifier);
    request.mutable_bind()->set_tag(tag);
    Write(request);
  }

  void Call(int64_t tag, const v1::Step& step, const std::string& task = "") {
    v1::AttachRequest request;
    request.mutable_call()->set_tag(tag);
    request.mutable_call()->set_task(task);
    *request.mutable_call()->mutable_step() = step;
    Write(request);
  }

  void Ack(const v1::AttachResponse::Callback& callback, int32_t rc = 0) {
    v1::AttachRequest request;
    request.mutable_ack()->set_callback_number(callback.callback_number());
    request.mutable_ack()->set_rc(rc);
    request.mutable_ack()->set_dropped_range(true);
    Write(request);
  }

  // The next message; an empty one when the stream has ended.
  v1::AttachResponse Read() {
    v1::AttachResponse response;
    if (!stream_->Read(&response)) {
      response.Clear();
    }
    return response;
  }

  // Acknowledges callbacks until something else comes, and returns that.
  v1::AttachResponse ReadAcking() {
    for (;;) {
      v1::AttachResponse response = Read();
      if (!response.has_callback()) {
        return response;
      }
      ++callbacks_;
      Ack(response.callback());
    }
  }
  int callbacks() const { return callbacks_; }

  void HalfClose() { stream_->WritesDone(); }
  grpc::Status Finish() {
    const grpc::Status status = stream_->Finish();
    stream_ = nullptr;
    return status;
  }
  void Cancel() { context_.TryCancel(); }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<
      grpc::ClientReaderWriter<v1::AttachRequest, v1::AttachResponse>>
      stream_;
  int callbacks_ = 0;
};

class ApiTest : public testing::Test {
 protected:
  ApiTest() { Start(host::Limits()); }

  void Start(const host::Limits& limits) {
    server_ = nullptr;
    server::Server::Options options;
    options.limits = limits;
    Services made = MakeServices(limits);
    options.services = std::move(made.services);
    options.on_drain = std::move(made.on_drain);
    auto server = server::Server::Start(std::move(options));
    ASSERT_TRUE(server.ok());
    server_ = *std::move(server);
    const auto channel = server_->InProcessChannel();
    worlds_ = v1::WorldService::NewStub(channel);
    mms_ = v1::MmService::NewStub(channel);
    tasks_ = v1::TaskService::NewStub(channel);
    notifiers_ = v1::NotifierService::NewStub(channel);
    faults_ = v1::FaultService::NewStub(channel);
  }

  // A unary call with the suite's patience: Call(*mms_, &Stub::GetMm, ...).
  template <typename Stub, typename Request, typename Response>
  static grpc::Status Call(Stub& stub,
                           grpc::Status (Stub::*method)(grpc::ClientContext*,
                                                        const Request&,
                                                        Response*),
                           const Request& request, Response* response) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kPatience);
    return (stub.*method)(&context, request, response);
  }

  static v1::WorldSettings Settings(const std::string& protocol = "6.1") {
    v1::WorldSettings settings;
    settings.set_protocol(protocol);
    settings.set_seed(7);
    return settings;
  }

  grpc::Status CreateWorld(const std::string& id,
                           const v1::WorldSettings& settings,
                           v1::World* world = nullptr) {
    v1::CreateWorldRequest request;
    request.set_world_id(id);
    *request.mutable_settings() = settings;
    v1::CreateWorldResponse response;
    const grpc::Status status = Call(
        *worlds_, &v1::WorldService::Stub::CreateWorld, request, &response);
    if (world != nullptr) {
      *world = response.world();
    }
    return status;
  }

  // An mm with one populated anonymous VMA at [0x100000, 0x110000).
  grpc::Status CreateMm(const std::string& world, const std::string& id) {
    v1::CreateMmRequest request;
    request.set_parent("worlds/" + world);
    request.set_mm_id(id);
    v1::Vma* vma = request.mutable_mm()->add_vma();
    vma->set_start(0x100000);
    vma->set_end(0x110000);
    vma->mutable_anonymous();
    vma->set_populated(true);
    v1::CreateMmResponse response;
    return Call(*mms_, &v1::MmService::Stub::CreateMm, request, &response);
  }

  grpc::Status RunStep(const std::string& world, const v1::Step& step,
                       v1::RunStepResponse* response,
                       const std::string& task = "",
                       const std::string& request_id = "") {
    v1::RunStepRequest request;
    request.set_parent("worlds/" + world);
    request.set_task(task);
    request.set_request_id(request_id);
    *request.mutable_step() = step;
    return Call(*mms_, &v1::MmService::Stub::RunStep, request, response);
  }

  static v1::Step Munmap(uint64_t start, uint64_t end) {
    v1::Step step;
    step.mutable_munmap()->mutable_range()->set_start(start);
    step.mutable_munmap()->mutable_range()->set_end(end);
    return step;
  }
  static v1::Step Register(const std::string& notifier,
                           const std::string& mm = "") {
    v1::Step step;
    step.mutable_register_()->set_notifier(notifier);
    step.mutable_register_()->set_mm(mm);
    return step;
  }
  static v1::Step Unregister(const std::string& notifier) {
    v1::Step step;
    step.mutable_unregister()->set_notifier(notifier);
    return step;
  }

  static v1::AttachRequest::Hello Hello(const std::string& world,
                                        const std::string& client = "") {
    v1::AttachRequest::Hello hello;
    hello.set_parent("worlds/" + world);
    hello.set_client(client);
    hello.set_want_violations(true);
    return hello;
  }

  std::vector<v1::Violation> Violations(const std::string& world) {
    v1::ListViolationsRequest request;
    request.set_parent("worlds/" + world);
    v1::ListViolationsResponse response;
    EXPECT_TRUE(Call(*worlds_, &v1::WorldService::Stub::ListViolations, request,
                     &response)
                    .ok());
    return {response.violations().begin(), response.violations().end()};
  }

  std::unique_ptr<server::Server> server_;
  std::unique_ptr<v1::WorldService::Stub> worlds_;
  std::unique_ptr<v1::MmService::Stub> mms_;
  std::unique_ptr<v1::TaskService::Stub> tasks_;
  std::unique_ptr<v1::NotifierService::Stub> notifiers_;
  std::unique_ptr<v1::FaultService::Stub> faults_;
};

// Code and reason of an error, like "NOT_FOUND MM_NOT_FOUND".
inline std::string Why(const grpc::Status& status) {
  return client::Describe(status).substr(0, client::Describe(status).find(':'));
}

}  // namespace mmfault::api

#endif  // MMFAULT_TESTS_UNIT_API_API_FIXTURE_H_
