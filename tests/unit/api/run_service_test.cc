// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: runs over the API: created, watched, reported, told again, answered by
// an attached client. Method: every service over the in-process channel.

#include <atomic>
#include <thread>

#include "mmfault/v1/run_service.grpc.pb.h"
#include "tests/support/run_fixture.h"
#include "tests/unit/api/api_fixture.h"

namespace mmfault::api {
namespace {

using ::mmfault::testing_support::kMapAndUnmap;
using ::mmfault::testing_support::RunOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using Stub = v1::RunService::Stub;

class RunServiceTest : public ApiTest {
 protected:
  RunServiceTest()
      : runs_(v1::RunService::NewStub(server_->InProcessChannel())) {}

  std::string Create(const v1::CreateRunRequest& request) {
    v1::CreateRunResponse response;
    const grpc::Status status =
        Call(*runs_, &Stub::CreateRun, request, &response);
    EXPECT_TRUE(status.ok()) << client::Describe(status);
    return response.run().name();
  }

  grpc::Status CreateStatus(const v1::CreateRunRequest& request) {
    v1::CreateRunResponse response;
    return Call(*runs_, &Stub::CreateRun, request, &response);
  }

  // Watches to the end; the cases that finished.
  std::vector<v1::CaseResult> Watch(const std::string& name,
                                    int64_t after = 0) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kPatience);
    v1::WatchRunRequest request;
    request.set_name(name);
    request.set_after_sequence(after);
    const auto reader = runs_->WatchRun(&context, request);
    std::vector<v1::CaseResult> finished;
    v1::WatchRunResponse message;
    while (reader->Read(&message)) {
      last_ = message;
      if (message.has_finished_case()) {
        finished.push_back(message.finished_case());
      }
    }
    const grpc::Status status = reader->Finish();
    EXPECT_TRUE(status.ok()) << client::Describe(status);
    return finished;
  }

  v1::Run Get(const std::string& name) {
    v1::GetRunRequest request;
    request.set_name(name);
    v1::GetRunResponse response;
    EXPECT_TRUE(Call(*runs_, &Stub::GetRun, request, &response).ok());
    return response.run();
  }

  static v1::CreateRunRequest Broken() {
    return RunOf(std::string(kMapAndUnmap) +
                 "notifier { id: \"n0\" "
                 "modelled { forgets_invalidate: true } }");
  }

  std::unique_ptr<v1::RunService::Stub> runs_;
  v1::WatchRunResponse last_;
};

TEST_F(RunServiceTest, ARunIsWatchedToItsEnd) {
  const std::string name = Create(RunOf(kMapAndUnmap));
  EXPECT_EQ(name, "runs/run-1");
  const std::vector<v1::CaseResult> finished = Watch(name);
  ASSERT_EQ(finished.size(), 1U);
  EXPECT_TRUE(finished[0].met());
  EXPECT_EQ(last_.run().state(), v1::Run::STATE_DONE);
  EXPECT_EQ(last_.run().outcome(), v1::Run::OUTCOME_MET);
  EXPECT_EQ(Get(name).results_size(), 1);
  // A stream that is taken up again at the end has nothing to tell.
  EXPECT_THAT(Watch(name, last_.sequence()), IsEmpty());
}

TEST_F(RunServiceTest, AFoundBugIsASuccessfulCall) {
  const std::string name = Create(Broken());
  Watch(name);
  EXPECT_EQ(last_.run().outcome(), v1::Run::OUTCOME_UNMET);
  v1::GetReportRequest request;
  request.set_name(name);
  v1::GetReportResponse response;
  ASSERT_TRUE(Call(*runs_, &Stub::GetReport, request, &response).ok());
  EXPECT_THAT(response.content(), HasSubstr("map_and_unmap"));
  EXPECT_THAT(response.content(), HasSubstr("NOT MET"));
  request.set_format(v1::GetReportRequest::FORMAT_JUNIT);
  ASSERT_TRUE(Call(*runs_, &Stub::GetReport, request, &response).ok());
  EXPECT_EQ(response.media_type(), "application/xml");
  EXPECT_THAT(response.content(), StartsWith("<?xml"));
  EXPECT_THAT(response.content(), HasSubstr("<failure"));
}

TEST_F(RunServiceTest, ATraceHasItsCapsuleAndItsEvents) {
  const std::string name = Create(Broken());
  Watch(name);
  v1::FetchTraceRequest request;
  request.set_name(name);
  request.set_batch_size(8);
  grpc::ClientContext context;
  const auto reader = runs_->FetchTrace(&context, request);
  v1::FetchTraceResponse message;
  ASSERT_TRUE(reader->Read(&message));
  EXPECT_EQ(message.capsule().protocol(), "6.1");
  EXPECT_FALSE(message.violation().checker().empty());
  const v1::Capsule capsule = message.capsule();
  int64_t step = 0;
  int events = 0;
  while (reader->Read(&message)) {
    EXPECT_LE(message.events_size(), 8);
    for (const v1::Event& event : message.events()) {
      EXPECT_GE(event.step(), step);
      step = event.step();
      ++events;
    }
  }
  EXPECT_TRUE(reader->Finish().ok());
  EXPECT_GT(events, 8);
  EXPECT_GE(step, capsule.step());
  // The capsule alone is enough to see it again.
  v1::CreateRunRequest again;
  *again.mutable_capsule() = capsule;
  Watch(Create(again));
  EXPECT_EQ(last_.run().outcome(), v1::Run::OUTCOME_MET);
}

