// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// remote_session.h: what an Attach stream talks to, be it a world or a run.
//
// The stream (server/api) knows gRPC: it reads, writes, bounds its queue and
// watches the lease. The session knows what the messages mean: who may bind
// which notifier, what a call runs, which callback an ack answers. Neither
// knows the other's kind.
//
//   stream --- Open, Handle, Close ---> RemoteSession   (a world, a run)
//   stream <--------- Send, End ------- ClientStream
//
// Locks: a session may call its ClientStream while it holds its own locks; a
// ClientStream therefore never calls back into a session from Send() or End().
//
// Threads: every function may be called from any thread, and none blocks. The
// stream calls Open, then Handle in the order of the client's messages, then
// Close once, never two of them at a time.

#ifndef MMFAULT_SERVER_HOST_REMOTE_SESSION_H_
#define MMFAULT_SERVER_HOST_REMOTE_SESSION_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mmfault/v1/notifier_service.pb.h"

namespace mmfault::host {

// One attached client, as a session sees it.
class ClientStream {
 public:
  virtual ~ClientStream() = default;

  // Queues a message. False when the stream is over, or when this message made
  // it too long: then the stream ends itself (READER_TOO_SLOW) and Close()
  // follows.
  virtual bool Send(v1::AttachResponse message) = 0;

  // As Send(), for what comes most often: the stream lends the memory. `fill`
  // gets an empty message. It is called at most once, before this returns,
  // maybe under the stream's lock.
  virtual bool SendCallback(
      absl::FunctionRef<void(v1::AttachResponse::Callback*)> fill) {
    v1::AttachResponse message;
    fill(message.mutable_callback());
    return Send(std::move(message));
  }

  // Ends the stream after what is queued: OK after a goodbye, else the error.
  // Close() follows. Further calls do nothing.
  virtual void End(const absl::Status& status) = 0;
};

// Why a stream has ended, as far as its client had a part in it.
enum class Departure : uint8_t {
  kLeft,          // closed it, or was told to go
  kLost,          // cancelled, or the connection broke
  kLeaseExpired,  // was silent for too long
  kTooSlow,       // did not read what it was sent
};

// A world or a run, as a stream sees it.
class RemoteSession {
 public:
  virtual ~RemoteSession() = default;

  // Attaches a client; `stream` stays valid until it is let go. Returns the
  // client's id (the hello's, or one that is chosen), after having sent the
  // welcome. Errors end the stream; see NotifierService.Attach.
  virtual absl::StatusOr<std::string> Open(
      const v1::AttachRequest::Hello& hello,
      std::shared_ptr<ClientStream> stream) = 0;

  // A bind, a call or an ack. Answers, refusals among them, go through the
  // stream.
  virtual void Handle(const std::string& client,
                      const v1::AttachRequest& request) = 0;

  // The stream has ended, for whatever cause. The client is gone.
  virtual void Close(const std::string& client, Departure departure) = 0;
};

}  // namespace mmfault::host

#endif  // MMFAULT_SERVER_HOST_REMOTE_SESSION_H_
