// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/echo_service.h"

#include <algorithm>

namespace mmfault::bench {
namespace {

constexpr int kResponseBytesMax = 4 << 20;

template <typename Request, typename Response>
void Answer(const Request& request, Response& response) {
  if (request.response_bytes() == 0) {
    response.set_payload(request.payload());
    return;
  }
  const int size = std::clamp(request.response_bytes(), 0, kResponseBytesMax);
  response.mutable_payload()->assign(static_cast<size_t>(size), 'x');
}

// Reads again only once the answer is written: the client waits for it anyway,
// so no message is ever queued.
class PingPongReactor final
    : public grpc::ServerBidiReactor<PingPongRequest, PingPongResponse> {
 public:
  PingPongReactor() { StartRead(&request_); }

  void OnReadDone(bool ok) override {
    if (!ok) {
      Finish(grpc::Status::OK);
      return;
    }
    Answer(request_, response_);
    StartWrite(&response_);
  }

  void OnWriteDone(bool ok) override {
    if (!ok) {
      Finish(grpc::Status::CANCELLED);
      return;
    }
    StartRead(&request_);
  }

  void OnDone() override { delete this; }

 private:
  PingPongRequest request_;
  PingPongResponse response_;
};

}  // namespace

grpc::ServerUnaryReactor* EchoServiceImpl::Echo(
    grpc::CallbackServerContext* context, const EchoRequest* request,
    EchoResponse* response) {
  Answer(*request, *response);
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

grpc::ServerBidiReactor<PingPongRequest, PingPongResponse>*
EchoServiceImpl::PingPong(grpc::CallbackServerContext* /*context*/) {
  return new PingPongReactor;
}

}  // namespace mmfault::bench
