// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// host_fixture.h: hosted worlds and clients of theirs, without gRPC.
//
// Threads: a HostTest's helpers may be called from any thread.

#ifndef MMFAULT_TESTS_UNIT_HOST_HOST_FIXTURE_H_
#define MMFAULT_TESTS_UNIT_HOST_HOST_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "server/host/executor.h"
#include "server/host/hosted_world.h"
#include "server/host/world_table.h"

namespace mmfault::host {

// Generous: a wait that takes this long is a hang.
inline constexpr std::chrono::seconds kPatience{30};

// A client's end of a stream: keeps what it is sent.
class FakeStream final : public ClientStream {
 public:
  // Called with each message, on the sender's thread, instead of keeping it.
  using Handler = std::function<bool(const v1::AttachResponse&)>;

  bool Send(v1::AttachResponse message) override {
    if (handler_ != nullptr && handler_(message)) {
      return true;
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    messages_.push_back(std::move(message));
    changed_.notify_all();
    return true;
  }
  void End(const absl::Status& status) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    end_ = status;
    changed_.notify_all();
  }

  // The next message that is wanted; those before are dropped.
  v1::AttachResponse Next(
      const std::function<bool(const v1::AttachResponse&)>& wanted) {
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      while (!messages_.empty()) {
        v1::AttachResponse message = std::move(messages_.front());
        messages_.pop_front();
        if (wanted(message)) {
          return message;
        }
      }
      if (changed_.wait_for(lock, kPatience) == std::cv_status::timeout) {
        ADD_FAILURE() << "no message";
        return {};
      }
    }
  }
  v1::AttachResponse::Callback NextCallback() {
    return Next([](const auto& m) { return m.has_callback(); }).callback();
  }
  v1::AttachResponse NextAnswer(int64_t tag) {
    return Next([tag](const auto& m) {
      return m.result().tag() == tag || m.bound().tag() == tag ||
             (m.has_error() && m.error().tag() == tag);
    });
  }
  // Set before the stream is used.
  void SetHandler(Handler handler) { handler_ = std::move(handler); }

  std::optional<absl::Status> ended() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return end_;
  }

 private:
  Handler handler_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<v1::AttachResponse> messages_;
  std::optional<absl::Status> end_;
};

using WorldPtr = std::shared_ptr<HostedWorld>;
using StepFuture = std::future<absl::StatusOr<scenario::StepOutcome>>;

class HostTest : public testing::Test {
 protected:
  HostTest() : executor_(2), table_(Limits(), &executor_) {}

  static v1::WorldSettings Settings() {
    v1::WorldSettings settings;
    settings.set_protocol("6.1");
    settings.set_seed(7);
    return settings;
  }
  static v1::WorldSettings Lockstep() {
    v1::WorldSettings settings = Settings();
    settings.set_drive_mode(v1::DRIVE_MODE_LOCKSTEP);
    return settings;
  }

  // A world with an mm `m0`: one populated VMA of 16 pages at 0x100000.
  WorldPtr MakeWorld(const std::string& id, const v1::WorldSettings& settings) {
    v1::CreateWorldRequest request;
    request.set_world_id(id);
    *request.mutable_settings() = settings;
    v1::MmSetup* mm = request.mutable_scenario()->add_mm();
    mm->set_id("m0");
    v1::Vma* vma = mm->add_vma();
    vma->set_start(0x100000);
    vma->set_end(0x110000);
    vma->mutable_anonymous();
    vma->set_populated(true);
    const auto world = table_.Create(request);
    EXPECT_TRUE(world.ok()) << world.status();
    return *world;
  }

  // Runs something on the runner and waits for it.
  static void On(const WorldPtr& world, const std::function<void()>& work) {
    std::promise<void> done;
    world->Post([&](const absl::Status& alive) {
      if (alive.ok()) {
        work();
      }
      done.set_value();
    });
    done.get_future().get();
  }

