// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: an attachment carries binds, calls, callbacks and the stream's end to
// those concerned. Method: the server's side is a script of the test; nothing
// sleeps, each side waits for what the other says.

#include "clients/cpp/attachment.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/clients/scripted_server.h"

namespace mmfault::client {
namespace {

// Counts, and does in a start what the test says.
class Recorder : public RemoteNotifier {
 public:
  explicit Recorder(std::string id) : RemoteNotifier(std::move(id)) {}

  int InvalidateRangeStart(Callback& call) override {
    if (on_start) on_start(call);
    call.DroppedRange();
    return start_rc;
  }
  int InvalidateRangeEnd(Callback& /*call*/) override { return 0; }
  int InvalidatePage(Callback& /*call*/) override { return 0; }
  int Release(Callback& /*call*/) override { return 0; }
  void Reset(const v1::AttachResponse::WorldReset& reset) override {
    generation = reset.generation();
  }

  std::function<void(Callback&)> on_start;
  int start_rc = 0;
  std::atomic<int64_t> generation = 0;
};

Attachment::Options OptionsFor(
    Attachment::Dispatch dispatch = Attachment::Dispatch::kThreads) {
  Attachment::Options options;
  options.parent = "worlds/w";
  options.dispatch = dispatch;
  return options;
}

v1::Step Munmap() {
  v1::Step step;
  step.mutable_munmap()->mutable_range()->set_start(0x1000);
  return step;
}

TEST(AttachmentTest, OpenSaysHelloAndReturnsTheWelcome) {
  v1::AttachRequest::Hello hello;
  ScriptedServer server([&hello](ServerEnd& end) {
    hello = end.Welcome();
    end.Read();
    return grpc::Status::OK;
  });
  Attachment::Options options = OptionsFor();
  options.client = "me";
  options.lease = std::chrono::milliseconds(1500);
  auto attached = Attachment::Open(server.session(), options);
  ASSERT_TRUE(attached.ok());
  EXPECT_EQ(attached.value->welcome().task(), "attach-1");
  EXPECT_TRUE(attached.value->Close().ok());
  EXPECT_EQ(hello.parent(), "worlds/w");
  EXPECT_EQ(hello.client(), "me");
  EXPECT_EQ(hello.lease().seconds(), 1);
  EXPECT_EQ(hello.lease().nanos(), 500'000'000);
  EXPECT_FALSE(hello.want_violations());
}

TEST(AttachmentTest, OpenReturnsTheRefusal) {
  ScriptedServer server([](ServerEnd& /*end*/) {
    return grpc::Status(grpc::StatusCode::NOT_FOUND, "no such world");
  });
  const auto attached = Attachment::Open(server.session(), OptionsFor());
  EXPECT_EQ(attached.status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(attached.value, nullptr);
}

TEST(AttachmentTest, ACallbackIsAcknowledgedWithWhatTheNotifierSays) {
  v1::AttachRequest::Ack ack;
  ScriptedServer server([&ack](ServerEnd& end) {
    end.Welcome();
    end.Bound();
    end.Call(17, "n0", v1::CALLBACK_EVENT_INVALIDATE_RANGE_START);
    ack = end.Read().ack();
    end.Read();
    return grpc::Status::OK;
  });
  Recorder recorder("n0");
  recorder.start_rc = -11;
  // Code deep in a driver does not know the callback it runs in.
  recorder.on_start = [](Callback& /*call*/) { MightSleep(); };
  auto attached = Attachment::Open(server.session(), OptionsFor());
  const auto bound = attached.value->Bind(recorder);
  EXPECT_EQ(bound.value, "worlds/w/mms/-/notifiers/n0");
  while (attached.value->acked_count() < 1) std::this_thread::yield();
  EXPECT_TRUE(attached.value->Close().ok());
  EXPECT_EQ(ack.callback_number(), 17);
  EXPECT_EQ(ack.rc(), -11);
  EXPECT_TRUE(ack.slept());
  EXPECT_TRUE(ack.dropped_range());
}

TEST(AttachmentTest, AnswersFindTheirCallsInAnyOrder) {
  ScriptedServer server([](ServerEnd& end) {
    end.Welcome();
    const int64_t first = end.Read().call().tag();
    const int64_t second = end.Read().call().tag();
    end.Result(second, 2);
    end.Result(first, 1);
    end.Read();
    return grpc::Status::OK;
  });
  auto attached = Attachment::Open(server.session(), OptionsFor());
  const PendingCall first = attached.value->Call(Munmap());
  const PendingCall second = attached.value->Call(Munmap(), "other");
  EXPECT_EQ(first.Wait().value.rc(), 1);
  EXPECT_EQ(second.Wait().value.rc(), 2);
}

TEST(AttachmentTest, ARefusedCallHasItsReason) {
  ScriptedServer server([](ServerEnd& end) {
    end.Welcome();
    v1::AttachResponse response;
    response.mutable_error()->set_tag(end.Read().call().tag());
    response.mutable_error()->set_code(grpc::StatusCode::NOT_FOUND);
    response.mutable_error()->set_reason("MM_NOT_FOUND");
    end.Write(response);
    end.Read();
    return grpc::Status::OK;
  });
  auto attached = Attachment::Open(server.session(), OptionsFor());
  const StepAnswer answer = attached.value->Call(Munmap()).Wait();
  EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(Reason(answer.status), "MM_NOT_FOUND");
}

// A callback makes a call of its own, whose answer comes only after another
// callback has been answered.
TEST(AttachmentTest, ACallbackMayWaitForACallAndForAnotherCallback) {
  int64_t first_acked = 0;
  ScriptedServer server([&first_acked](ServerEnd& end) {
    end.Welcome();
    end.Bound();
    end.Call(1, "n0", v1::CALLBACK_EVENT_INVALIDATE_RANGE_START);
    const int64_t tag = end.Read().call().tag();
    end.Call(2, "n0", v1::CALLBACK_EVENT_INVALIDATE_RANGE_END);
    first_acked = end.Read().ack().callback_number();
    end.Result(tag, 5);
    end.Read();
    end.Read();
    return grpc::Status::OK;
  });
  auto attached = Attachment::Open(server.session(), OptionsFor());
  std::atomic<int> rc = 0;
  Recorder recorder("n0");
  recorder.on_start = [&](Callback& /*call*/) {
    rc = attached.value->Call(Munmap()).Wait().value.rc();
  };
  ASSERT_TRUE(attached.value->Bind(recorder).ok());
  while (attached.value->acked_count() < 2) std::this_thread::yield();
  EXPECT_TRUE(attached.value->Close().ok());
  EXPECT_EQ(first_acked, 2);
  EXPECT_EQ(rc, 5);
}

TEST(AttachmentTest, WaitingOnTheReadingThreadIsRefusedNotADeadlock) {
  ScriptedServer server([](ServerEnd& end) {
    end.Welcome();
    end.Bound();
    end.Call(1, "n0", v1::CALLBACK_EVENT_INVALIDATE_RANGE_START);
    end.Read();
    end.Read();
    end.Read();
    return grpc::Status::OK;
  });
  auto attached = Attachment::Open(server.session(),
                                   OptionsFor(Attachment::Dispatch::kInline));
  grpc::Status status;
  Recorder recorder("n0");
  recorder.on_start = [&](Callback& /*call*/) {
    status = attached.value->Call(Munmap()).Wait().status;
  };
  ASSERT_TRUE(attached.value->Bind(recorder).ok());
  while (attached.value->acked_count() < 1) std::this_thread::yield();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_TRUE(attached.value->Close().ok());
}

TEST(AttachmentTest, TheEndOfTheStreamEndsEveryWait) {
  ScriptedServer server([](ServerEnd& end) {
    end.Welcome();
    end.Read();
    return grpc::Status(grpc::StatusCode::ABORTED, "world gone");
  });
  auto attached = Attachment::Open(server.session(), OptionsFor());
  const PendingCall pending = attached.value->Call(Munmap());
  EXPECT_EQ(pending.Wait().status.error_code(), grpc::StatusCode::ABORTED);
  EXPECT_EQ(attached.value->WaitForEnd().error_code(),
            grpc::StatusCode::ABORTED);
  EXPECT_EQ(attached.value->Call(Munmap()).Wait().status.error_code(),
            grpc::StatusCode::ABORTED);
}

TEST(AttachmentTest, ResetsReachTheNotifiersAndGoodbyeIsNoError) {
  ScriptedServer server([](ServerEnd& end) {
    end.Welcome();
    end.Bound();
    v1::AttachResponse response;
    response.mutable_world_reset()->set_generation(3);
    end.Write(response);
    response.mutable_goodbye()->set_cause(
        v1::AttachResponse::Goodbye::CAUSE_RUN_DONE);
    end.Write(response);
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "over");
  });
  auto attached = Attachment::Open(server.session(), OptionsFor());
  Recorder recorder("n0");
  ASSERT_TRUE(attached.value->Bind(recorder).ok());
  EXPECT_TRUE(attached.value->WaitForEnd().ok());
  EXPECT_EQ(attached.value->goodbye(),
            v1::AttachResponse::Goodbye::CAUSE_RUN_DONE);
  EXPECT_EQ(recorder.generation, 3);
}

TEST(AttachmentTest, ALeaseIsRenewedWhenItRunsOut) {
  v1::AttachRequest answer;
  ScriptedServer server([&answer](ServerEnd& end) {
    end.Welcome();
    v1::AttachResponse response;
    response.mutable_lease_notice();
    end.Write(response);
    answer = end.Read();
    return grpc::Status::OK;
  });
  auto attached = Attachment::Open(server.session(), OptionsFor());
  attached.value->WaitForEnd();
  EXPECT_TRUE(answer.has_keep_alive());
}

// Many acknowledgements while reads go on: the queue of writes holds them.
TEST(AttachmentTest, AThousandCallbacksInARowAreAllAnswered) {
  constexpr int kCount = 1000;
  int64_t sum = 0;
  ScriptedServer server([&sum](ServerEnd& end) {
    end.Welcome();
    end.Bound();
    for (int i = 1; i <= kCount; ++i) {
      end.Call(i, "n0", v1::CALLBACK_EVENT_INVALIDATE_RANGE_START);
    }
    for (int i = 0; i < kCount; ++i) sum += end.Read().ack().callback_number();
    return grpc::Status::OK;
  });
  auto attached = Attachment::Open(server.session(),
                                   OptionsFor(Attachment::Dispatch::kInline));
  Recorder recorder("n0");
  ASSERT_TRUE(attached.value->Bind(recorder).ok());
  EXPECT_TRUE(attached.value->WaitForEnd().ok());
  EXPECT_EQ(sum, kCount * (kCount + 1) / 2);
}

}  // namespace
}  // namespace mmfault::client
