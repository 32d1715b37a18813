// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// rpc_bench: rates over loopback TCP against a server in another process.
//
// Every figure is a comparison of two servers that differ in one thing
// (compare.h).

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <string>

#include "tests/bench/compare.h"
#include "tests/bench/echo_load.h"
#include "tests/bench/load.h"
#include "tests/bench/report.h"
#include "tests/bench/server_process.h"

namespace mmfault::bench {
namespace {

// A small step's request and response are of about that size.
constexpr int kPayloadBytes = 64;

std::unique_ptr<EchoService::Stub> Connect(const ServerProcess& server) {
  return EchoService::NewStub(grpc::CreateChannel(
      server.address(), grpc::InsecureChannelCredentials()));
}

// What health, reflection, channelz and the bounds cost a call.
void CompareHosting(const std::string& echo_server,
                    std::chrono::milliseconds round, Report& report) {
  const auto plain = ServerProcess::Start({echo_server});
  const auto hosted = ServerProcess::Start({echo_server, "--hosted"});
  if (plain == nullptr || hosted == nullptr) std::exit(1);
  const auto plain_stub = Connect(*plain);
  const auto hosted_stub = Connect(*hosted);
  const auto add = [&](const std::string& what, const Comparison& comparison) {
    using Better = Report::Better;
    report.Add("rpc.echo." + what + ".per_s", comparison.a_per_second, "1/s",
               Better::kHigher);
    report.Add("rpc.hosted." + what + ".ratio", comparison.ratio, "ratio",
               Better::kHigher);
  };
  const std::string payload(kPayloadBytes, 'x');
  EchoRequest request;
  request.set_payload(payload);
  for (const int in_flight : {1, 16, 64}) {
    const LoadOptions options = SliceOptions(in_flight, round);
    add("unary.c" + std::to_string(in_flight),
        Alternate([&] { return LoadEcho(*plain_stub, request, options); },
                  [&] { return LoadEcho(*hosted_stub, request, options); }));
  }
  PingPongRequest ping;
  ping.set_payload(payload);
  for (const int streams : {1, 64}) {
    const LoadOptions options = SliceOptions(streams, round);
    add("bidi.s" + std::to_string(streams),
        Alternate(
            [&] { return LoadPingPong(*plain_stub, streams, ping, options); },
            [&] {
              return LoadPingPong(*hosted_stub, streams, ping, options);
            }));
  }
}

int Main(int argc, char** argv) {
  CLI::App app("Measures RPC rates against a bare echo.", "rpc_bench");
  std::string json;
  int round_ms = 1200;
  std::string echo_server =
      (std::filesystem::canonical("/proc/self/exe").parent_path() /
       "bench_echo_server")
          .string();
  app.add_option("--json", json, "Write the results there");
  app.add_option("--round-ms", round_ms,
                 "Measured time of one round, for each of the two servers")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--echo-server", echo_server, "The bare server's program")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  Report report;
  CompareHosting(echo_server, std::chrono::milliseconds(round_ms), report);
  if (!json.empty() && !report.WriteJson(json)) {
    std::cerr << "cannot write " << json << "\n";
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace mmfault::bench

int main(int argc, char** argv) { return mmfault::bench::Main(argc, argv); }
