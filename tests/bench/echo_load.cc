// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/echo_load.h"

#include <memory>
#include <utility>
#include <vector>

namespace mmfault::bench {

LoadResult LoadEcho(EchoService::Stub& echo, const EchoRequest& request,
                    const LoadOptions& options) {
  return RunUnaryLoad(
      [&](int /*slot*/) {
        return MakeUnaryCall<EchoRequest, EchoResponse>(
            request, [&echo](grpc::ClientContext* context, const auto* sent,
                             auto* response, auto done) {
              echo.async()->Echo(context, sent, response, std::move(done));
            });
      },
      options);
}

LoadResult LoadPingPong(EchoService::Stub& echo, int stream_count,
                        const PingPongRequest& request,
                        const LoadOptions& options) {
  using Stream = TypedLoadStream<PingPongRequest, PingPongResponse>;
  std::vector<std::unique_ptr<LoadStream>> streams;
  streams.reserve(static_cast<size_t>(stream_count));
  for (int i = 0; i < stream_count; ++i) {
    streams.push_back(std::make_unique<Stream>(
        std::vector<PingPongRequest>{request},
        [&echo](grpc::ClientContext* context, Stream::Reactor* reactor) {
          echo.async()->PingPong(context, reactor);
        },
        [&request](const PingPongResponse&, PingPongRequest* answer) {
          *answer = request;
          return true;
        }));
  }
  return RunStreamLoad(streams, options);
}

}  // namespace mmfault::bench
