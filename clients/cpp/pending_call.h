// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// pending_call.h: a step that was sent on an Attach stream and may not have
// run yet.

#ifndef MMFAULT_CLIENTS_CPP_PENDING_CALL_H_
#define MMFAULT_CLIENTS_CPP_PENDING_CALL_H_

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "clients/cpp/answer.h"
#include "mmfault/v1/step.pb.h"

namespace mmfault::client {

using StepAnswer = Answer<v1::StepResult>;

// Threads: all members may be called from any thread. Copies share the call.
class PendingCall {
 public:
  // `on_done` runs on the stream's reading thread, in the order in which the
  // server sent its answers and callbacks, before Wait() returns.
  explicit PendingCall(std::function<void(const StepAnswer&)> on_done = {});

  // Returns how the step ended; a negative errno of it is in the value, not in
  // the status.
  //
  // The status is an error when the server refused the call, or the stream
  // ended first. FAILED_PRECONDITION without a reason: called from inside a
  // callback that runs on the reading thread (Attachment::Dispatch::kInline),
  // where it would wait for ever.
  StepAnswer Wait() const;

  bool is_done() const;

  // For Attachment.
  void Complete(StepAnswer answer) const;

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable condition;
    bool is_done = false;
    StepAnswer answer;
    std::function<void(const StepAnswer&)> on_done;
  };

  std::shared_ptr<State> state_;
};

// While one lives, Wait() on this thread refuses: the thread is the one that
// would bring the answer.
class ReadingThreadScope {
 public:
  ReadingThreadScope();
  ~ReadingThreadScope();

 private:
  const bool was_inside_;
};

}  // namespace mmfault::client

#endif  // MMFAULT_CLIENTS_CPP_PENDING_CALL_H_