  // Starts a step in a task that is made for it.
  static StepFuture Start(const WorldPtr& world, const std::string& task,
                          const v1::Step& step) {
    auto promise =
        std::make_shared<std::promise<absl::StatusOr<scenario::StepOutcome>>>();
    StepFuture future = promise->get_future();
    world->Post([world, task, step, promise](const absl::Status& alive) {
      if (!alive.ok()) {
        promise->set_value(alive);
        return;
      }
      const auto program = world->StandingTask(task, false);
      if (!program.ok()) {
        promise->set_value(program.status());
        return;
      }
      world->AllowSteps(0);
      const auto index = world->StartStep(
          *program, step, "step", 0,
          [promise](const absl::Status& status,
                    const scenario::StepOutcome* outcome) {
            if (status.ok() && outcome != nullptr) {
              promise->set_value(*outcome);
            } else {
              promise->set_value(status.ok() ? absl::AbortedError("died")
                                             : status);
            }
          });
      if (!index.ok()) {
        promise->set_value(index.status());
      }
    });
    return future;
  }

  static v1::AdvanceWorldResponse Advance(
      const WorldPtr& world, const v1::AdvanceWorldRequest& request = {}) {
    std::promise<absl::StatusOr<v1::AdvanceWorldResponse>> promise;
    auto future = promise.get_future();
    world->Post([&](const absl::Status& alive) {
      EXPECT_TRUE(alive.ok());
      world->Advance(request, [&](auto response) {
        promise.set_value(std::move(response));
      });
    });
    auto response = future.get();
    EXPECT_TRUE(response.ok()) << response.status();
    return response.ok() ? *response : v1::AdvanceWorldResponse();
  }

  static std::shared_ptr<FakeStream> Attach(const WorldPtr& world,
                                            const std::string& id,
                                            FakeStream::Handler handler = {}) {
    auto stream = std::make_shared<FakeStream>();
    stream->SetHandler(std::move(handler));
    v1::AttachRequest::Hello hello;
    hello.set_client(id);
    hello.set_want_violations(true);
    const auto client = world->Open(hello, stream);
    EXPECT_TRUE(client.ok()) << client.status();
    return stream;
  }
  static void Bind(const WorldPtr& world, const std::string& client,
                   const std::string& notifier, int64_t tag = 0) {
    v1::AttachRequest request;
    request.mutable_bind()->set_notifier(notifier);
    request.mutable_bind()->set_tag(tag);
    world->Handle(client, request);
  }
  static void Call(const WorldPtr& world, const std::string& client,
                   int64_t tag, const v1::Step& step) {
    v1::AttachRequest request;
    request.mutable_call()->set_tag(tag);
    *request.mutable_call()->mutable_step() = step;
    world->Handle(client, request);
  }
  static void Ack(const WorldPtr& world, const std::string& client,
                  int64_t number) {
    v1::AttachRequest request;
    request.mutable_ack()->set_callback_number(number);
    request.mutable_ack()->set_dropped_range(true);
    world->Handle(client, request);
  }

  static v1::Step DontNeed() {
    v1::Step step;
    step.mutable_madvise()->mutable_range()->set_start(0x100000);
    step.mutable_madvise()->mutable_range()->set_end(0x110000);
    return step;
  }
  static v1::Step Register(const std::string& notifier) {
    v1::Step step;
    step.mutable_register_()->set_notifier(notifier);
    return step;
  }

  static std::vector<std::string> Checkers(const WorldPtr& world) {
    std::vector<std::string> checkers;
    On(world, [&] {
      for (const v1::Violation& violation : world->violations()) {
        checkers.push_back(violation.checker());
      }
    });
    return checkers;
  }
  static std::string EventHash(const WorldPtr& world) {
    std::string hash;
    On(world, [&] { hash = world->View().event_hash(); });
    return hash;
  }

  Executor executor_;
  WorldTable table_;
};

}  // namespace mmfault::host

#endif  // MMFAULT_TESTS_UNIT_HOST_HOST_FIXTURE_H_
