// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// echo_service.h: the bare service that the real ones are compared with.
//
// Callback API, as the real services. Does what is asked for and nothing else:
// no locks, no logs.
//
// Threads: any number of calls at once.

#ifndef MMFAULT_TESTS_BENCH_ECHO_SERVICE_H_
#define MMFAULT_TESTS_BENCH_ECHO_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include "tests/bench/echo.grpc.pb.h"

namespace mmfault::bench {

class EchoServiceImpl final : public EchoService::CallbackService {
 public:
  grpc::ServerUnaryReactor* Echo(grpc::CallbackServerContext* context,
                                 const EchoRequest* request,
                                 EchoResponse* response) override;

  grpc::ServerBidiReactor<PingPongRequest, PingPongResponse>* PingPong(
      grpc::CallbackServerContext* context) override;
};

}  // namespace mmfault::bench

#endif  // MMFAULT_TESTS_BENCH_ECHO_SERVICE_H_
