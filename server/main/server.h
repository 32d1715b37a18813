// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// server.h: the gRPC process around the services, as a library.
//
// mmfaultd is this plus flags and signals; the command line embeds it without
// any address and talks to it over InProcessChannel(), so that everything goes
// through the API. Adds to the services it is given: health, reflection,
// channelz, limits on messages and streams, and a drain. What the services are
// is not its business.
//
// Threads: Start() once; afterwards every member may be called from any
// thread. Services are called from gRPC's threads and must not block them
// (callback API).

#ifndef MMFAULT_SERVER_MAIN_SERVER_H_
#define MMFAULT_SERVER_MAIN_SERVER_H_

#include <grpcpp/channel.h>
#include <grpcpp/impl/service_type.h>
#include <grpcpp/server.h>
#include <grpcpp/support/channel_arguments.h>

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/host/limits.h"
#include "server/main/credentials.h"

namespace mmfault::server {

class Server {
 public:
  struct Options {
    // What to serve. They live until the last call to them has returned.
    std::vector<std::unique_ptr<grpc::Service>> services;

    // Called once, when draining begins and health says NOT_SERVING already:
    // services end their endless streams here (UNAVAILABLE), which would
    // otherwise use up the whole deadline. Must not block.
    std::function<void()> on_drain;

    // `HOST:PORT` or `unix:/PATH` each (address.h); none serves in process
    // only.
    std::vector<std::string> listen;
    TlsFiles tls;
    bool allow_insecure_public = false;

    // How long calls in flight may take to finish once draining has begun.
    // Those that are left then are cancelled.
    std::chrono::milliseconds drain_deadline{10'000};

    // Message and stream bounds are applied here, the rest by the services.
    host::Limits limits;
  };

  // Binds every address and serves.
  //
  // Errors: those of ParseListenAddress() and CredentialsFor(), and
  //   UNAVAILABLE `LISTEN_FAILED`: an address is taken or cannot be bound (or a
  //     certificate is malformed, which gRPC reports at the same place).
  static absl::StatusOr<std::unique_ptr<Server>> Start(Options options);

  // Drains, without waiting for calls in flight, unless Drain() ran before.
  ~Server();

  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Where it listens, ports filled in, in the order of Options::listen.
  const std::vector<std::string>& addresses() const { return addresses_; }

  // A channel to this server that needs no address. Valid while it runs; gRPC's
  // in-process transport cancels its calls as soon as a drain begins.
  std::shared_ptr<grpc::Channel> InProcessChannel(
      const grpc::ChannelArguments& arguments = {});

  // Says NOT_SERVING, takes no further connections and calls, and returns when
  // every call has finished or, after the deadline, been cancelled. True when
  // none was cancelled. Later calls wait for the first and return the same.
  bool Drain();

  // Returns once the server was drained.
  void Wait();

 private:
  explicit Server(Options options) : options_(std::move(options)) {}

  absl::Status Bind();
  bool DrainWithin(std::chrono::milliseconds deadline);

  // Declared before the server: it is destroyed first.
  Options options_;
  std::vector<std::string> addresses_;
  std::unique_ptr<grpc::Server> server_;

  std::mutex drain_mutex_;
  bool drained_ = false;
  bool drained_in_time_ = false;
};

}  // namespace mmfault::server

#endif  // MMFAULT_SERVER_MAIN_SERVER_H_
