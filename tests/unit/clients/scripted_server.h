// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// scripted_server.h: an Attach service that does what a test says, in process.

#ifndef MMFAULT_TESTS_UNIT_CLIENTS_SCRIPTED_SERVER_H_
#define MMFAULT_TESTS_UNIT_CLIENTS_SCRIPTED_SERVER_H_

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <functional>
#include <memory>
#include <string>

#include "clients/cpp/session.h"
#include "mmfault/v1/notifier_service.grpc.pb.h"

namespace mmfault::client {

// The server's end of one stream.
class ServerEnd {
 public:
  using Stream =
      grpc::ServerReaderWriter<v1::AttachResponse, v1::AttachRequest>;

  explicit ServerEnd(Stream* stream) : stream_(stream) {}

  // The next message; one without content when the client has half-closed.
  v1::AttachRequest Read() {
    v1::AttachRequest request;
    stream_->Read(&request);
    return request;
  }

  void Write(const v1::AttachResponse& response) { stream_->Write(response); }

  // Reads the hello and answers it.
  v1::AttachRequest::Hello Welcome() {
    const v1::AttachRequest request = Read();
    v1::AttachResponse response;
    response.mutable_welcome()->set_parent(request.hello().parent());
    response.mutable_welcome()->set_client("c0");
    response.mutable_welcome()->set_task("attach-1");
    Write(response);
    return request.hello();
  }

  // Reads a bind and answers it.
  v1::AttachRequest::Bind Bound() {
    const v1::AttachRequest request = Read();
    v1::AttachResponse response;
    response.mutable_bound()->set_tag(request.bind().tag());
    response.mutable_bound()->set_name("worlds/w/mms/-/notifiers/" +
                                       request.bind().notifier());
    Write(response);
    return request.bind();
  }

  void Result(int64_t tag, int rc, int64_t pfn = 0) {
    v1::AttachResponse response;
    response.mutable_result()->set_tag(tag);
    response.mutable_result()->mutable_result()->set_rc(rc);
    if (pfn != 0) {
      response.mutable_result()->mutable_result()->mutable_page()->set_pfn(pfn);
    }
    Write(response);
  }

  void Call(int64_t number, const std::string& notifier,
            v1::CallbackEvent event, uint64_t start = 0x1000,
            uint64_t end = 0x3000) {
    v1::AttachResponse response;
    v1::AttachResponse::Callback& callback = *response.mutable_callback();
    callback.set_callback_number(number);
    callback.set_notifier(notifier);
    callback.set_event(event);
    callback.set_start(start);
    callback.set_end(end);
    callback.set_blockable(true);
    Write(response);
  }

 private:
  Stream* const stream_;
};

class ScriptedServer : private v1::NotifierService::Service {
 public:
  using Script = std::function<grpc::Status(ServerEnd&)>;

  explicit ScriptedServer(Script script) : script_(std::move(script)) {
    grpc::ServerBuilder builder;
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    session_ = std::make_unique<Session>(server_->InProcessChannel({}));
  }
  ~ScriptedServer() override { server_->Shutdown(); }

  Session& session() { return *session_; }

 private:
  grpc::Status Attach(grpc::ServerContext* /*context*/,
                      ServerEnd::Stream* stream) override {
    ServerEnd end(stream);
    return script_(end);
  }

  const Script script_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<Session> session_;
};

}  // namespace mmfault::client

#endif  // MMFAULT_TESTS_UNIT_CLIENTS_SCRIPTED_SERVER_H_
