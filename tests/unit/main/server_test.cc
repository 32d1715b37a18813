// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: the embedded server serves, bounds messages, and drains: a call in
// flight finishes, an endless one is cut at the deadline. Method: a service
// whose calls the test answers, over the in-process channel.

#include "server/main/server.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <future>

#include "grpc/health/v1/health.grpc.pb.h"
#include "server/base/error.h"
#include "server/main/health_check.h"
#include "tests/bench/echo.grpc.pb.h"
#include "tests/support/matchers.h"

namespace mmfault::server {
namespace {

namespace health = grpc::health::v1;
using ::mmfault::testing_support::IsOk;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

// Takes one call and answers when the test says so.
class HeldService final : public bench::EchoService::CallbackService {
 public:
  grpc::ServerUnaryReactor* Echo(grpc::CallbackServerContext* context,
                                 const bench::EchoRequest* /*request*/,
                                 bench::EchoResponse* /*response*/) override {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    arrived_.set_value(reactor);
    return reactor;
  }

  // Waits for the call.
  grpc::ServerUnaryReactor* Arrived() { return arrived_.get_future().get(); }

 private:
  std::promise<grpc::ServerUnaryReactor*> arrived_;
};

// A call of Echo in flight.
struct Call {
  grpc::ClientContext context;
  bench::EchoRequest request;
  bench::EchoResponse response;
  std::promise<grpc::Status> done;

  void Start(bench::EchoService::Stub& stub) {
    stub.async()->Echo(
        &context, &request, &response,
        [this](const grpc::Status& status) { done.set_value(status); });
  }
};

std::unique_ptr<Server> StartServer(Server::Options options) {
  auto server = Server::Start(std::move(options));
  EXPECT_THAT(server, IsOk());
  return server.ok() ? *std::move(server) : nullptr;
}

// The options of a server with a held service, and that service.
struct Held {
  Server::Options options;
  HeldService* service;

  Held() {
    options.listen = {"127.0.0.1:0"};
    auto owned = std::make_unique<HeldService>();
    service = owned.get();
    options.services.push_back(std::move(owned));
  }
};

std::unique_ptr<bench::EchoService::Stub> Connect(const Server& server) {
  return bench::EchoService::NewStub(grpc::CreateChannel(
      server.addresses().front(), grpc::InsecureChannelCredentials()));
}

// Returns once the server takes no connections any more.
void AwaitRefusal(const Server& server) {
  absl::Status status;
  do {
    status = CheckHealth(server.addresses().front(), std::chrono::hours(1));
  } while (base::ReasonOf(status) != "HEALTH_CHECK_FAILED");
}

TEST(ServerTest, ServesHealthInProcessWithoutAnyAddress) {
  const auto server = StartServer({});
  EXPECT_THAT(server->addresses(), SizeIs(0));
  const auto stub = health::Health::NewStub(server->InProcessChannel());
  grpc::ClientContext context;
  health::HealthCheckResponse response;
  ASSERT_TRUE(stub->Check(&context, {}, &response).ok());
  EXPECT_EQ(response.status(), health::HealthCheckResponse::SERVING);
}

TEST(ServerTest, FillsInThePortThatItGot) {
  Server::Options options;
  const std::string socket =
      "unix:" + ::testing::TempDir() + "server_test.sock";
  options.listen = {"127.0.0.1:0", socket};
  const auto server = StartServer(std::move(options));
  ASSERT_THAT(server->addresses(), SizeIs(2));
  EXPECT_THAT(server->addresses()[0], StartsWith("127.0.0.1:"));
  EXPECT_NE(server->addresses()[0], "127.0.0.1:0");
  EXPECT_EQ(server->addresses()[1], socket);
  for (const std::string& address : server->addresses()) {
    EXPECT_THAT(CheckHealth(address, std::chrono::seconds(10)), IsOk());
  }
}

TEST(ServerTest, TakenAddressesAreRefused) {
  Server::Options options;
  options.listen = {"127.0.0.1:0",
                    "unix:" + ::testing::TempDir() + "server_taken.sock"};
  const auto first = StartServer(std::move(options));
  for (const std::string& address : first->addresses()) {
    Server::Options second;
    second.listen = {address};
    const auto server = Server::Start(std::move(second));
    EXPECT_EQ(base::ReasonOf(server.status()), "LISTEN_FAILED");
    EXPECT_THAT(std::string(server.status().message()), HasSubstr(address));
    // The first one must not have lost its socket to the attempt.
    EXPECT_THAT(CheckHealth(address, std::chrono::seconds(10)), IsOk());
  }
}

TEST(ServerTest, OversizedMessageIsRefused) {
  Held held;
  held.options.limits.max_message_bytes = 1000;
  const auto server = StartServer(std::move(held.options));
  const auto stub = bench::EchoService::NewStub(server->InProcessChannel());
  Call call;
  call.request.set_payload(std::string(1001, 'x'));
  call.Start(*stub);
  EXPECT_EQ(call.done.get_future().get().error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST(ServerTest, DrainLetsACallInFlightFinish) {
  Held held;
  held.options.drain_deadline = std::chrono::hours(1);
  const auto server = StartServer(std::move(held.options));
  const auto stub = Connect(*server);
  Call call;
  call.Start(*stub);
  grpc::ServerUnaryReactor* reactor = held.service->Arrived();

  auto drained =
      std::async(std::launch::async, [&] { return server->Drain(); });
  AwaitRefusal(*server);
  reactor->Finish(grpc::Status::OK);
  EXPECT_TRUE(call.done.get_future().get().ok());
  EXPECT_TRUE(drained.get());
  server->Wait();
}

TEST(ServerTest, DrainCutsWhatOutlivesTheDeadline) {
  Held held;
  held.options.drain_deadline = std::chrono::milliseconds(10);
  const auto server = StartServer(std::move(held.options));
  const auto stub = Connect(*server);
  Call call;
  call.Start(*stub);
  grpc::ServerUnaryReactor* reactor = held.service->Arrived();

  auto drained =
      std::async(std::launch::async, [&] { return server->Drain(); });
  EXPECT_FALSE(call.done.get_future().get().ok());
  // gRPC returns from Shutdown() only once the handler has let go.
  reactor->Finish(grpc::Status::CANCELLED);
  EXPECT_FALSE(drained.get());
}

TEST(ServerTest, DrainTurnsHealthOffFirst) {
  Server::Options options;
  options.drain_deadline = std::chrono::milliseconds(0);
  bool was_serving = true;
  Server* running = nullptr;
  options.on_drain = [&] {
    const auto stub = health::Health::NewStub(running->InProcessChannel());
    grpc::ClientContext context;
    health::HealthCheckResponse response;
    EXPECT_TRUE(stub->Check(&context, {}, &response).ok());
    was_serving = response.status() == health::HealthCheckResponse::SERVING;
  };
  const auto server = StartServer(std::move(options));
  running = server.get();
  server->Drain();
  EXPECT_FALSE(was_serving);
}

TEST(ServerTest, SecondDrainReturnsTheFirstOnesAnswer) {
  const auto server = StartServer({});
  EXPECT_TRUE(server->Drain());
  EXPECT_TRUE(server->Drain());
}

}  // namespace
}  // namespace mmfault::server
