// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/main/server.h"

#include <grpc/grpc.h>
#include <grpcpp/ext/channelz_service_plugin.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/server_builder.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/main/address.h"

namespace mmfault::server {
namespace {

// A client that vanished without closing its connection is noticed after the
// sum of these; only then can its notifiers be detached.
constexpr int kKeepaliveMs = 20'000;
constexpr int kKeepaliveTimeoutMs = 10'000;
// The most frequent pings that a client may send.
constexpr int kClientPingIntervalMs = 5'000;

// Reflection and channelz use gRPC's synchronous API: a thread for each open
// call. Our own services use none of these.
constexpr int kSynchronousThreadsMax = 32;

int AsInt(int64_t value) {
  return static_cast<int>(
      std::clamp<int64_t>(value, 0, std::numeric_limits<int>::max()));
}

// Both register with every server built later in this process, so once.
void EnableProcessWidePlugins() {
  static const bool enabled = [] {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    grpc::channelz::experimental::InitChannelzService();
    return true;
  }();
  static_cast<void>(enabled);
}

void ApplyBounds(const host::Limits& limits, grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(AsInt(limits.max_message_bytes));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS,
                             AsInt(limits.max_streams_per_connection));
  builder.SetResourceQuota(
      grpc::ResourceQuota("mmfaultd").SetMaxThreads(kSynchronousThreadsMax));
  using SyncOption = grpc::ServerBuilder::SyncServerOption;
  builder.SetSyncServerOption(SyncOption::NUM_CQS, 1);
}

void ApplyConnectionSettings(grpc::ServerBuilder& builder) {
  // With SO_REUSEPORT, the default, a stale server would share the port and
  // get every other connection.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                             kKeepaliveTimeoutMs);
  builder.AddChannelArgument(
      GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
      kClientPingIntervalMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  // Messages are small and never sent compressed. Compressed ones are read.
  builder.AddChannelArgument(GRPC_ARG_ENABLE_PER_MESSAGE_COMPRESSION, 0);
}

absl::Status ListenFailed(const std::string& address,
                          const std::string& cause) {
  return base::MakeError(absl::StatusCode::kUnavailable, "LISTEN_FAILED",
                         "cannot listen on " + address + ": " + cause,
                         {{"address", address}});
}

// gRPC unlinks an existing socket file before it binds. That is right for one
// left by a dead server and wrong for one that another server answers on.
absl::Status CheckSocketIsFree(const ListenAddress& address) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, address.path.data(), address.path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return absl::OkStatus();
  const bool answered =
      connect(fd, reinterpret_cast<const sockaddr*>(&name), sizeof(name)) == 0;
  close(fd);
  if (!answered) return absl::OkStatus();
  return ListenFailed(address.ToString(), "another server is using it");
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(Options options) {
  EnableProcessWidePlugins();
  std::unique_ptr<Server> server(new Server(std::move(options)));
  RETURN_IF_ERROR(server->Bind());
  server->server_->GetHealthCheckService()->SetServingStatus(true);
  return server;
}

absl::Status Server::Bind() {
  grpc::ServerBuilder builder;
  ApplyBounds(options_.limits, builder);
  ApplyConnectionSettings(builder);
  // gRPC keeps the pointers and writes the ports during BuildAndStart().
  std::vector<int> ports(options_.listen.size(), 0);
  std::vector<ListenAddress> parsed;
  for (size_t i = 0; i < options_.listen.size(); ++i) {
    ASSIGN_OR_RETURN(const ListenAddress address,
                     ParseListenAddress(options_.listen[i]));
    ASSIGN_OR_RETURN(
        const auto credentials,
        CredentialsFor(address, options_.tls, options_.allow_insecure_public));
    if (address.is_unix) RETURN_IF_ERROR(CheckSocketIsFree(address));
    builder.AddListeningPort(address.ToString(), credentials, &ports[i]);
    parsed.push_back(address);
  }
  for (const auto& service : options_.services) {
    builder.RegisterService(service.get());
  }
  server_ = builder.BuildAndStart();
  for (size_t i = 0; i < parsed.size(); ++i) {
    if (ports[i] == 0) {
      return ListenFailed(parsed[i].ToString(),
                          "it is taken or not of this machine (the log has "
                          "gRPC's reason); port 0 takes a free one");
    }
    if (!parsed[i].is_unix) parsed[i].port = ports[i];
    addresses_.push_back(parsed[i].ToString());
  }
  if (server_ == nullptr) return ListenFailed("any address", "gRPC refused");
  return absl::OkStatus();
}

Server::~Server() {
  if (server_ != nullptr) DrainWithin(std::chrono::milliseconds(0));
}

std::shared_ptr<grpc::Channel> Server::InProcessChannel(
    const grpc::ChannelArguments& arguments) {
  return server_->InProcessChannel(arguments);
}

bool Server::Drain() { return DrainWithin(options_.drain_deadline); }

bool Server::DrainWithin(std::chrono::milliseconds deadline) {
  const std::lock_guard<std::mutex> lock(drain_mutex_);
  if (drained_) return drained_in_time_;
  const auto cut = std::chrono::system_clock::now() + deadline;
  server_->GetHealthCheckService()->SetServingStatus(false);
  if (options_.on_drain) options_.on_drain();
  server_->Shutdown(cut);
  drained_ = true;
  drained_in_time_ = std::chrono::system_clock::now() < cut;
  return drained_in_time_;
}

void Server::Wait() { server_->Wait(); }

}  // namespace mmfault::server
