// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// session.h: a connection to a server.
//
//   auto session = Session::Connect("127.0.0.1:50051");
//   v1::CreateWorldRequest request;
//   request.mutable_settings()->set_protocol("6.1");
//   auto world = session->CreateWorld(request);
//   if (!world.ok()) std::cerr << Describe(world.status) << "\n";
//
// Every RPC of the API is at hand through the stubs. Call() adds to them what
// is the same for all: a deadline, a request id where the request takes one and
// has none, and one more try when the connection broke, which the request id
// makes safe.
//
// Threads: all members may be called from any thread.

#ifndef MMFAULT_CLIENTS_CPP_SESSION_H_
#define MMFAULT_CLIENTS_CPP_SESSION_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/security/credentials.h>

#include <chrono>
#include <memory>
#include <string>

#include "clients/cpp/answer.h"
#include "clients/cpp/error_details.h"
#include "mmfault/v1/fault_service.grpc.pb.h"
#include "mmfault/v1/mm_service.grpc.pb.h"
#include "mmfault/v1/notifier_service.grpc.pb.h"
#include "mmfault/v1/run_service.grpc.pb.h"
#include "mmfault/v1/task_service.grpc.pb.h"
#include "mmfault/v1/world_service.grpc.pb.h"

namespace mmfault::client {

// A new random id, fit for `request_id`.
std::string NewRequestId();

class Session {
 public:
  // Connects when the first call is made. `address` is `HOST:PORT` or
  // `unix:/PATH`; plaintext unless credentials are given.
  static std::unique_ptr<Session> Connect(
      const std::string& address,
      const std::shared_ptr<grpc::ChannelCredentials>& credentials =
          grpc::InsecureChannelCredentials());

  // Over a channel that exists, like that of an embedded server.
  explicit Session(std::shared_ptr<grpc::Channel> channel);

  v1::WorldService::Stub& worlds() { return *worlds_; }
  v1::MmService::Stub& mms() { return *mms_; }
  v1::TaskService::Stub& tasks() { return *tasks_; }
  v1::NotifierService::Stub& notifiers() { return *notifiers_; }
  v1::FaultService::Stub& faults() { return *faults_; }
  v1::RunService::Stub& runs() { return *runs_; }

  // Longest wait for one call; zero, the default, means none.
  void set_deadline(std::chrono::milliseconds deadline) {
    deadline_ = deadline;
  }

  // One unary call. `method` is the stub's:
  //   session.Call(session.mms(), &v1::MmService::Stub::GetMm, request)
  template <typename Stub, typename Request, typename Response>
  Answer<Response> Call(Stub& stub,
                        grpc::Status (Stub::*method)(grpc::ClientContext*,
                                                     const Request&, Response*),
                        const Request& request) {
    if constexpr (requires { request.request_id(); }) {
      if (request.request_id().empty()) {
        Request named = request;
        named.set_request_id(NewRequestId());
        return Call(stub, method, named);
      }
    }
    Answer<Response> answer = Try(stub, method, request);
    // No details: it was the connection, not the server.
    if (answer.status.error_code() == grpc::StatusCode::UNAVAILABLE &&
        Reason(answer.status).empty()) {
      answer = Try(stub, method, request);
    }
    return answer;
  }

  // Calls for every page of a listing and hands each response to `take`.
  template <typename Stub, typename Request, typename Response, typename Take>
  grpc::Status ForEachPage(Stub& stub,
                           grpc::Status (Stub::*method)(grpc::ClientContext*,
                                                        const Request&,
                                                        Response*),
                           Request request, Take take) {
    for (;;) {
      Answer<Response> page = Call(stub, method, request);
      if (!page.ok()) return page.status;
      request.set_page_token(page.value.next_page_token());
      take(page.value);
      if (request.page_token().empty()) return grpc::Status::OK;
    }
  }

  Answer<v1::World> CreateWorld(const v1::CreateWorldRequest& request);
  grpc::Status DeleteWorld(const std::string& name);
  Answer<v1::Mm> CreateMm(const v1::CreateMmRequest& request);

  // Runs one step in `task` (empty: the server's choice) and, in a FREE_RUNNING
  // world, returns how it ended.
  Answer<v1::StepResult> RunStep(const std::string& world,
                                 const std::string& task, const v1::Step& step);

  // All violations of a world, oldest first.
  Answer<std::vector<v1::Violation>> ListViolations(const std::string& world);

 private:
  template <typename Stub, typename Request, typename Response>
  Answer<Response> Try(Stub& stub,
                       grpc::Status (Stub::*method)(grpc::ClientContext*,
                                                    const Request&, Response*),
                       const Request& request) {
    grpc::ClientContext context;
    if (deadline_.count() > 0) {
      context.set_deadline(std::chrono::system_clock::now() + deadline_);
    }
    Answer<Response> answer;
    answer.status = (stub.*method)(&context, request, &answer.value);
    return answer;
  }

  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::WorldService::Stub> worlds_;
  std::unique_ptr<v1::MmService::Stub> mms_;
  std::unique_ptr<v1::TaskService::Stub> tasks_;
  std::unique_ptr<v1::NotifierService::Stub> notifiers_;
  std::unique_ptr<v1::FaultService::Stub> faults_;
  std::unique_ptr<v1::RunService::Stub> runs_;
  std::chrono::milliseconds deadline_{0};
};

}  // namespace mmfault::client

#endif  // MMFAULT_CLIENTS_CPP_SESSION_H_
