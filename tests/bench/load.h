// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// load.h: closed-loop load for any unary or bidi RPC, on the callback API.
//
// Unary: N slots, each with one call in flight; a slot starts its next call
// when the last one is done. Bidi: N streams, each answering what it reads. The
// same code drives the bare echo and the real services, so that the client's
// own cost is the same on both sides of a comparison.
//
//   RunUnaryLoad([&](int slot) {
//     return MakeUnaryCall<EchoRequest, EchoResponse>(request,
//         [&](auto*... arguments) { stub->async()->Echo(arguments...); });
//   }, {.in_flight = 16});
//
// Threads: calls complete on gRPC's threads. Run*Load() blocks its caller and
// returns after every call or stream is done.

#ifndef MMFAULT_TESTS_BENCH_LOAD_H_
#define MMFAULT_TESTS_BENCH_LOAD_H_

#include <google/protobuf/arena.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/support/client_callback.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace mmfault::bench {

struct LoadOptions {
  int in_flight = 1;  // Slots; RunStreamLoad() takes the streams it is given.
  std::chrono::milliseconds warmup{200};
  std::chrono::milliseconds duration{1000};
};

struct LoadResult {
  double per_second = 0;     // Calls, or answered messages, while measuring.
  int64_t failed_count = 0;  // Calls or streams; a valid run has none.
  std::string first_error;
  double p50_us = 0;  // Unary only.
  double p99_us = 0;
};

// One slot of a unary load: its own context, request and response.
class UnaryCall {
 public:
  using Done = std::function<void(const grpc::Status&)>;
  virtual ~UnaryCall() = default;
  // Starts a call. `done` runs once, on another thread; the call may be started
  // again from within it.
  virtual void Start(Done done) = 0;
};

LoadResult RunUnaryLoad(
    const std::function<std::unique_ptr<UnaryCall>(int slot)>& make_call,
    const LoadOptions& options);

// The slot for a generated stub's async method.
template <typename Request, typename Response>
class TypedUnaryCall final : public UnaryCall {
 public:
  using Method =
      std::function<void(grpc::ClientContext*, const Request*, Response*,
                         std::function<void(grpc::Status)>)>;

  TypedUnaryCall(Request request, Method method)
      : request_(std::move(request)), method_(std::move(method)) {}

  void Start(Done done) override {
    done_ = std::move(done);
    context_.emplace();
    method_(&*context_, &request_, &response_,
            [this](const grpc::Status& status) {
              // done_ is replaced when the call is started again.
              const Done finished = std::move(done_);
              finished(status);
            });
  }

 private:
  const Request request_;
  const Method method_;
  Response response_;
  std::optional<grpc::ClientContext> context_;
  Done done_;
};

template <typename Request, typename Response, typename Method>
std::unique_ptr<UnaryCall> MakeUnaryCall(Request request, Method method) {
  return std::make_unique<TypedUnaryCall<Request, Response>>(std::move(request),
                                                             std::move(method));
}

// One stream of a bidi load.
class LoadStream {
 public:
  virtual ~LoadStream() = default;
  // Begins; `answered` grows by one for each message answered.
  virtual void Start(std::atomic<int64_t>* answered) = 0;
  // Cancels. Returns the status with which the stream ended by itself before,
  // or OK.
  virtual grpc::Status Stop() = 0;
};

LoadResult RunStreamLoad(
    const std::vector<std::unique_ptr<LoadStream>>& streams,
    const LoadOptions& options);

// The stream of a generated stub: sends `first`, then what `answer` says.
template <typename Request, typename Response>
class TypedLoadStream final
    : public LoadStream,
      private grpc::ClientBidiReactor<Request, Response> {
 public:
  using Reactor = grpc::ClientBidiReactor<Request, Response>;
  using Open = std::function<void(grpc::ClientContext*, Reactor*)>;
  // Fills the answer to a message and returns true, or returns false when it
  // needs none (it is not counted then).
  using Answer = std::function<bool(const Response&, Request*)>;

  TypedLoadStream(std::vector<Request> first, Open open, Answer answer)
      : outbox_(std::make_move_iterator(first.begin()),
                std::make_move_iterator(first.end())),
        open_(std::move(open)),
        answer_(std::move(answer)) {}

  void Start(std::atomic<int64_t>* answered) override {
    answered_ = answered;
    open_(&context_, this);
    if (!outbox_.empty()) {
      writing_ = true;
      this->StartWrite(&outbox_.front());
    }
    this->StartRead(response_);
    this->StartCall();
  }

  grpc::Status Stop() override {
    stopping_ = true;
    context_.TryCancel();
    return ended_.get_future().get();
  }

 private:
  void OnReadDone(bool ok) override {
    if (!ok) return;
    Request next;
    if (answer_(*response_, &next)) {
      answered_->fetch_add(1, std::memory_order_relaxed);
      Send(std::move(next));
    }
    // The parts of a message are one block, used again: what the load itself
    // costs should not depend on how many parts a message has.
    arena_.Reset();
    response_ = google::protobuf::Arena::CreateMessage<Response>(&arena_);
    this->StartRead(response_);
  }

  // A stream takes one write at a time, and a read may complete before the
  // write that caused it.
  void Send(Request request) {
    const std::lock_guard<std::mutex> lock(mutex_);
    outbox_.push_back(std::move(request));
    if (writing_) return;
    writing_ = true;
    this->StartWrite(&outbox_.front());
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return;
    const std::lock_guard<std::mutex> lock(mutex_);
    outbox_.pop_front();
    writing_ = !outbox_.empty();
    if (writing_) this->StartWrite(&outbox_.front());
  }

  void OnDone(const grpc::Status& status) override {
    ended_.set_value(stopping_ ? grpc::Status::OK : status);
  }

  std::mutex mutex_;
  std::deque<Request> outbox_;  // A deque: the front is being written.
  bool writing_ = false;
  alignas(std::max_align_t) std::array<char, 1024> block_;
  google::protobuf::Arena arena_{block_.data(), block_.size()};
  Response* response_ =
      google::protobuf::Arena::CreateMessage<Response>(&arena_);
  grpc::ClientContext context_;
  const Open open_;
  const Answer answer_;
  std::atomic<int64_t>* answered_ = nullptr;
  std::atomic<bool> stopping_ = false;
  std::promise<grpc::Status> ended_;
};

}  // namespace mmfault::bench

#endif  // MMFAULT_TESTS_BENCH_LOAD_H_
