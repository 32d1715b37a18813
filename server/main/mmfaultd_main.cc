// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// mmfaultd: serves until SIGTERM or SIGINT, then drains and exits with 0.
//
// Exit codes: 0 drained (or healthy), 1 unhealthy (--health-check), 64 wrong
// usage, 125 could not start. A second signal while draining ends it at once,
// with 128 + the signal's number, as if it had not been handled.

#include <pthread.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <future>
#include <iostream>
#include <string>
#include <thread>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "server/base/error.h"
#include "server/main/flags.h"
#include "server/main/health_check.h"
#include "server/main/logging.h"
#include "server/main/port_file.h"
#include "server/main/server.h"
#include "server/main/with_services.h"

namespace mmfault::server {
namespace {

constexpr int kExitUnhealthy = 1;
constexpr int kExitUsage = 64;
constexpr int kExitInfrastructure = 125;
constexpr std::chrono::seconds kHealthCheckTimeout{3};

sigset_t DrainSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

// Threads inherit the mask, so this comes before gRPC makes any. The signals
// are taken with sigwait() by a thread of their own: nothing runs in a handler.
void BlockDrainSignals() {
  const sigset_t signals = DrainSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

// Debian's abseil is built without NDEBUG, so that each lock of each mutex in
// gRPC enters a graph of lock orders. That is for developers of gRPC; our own
// lock order is held against TSan.
void StopTrackingLockOrder() {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
}

// The first signal. A second one ends the process.
std::future<int> FirstDrainSignal() {
  std::promise<int> first;
  std::future<int> result = first.get_future();
  std::thread([first = std::move(first)]() mutable {
    const sigset_t signals = DrainSignals();
    int number = 0;
    sigwait(&signals, &number);
    first.set_value(number);
    sigwait(&signals, &number);
    _exit(128 + number);
  }).detach();
  return result;
}

int ExitCodeFor(const absl::Status& status) {
  return status.code() == absl::StatusCode::kUnavailable ? kExitInfrastructure
                                                         : kExitUsage;
}

int Fail(const absl::Status& status) {
  const absl::string_view text = status.message();
  std::cerr << "mmfaultd: " << std::string(text) << " ["
            << base::ReasonOf(status) << "]\n";
  return ExitCodeFor(status);
}

int RunHealthCheck(const std::string& address) {
  const absl::Status status = CheckHealth(address, kHealthCheckTimeout);
  if (status.ok()) {
    std::cout << "SERVING\n";
    return 0;
  }
  Fail(status);
  return kExitUnhealthy;
}

absl::Status Announce(const Server& server, const Flags& flags) {
  for (const std::string& address : server.addresses()) {
    std::cout << "listening on " << address << std::endl;
    spdlog::info("listening on {}", address);
  }
  if (flags.port_file.empty()) return absl::OkStatus();
  return WritePortFile(flags.port_file, server.addresses());
}

int Serve(const Flags& flags) {
  BlockDrainSignals();
  StopTrackingLockOrder();
  InitLogging(flags.log_level, flags.log_json);
  std::future<int> signal = FirstDrainSignal();
  auto server = Server::Start(WithServices(OptionsFrom(flags)));
  if (!server.ok()) return Fail(server.status());
  const absl::Status announced = Announce(**server, flags);
  if (!announced.ok()) return Fail(announced);

  const int number = signal.get();
  spdlog::info("signal {}: draining for at most {} s", number,
               flags.drain_seconds);
  if ((*server)->Drain()) {
    spdlog::info("drained");
  } else {
    spdlog::warn("drained; calls that did not finish in time were cancelled");
  }
  return 0;
}

int Main(int argc, char** argv) {
  CLI::App app("Serves simulated mms for remote MMU-notifier fault injection.",
               "mmfaultd");
  Flags flags;
  AddFlags(app, flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // --help arrives as an error with code 0.
    return app.exit(error) == 0 ? 0 : kExitUsage;
  }
  if (!flags.health_check.empty()) return RunHealthCheck(flags.health_check);
  return Serve(flags);
}

}  // namespace
}  // namespace mmfault::server

int main(int argc, char** argv) { return mmfault::server::Main(argc, argv); }
