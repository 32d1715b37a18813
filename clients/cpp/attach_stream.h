// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// attach_stream.h: the Attach RPC as a queue of messages out and a listener in.
//
// gRPC allows one outstanding write and tells of a read before it tells that an
// earlier write is done; the queue hides both. Inside the library only; use
// Attachment.
//
// Lock order: no lock is held while the listener is called. Threads: Send() and
// the rest from any thread, the listener's own calls included; the listener is
// called by gRPC's threads, one call at a time.

#ifndef MMFAULT_CLIENTS_CPP_ATTACH_STREAM_H_
#define MMFAULT_CLIENTS_CPP_ATTACH_STREAM_H_

#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>

#include <condition_variable>
#include <deque>
#include <mutex>

#include "mmfault/v1/notifier_service.grpc.pb.h"

namespace mmfault::client {

class AttachStream
    : public grpc::ClientBidiReactor<v1::AttachRequest, v1::AttachResponse> {
 public:
  class Listener {
   public:
    virtual ~Listener() = default;
    // May take the message's content. The next message is read once this has
    // returned.
    virtual void OnMessage(v1::AttachResponse& message) = 0;
    // Last call. The stream may not be destroyed inside it.
    virtual void OnEnd(const grpc::Status& status) = 0;
  };

  // The listener and the stub must outlive the stream.
  AttachStream(v1::NotifierService::Stub& stub, Listener* listener);

  // Cancels what is still open and waits for the end.
  ~AttachStream() override;

  // Takes the message's content. Dropped silently once the stream has ended.
  void Send(v1::AttachRequest& message);

  // No more messages will be sent; what was queued still is.
  void HalfClose();

  void Cancel() { context_.TryCancel(); }

  // Returns after OnEnd().
  void WaitForEnd();

 private:
  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

  // Both with mutex_ held.
  void WriteNext();
  void CloseIfDrained();

  Listener* const listener_;
  grpc::ClientContext context_;
  v1::AttachResponse incoming_;

  std::mutex mutex_;
  std::condition_variable ended_condition_;
  std::deque<v1::AttachRequest> queue_;  // mutex_
  v1::AttachRequest outgoing_;           // While is_writing_: gRPC's.
  bool is_writing_ = false;              // mutex_
  bool is_closing_ = false;              // mutex_: HalfClose() was called.
  bool has_closed_ = false;              // mutex_: ... and has reached gRPC.
  bool has_read_end_ = false;            // mutex_: nothing may be started.
  bool has_ended_ = false;               // mutex_
};

}  // namespace mmfault::client

#endif  // MMFAULT_CLIENTS_CPP_ATTACH_STREAM_H_
