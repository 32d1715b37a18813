// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// attachment.h: a client attached to a world or to a run.
//
//   MyDriver driver("n0");  // a RemoteNotifier
//   Attachment::Options options;
//   options.parent = "worlds/w0";
//   auto attached = Attachment::Open(*session, options);
//   Attachment& attachment = *attached.value;
//   attachment.Bind(driver);
//   v1::Step step;
//   step.mutable_register_()->set_notifier("n0");
//   StepAnswer answer = attachment.Call(step).Wait();
//
// One stream carries any number of notifiers, calls and callbacks. A bound
// notifier must outlive the attachment.
//
// Threads: all members may be called from any thread; Open() and the destructor
// by one. Callbacks run as Options::dispatch says.

#ifndef MMFAULT_CLIENTS_CPP_ATTACHMENT_H_
#define MMFAULT_CLIENTS_CPP_ATTACHMENT_H_

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "clients/cpp/answer.h"
#include "clients/cpp/attach_stream.h"
#include "clients/cpp/pending_call.h"
#include "clients/cpp/remote_notifier.h"
#include "clients/cpp/session.h"
#include "clients/cpp/worker_pool.h"

namespace mmfault::client {

class Attachment : private AttachStream::Listener {
 public:
  // Where callbacks run.
  enum class Dispatch {
    // Each on a thread of its own from a pool: callbacks may block, and wait
    // for calls.
    kThreads,
    // On the thread that reads the stream, one after the other: fastest. A
    // callback must not block or wait for a call.
    kInline,
  };

  struct Options {
    // `worlds/{world}` or `runs/{run}`.
    std::string parent;
    // The client's id; empty means that the server chooses one.
    std::string client;
    // Zero means that the stream alone says whether the client is there. A
    // lease is renewed whenever the server says that it runs out.
    std::chrono::milliseconds lease{0};
    Dispatch dispatch = Dispatch::kThreads;
    // Called on the reading thread; must not block. An empty one is not called,
    // and without `on_violation` the server does not send any.
    std::function<void(const v1::Violation&)> on_violation;
    std::function<void(const v1::AttachResponse::WorldReset&)> on_reset;
    // An acknowledgement was refused (late, or twice), or a `bind` or `call`
    // that nobody waits for any more.
    std::function<void(const v1::AttachResponse::Error&)> on_refused;
  };

  // Attaches, and returns once the server has welcomed the client.
  static Answer<std::unique_ptr<Attachment>> Open(Session& session,
                                                  Options options);

  // Cancels the stream if it is still open: for the server, the client is then
  // lost. Close() is the orderly way.
  ~Attachment() override;

  const v1::AttachResponse::Welcome& welcome() const { return welcome_; }

  // Says that callbacks of notifier.id() go to `notifier`, and waits until the
  // server has taken note. `mm` may be empty: that of the registering step.
  // Registers nothing yet. The value is the notifier's full name.
  Answer<std::string> Bind(RemoteNotifier& notifier,
                           const std::string& mm = "");

  // Runs a step in a task of the client's; empty means its own first one.
  PendingCall Call(const v1::Step& step, const std::string& task = "",
                   std::function<void(const StepAnswer&)> on_done = {});

  // Half-closes and waits for the end. What is registered then goes the way of
  // the world's policy. OK also when the server said goodbye first.
  grpc::Status Close();

  // Waits until the server ends the stream.
  grpc::Status WaitForEnd();

  // Why the server ended the stream in good order, if it has.
  std::optional<v1::AttachResponse::Goodbye::Cause> goodbye() const;

  // Callbacks acknowledged so far.
  int64_t acked_count() const {
    return acked_count_.load(std::memory_order_relaxed);
  }

 private:
  struct PendingBind {
    bool is_done = false;
    Answer<std::string> answer;
  };

  explicit Attachment(Options options) : options_(std::move(options)) {}

  void SendHello();
  void OnMessage(v1::AttachResponse& message) override;
  void OnEnd(const grpc::Status& status) override;

  void OnWelcome(v1::AttachResponse::Welcome& welcome);
  void OnBound(const v1::AttachResponse::Bound& bound);
  void OnResult(v1::AttachResponse::Result& result);
  void OnCallback(v1::AttachResponse& message);
  void OnError(const v1::AttachResponse::Error& error);
  void OnReset(const v1::AttachResponse::WorldReset& reset);
  void RenewLease();

  void AnswerCallback(const v1::AttachResponse::Callback& callback);
  // Whether somebody had been waiting for it.
  bool CompleteCall(int64_t tag, StepAnswer answer);
  bool CompleteBind(int64_t tag, Answer<std::string> answer);

  const Options options_;
  v1::AttachResponse::Welcome welcome_;
  std::atomic<int64_t> acked_count_ = 0;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool is_welcome_ = false;                                     // mutex_
  bool has_ended_ = false;                                      // mutex_
  grpc::Status end_status_;                                     // mutex_
  std::optional<v1::AttachResponse::Goodbye::Cause> goodbye_;   // mutex_
  int64_t last_tag_ = 0;                                        // mutex_
  std::unordered_map<std::string, RemoteNotifier*> notifiers_;  // mutex_
  std::map<int64_t, std::shared_ptr<PendingBind>> binds_;       // mutex_
  std::map<int64_t, PendingCall> calls_;                        // mutex_

  // In this order: the stream ends before the threads that answer on it.
  std::unique_ptr<WorkerPool> workers_;
  std::unique_ptr<AttachStream> stream_;
};

}  // namespace mmfault::client

#endif  // MMFAULT_CLIENTS_CPP_ATTACHMENT_H_
