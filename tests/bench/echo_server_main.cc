// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// bench_echo_server: the bare echo on a free loopback port, until SIGTERM.
//
// Plain: gRPC and the service, nothing more; the baseline of every ratio. With
// --hosted: inside the process that mmfaultd is (health, reflection, channelz,
// bounds), which shows what that alone costs.

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <pthread.h>

#include <csignal>
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>

#include "server/main/server.h"
#include "tests/bench/echo_service.h"

namespace mmfault::bench {
namespace {

constexpr char kAnyPort[] = "127.0.0.1:0";

void Announce(const std::string& address) {
  std::cout << "listening on " << address << std::endl;
}

void WaitForSigterm(const sigset_t& signals) {
  int number = 0;
  sigwait(&signals, &number);
}

int ServePlain(const sigset_t& signals) {
  EchoServiceImpl service;
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(kAnyPort, grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return 1;
  Announce("127.0.0.1:" + std::to_string(port));
  WaitForSigterm(signals);
  server->Shutdown(std::chrono::system_clock::now());
  return 0;
}

int ServeHosted(const sigset_t& signals) {
  server::Server::Options options;
  options.listen = {kAnyPort};
  options.drain_deadline = std::chrono::milliseconds(0);
  options.services.push_back(std::make_unique<EchoServiceImpl>());
  const auto server = server::Server::Start(std::move(options));
  if (!server.ok()) return 1;
  Announce((*server)->addresses().front());
  WaitForSigterm(signals);
  (*server)->Drain();
  return 0;
}

}  // namespace
}  // namespace mmfault::bench

int main(int argc, char** argv) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  if (argc == 1) return mmfault::bench::ServePlain(signals);
  if (argc == 2 && std::string_view(argv[1]) == "--hosted") {
    return mmfault::bench::ServeHosted(signals);
  }
  std::fprintf(stderr, "usage: bench_echo_server [--hosted]\n");
  return 64;
}
