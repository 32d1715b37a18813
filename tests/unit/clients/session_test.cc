// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: what Session adds to the stubs. Method: an in-process service that
// records requests and refuses as told.

#include "clients/cpp/session.h"

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace mmfault::client {
namespace {

class RecordingWorlds : public v1::WorldService::Service {
 public:
  grpc::Status DeleteWorld(grpc::ServerContext* /*context*/,
                           const v1::DeleteWorldRequest* request,
                           v1::DeleteWorldResponse* /*response*/) override {
    ids.push_back(request->request_id());
    if (static_cast<int>(ids.size()) <= refusals) {
      return {grpc::StatusCode::UNAVAILABLE, "connection lost"};
    }
    return grpc::Status::OK;
  }

  // Three violations, one a page.
  grpc::Status ListViolations(grpc::ServerContext* /*context*/,
                              const v1::ListViolationsRequest* request,
                              v1::ListViolationsResponse* response) override {
    const int at =
        request->page_token().empty() ? 0 : std::stoi(request->page_token());
    response->add_violations()->set_step(at);
    if (at < 2) response->set_next_page_token(std::to_string(at + 1));
    return grpc::Status::OK;
  }

  int refusals = 0;
  std::vector<std::string> ids;
};

class SessionTest : public ::testing::Test {
 protected:
  SessionTest() {
    grpc::ServerBuilder builder;
    builder.RegisterService(&worlds_);
    server_ = builder.BuildAndStart();
    session_ = std::make_unique<Session>(server_->InProcessChannel({}));
  }
  ~SessionTest() override { server_->Shutdown(); }

  RecordingWorlds worlds_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<Session> session_;
};

TEST_F(SessionTest, ABrokenConnectionIsTriedAgainUnderTheSameRequestId) {
  worlds_.refusals = 1;
  EXPECT_TRUE(session_->DeleteWorld("worlds/w").ok());
  ASSERT_EQ(worlds_.ids.size(), 2u);
  EXPECT_EQ(worlds_.ids[0], worlds_.ids[1]);
  EXPECT_EQ(worlds_.ids[0].size(), 32u);
}

TEST_F(SessionTest, OnceOnly) {
  worlds_.refusals = 5;
  EXPECT_EQ(session_->DeleteWorld("worlds/w").error_code(),
            grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(worlds_.ids.size(), 2u);
}

TEST_F(SessionTest, EachCallHasItsOwnRequestId) {
  session_->DeleteWorld("worlds/w");
  session_->DeleteWorld("worlds/w");
  EXPECT_NE(worlds_.ids[0], worlds_.ids[1]);
}

TEST_F(SessionTest, ListsGoThroughAllPages) {
  const auto violations = session_->ListViolations("worlds/w");
  ASSERT_TRUE(violations.ok());
  ASSERT_EQ(violations.value.size(), 3u);
  EXPECT_EQ(violations.value[2].step(), 2);
}

TEST_F(SessionTest, TheDeadlineIsTheCalls) {
  auto unreachable = Session::Connect("unix:/nonexistent/socket");
  unreachable->set_deadline(std::chrono::milliseconds(1));
  EXPECT_FALSE(unreachable->DeleteWorld("worlds/w").ok());
}

}  // namespace
}  // namespace mmfault::client