TEST_F(RunServiceTest, AnAttachedClientAnswersARun) {
  v1::CreateRunRequest request = RunOf(kMapAndUnmap);
  request.mutable_options()->set_remote(true);
  const std::string name = Create(request);
  EXPECT_EQ(Get(name).state(), v1::Run::STATE_WAITING_FOR_CLIENTS);
  v1::AttachRequest::Hello hello;
  hello.set_parent(name);
  AttachedClient attached(*notifiers_, hello);
  EXPECT_THAT(attached.Read().welcome().wanted_notifiers(),
              testing::ElementsAre("n0"));
  attached.Bind("n0", 1);
  int resets = 0;
  v1::AttachResponse message = attached.ReadAcking();
  while (!message.has_goodbye() && message.message_case() != 0) {
    resets += message.has_world_reset() ? 1 : 0;
    message = attached.ReadAcking();
  }
  EXPECT_EQ(message.goodbye().cause(),
            v1::AttachResponse::Goodbye::CAUSE_RUN_DONE);
  EXPECT_EQ(resets, 20);
  EXPECT_GT(attached.callbacks(), 20);
  Watch(name);
  EXPECT_EQ(last_.run().outcome(), v1::Run::OUTCOME_MET)
      << Get(name).DebugString();
}

TEST_F(RunServiceTest, MalformedScenariosNameTheirPlace) {
  const grpc::Status status = CreateStatus(RunOf("id: \"x\"\n  taks {}\n"));
  EXPECT_EQ(Why(status), "INVALID_ARGUMENT (SCENARIO_MALFORMED)");
  EXPECT_THAT(status.error_message(), HasSubstr("test.textproto:2:"));
  EXPECT_EQ(client::MetadataValue(status, "line"), "2");
}

TEST_F(RunServiceTest, CancelledRunsEndTheirStreams) {
  v1::CreateRunRequest request = RunOf(kMapAndUnmap);
  request.mutable_options()->set_remote(true);
  const std::string name = Create(request);
  v1::CancelRunRequest cancel;
  cancel.set_name(name);
  v1::CancelRunResponse response;
  ASSERT_TRUE(Call(*runs_, &Stub::CancelRun, cancel, &response).ok());
  EXPECT_EQ(response.run().state(), v1::Run::STATE_CANCELLED);
  EXPECT_EQ(Watch(name).size(), 1U);
  EXPECT_EQ(last_.run().outcome(), v1::Run::OUTCOME_INCONCLUSIVE);
  ASSERT_TRUE(Call(*runs_, &Stub::CancelRun, cancel, &response).ok());
}

TEST_F(RunServiceTest, RunsAreListedInPagesAndForgotten) {
  const std::string first = Create(RunOf(kMapAndUnmap));
  const std::string second = Create(RunOf(kMapAndUnmap));
  Watch(first);
  Watch(second);
  v1::ListRunsRequest list;
  list.set_page_size(1);
  v1::ListRunsResponse page;
  ASSERT_TRUE(Call(*runs_, &Stub::ListRuns, list, &page).ok());
  EXPECT_EQ(page.runs(0).name(), second);
  EXPECT_THAT(page.runs(0).results(), IsEmpty());
  list.set_page_token(page.next_page_token());
  ASSERT_TRUE(Call(*runs_, &Stub::ListRuns, list, &page).ok());
  EXPECT_EQ(page.runs(0).name(), first);
  EXPECT_THAT(page.next_page_token(), IsEmpty());
  v1::DeleteRunRequest remove;
  remove.set_name(first);
  remove.set_request_id("once");
  v1::DeleteRunResponse removed;
  EXPECT_TRUE(Call(*runs_, &Stub::DeleteRun, remove, &removed).ok());
  EXPECT_TRUE(Call(*runs_, &Stub::DeleteRun, remove, &removed).ok());
  remove.clear_request_id();
  EXPECT_EQ(Why(Call(*runs_, &Stub::DeleteRun, remove, &removed)),
            "NOT_FOUND (RUN_NOT_FOUND)");
}

TEST_F(RunServiceTest, WhatIsNotThereIsNotFound) {
  v1::GetReportRequest report;
  report.set_name("runs/none");
  v1::GetReportResponse response;
  EXPECT_EQ(Why(Call(*runs_, &Stub::GetReport, report, &response)),
            "NOT_FOUND (RUN_NOT_FOUND)");
  report.set_name("worlds/none");
  EXPECT_EQ(Why(Call(*runs_, &Stub::GetReport, report, &response)),
            "INVALID_ARGUMENT (NAME_MALFORMED)");
  v1::CreateRunRequest request = RunOf(kMapAndUnmap);
  request.mutable_options()->set_remote(true);
  report.set_name(Create(request));
  EXPECT_EQ(Why(Call(*runs_, &Stub::GetReport, report, &response)),
            "FAILED_PRECONDITION (RUN_WRONG_STATE)");
  grpc::ClientContext context;
  v1::FetchTraceRequest fetch;
  fetch.set_name(report.name());
  v1::FetchTraceResponse message;
  const auto reader = runs_->FetchTrace(&context, fetch);
  EXPECT_FALSE(reader->Read(&message));
  EXPECT_EQ(Why(reader->Finish()), "NOT_FOUND (CASE_NOT_FOUND)");
}

TEST_F(RunServiceTest, ADrainEndsRunsAndTheirStreams) {
  v1::CreateRunRequest request = RunOf(kMapAndUnmap);
  request.mutable_options()->set_remote(true);
  const std::string name = Create(request);
  EXPECT_TRUE(server_->Drain());
}

}  // namespace
}  // namespace mmfault::api
