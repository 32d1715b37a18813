// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// remote_notifier.h: a notifier whose callbacks run in this process.
//
// Derive from RemoteNotifier, override the callbacks that your driver has, and
// bind the object to an Attachment. While a callback runs, the simulated task
// that called it stands still; what the callback returns goes back to it.
//
// Only what the callback says is dropped counts as dropped: a driver that
// drops in its own tables and does not tell, or tells and does not drop, is
// what the server is there to find.
//
// Threads: see Attachment::Dispatch; callbacks of one notifier may run at the
// same time, as they may in the kernel, when several simulated tasks call it.

#ifndef MMFAULT_CLIENTS_CPP_REMOTE_NOTIFIER_H_
#define MMFAULT_CLIENTS_CPP_REMOTE_NOTIFIER_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "mmfault/v1/notifier_service.pb.h"

namespace mmfault::client {

// One delivery, and what is to be said about it in the acknowledgement.
class Callback {
 public:
  explicit Callback(const v1::AttachResponse::Callback& message)
      : message_(message) {}

  // All the server told: locks held, reason, task, page.
  const v1::AttachResponse::Callback& message() const { return message_; }
  v1::CallbackEvent event() const { return message_.event(); }
  uint64_t start() const { return message_.start(); }
  uint64_t end() const { return message_.end(); }

  // Whether a kernel callback might sleep here. If not, it has to do without,
  // or return -EAGAIN where the protocol allows that.
  bool may_sleep() const { return message_.blockable() && !message_.atomic(); }

  // Says that the callback slept, or would have in a kernel.
  void MightSleep() { ack_.set_slept(true); }

  // Says that every mapping in the callback's range is gone (on release: all).
  void DroppedRange() { ack_.set_dropped_range(true); }

  // Says that the mappings of another range are gone.
  void Dropped(uint64_t start, uint64_t end);

  // The acknowledgement. Call once.
  v1::AttachRequest::Ack* TakeAck(int rc);

 private:
  const v1::AttachResponse::Callback& message_;
  v1::AttachRequest::Ack ack_;
};

// The kernel's might_sleep(): to be called where driver code would sleep, by
// code that need not know whether it runs in a callback. In a callback it marks
// the acknowledgement; elsewhere it does nothing.
void MightSleep();

class RemoteNotifier {
 public:
  explicit RemoteNotifier(std::string id,
                          v1::Notifier::Kind kind = v1::Notifier::KIND_LIST)
      : id_(std::move(id)), kind_(kind) {}
  virtual ~RemoteNotifier() = default;

  RemoteNotifier(const RemoteNotifier&) = delete;
  RemoteNotifier& operator=(const RemoteNotifier&) = delete;

  const std::string& id() const { return id_; }
  v1::Notifier::Kind kind() const { return kind_; }

  // The callbacks, by the kernel's names. Each returns what the kernel's
  // would: 0, -EAGAIN where `call` is not blockable, 1 for "young". Those that
  // return void in the kernel return 0. The ones with a default do nothing.
  virtual int InvalidateRangeStart(Callback& call) = 0;
  virtual int InvalidateRangeEnd(Callback& call) = 0;
  virtual int InvalidatePage(Callback& call) = 0;
  virtual int Release(Callback& call) = 0;
  virtual int InvalidateRange(Callback& /*call*/) { return 0; }
  virtual int ClearFlushYoung(Callback& /*call*/) { return 0; }
  virtual int ClearYoung(Callback& /*call*/) { return 0; }
  virtual int TestYoung(Callback& /*call*/) { return 0; }
  virtual int ChangePte(Callback& /*call*/) { return 0; }
  virtual int IntervalInvalidate(Callback& /*call*/) { return 0; }
  virtual int FreeNotifier(Callback& /*call*/) { return 0; }

  // Not of the kernel: somebody else's task wants the device to map
  // call.message().page(). Refuse with a negative errno.
  virtual int Establish(Callback& /*call*/) { return 0; }

  // Callbacks that the driver leaves null in its ops; the server then does not
  // call. Asked when the notifier is bound.
  virtual std::vector<v1::CallbackEvent> Unimplemented() const { return {}; }

  // The world begins anew: forget every mapping and count.
  virtual void Reset(const v1::AttachResponse::WorldReset& /*reset*/) {}

  // Calls the callback that the event names. An event that this library does
  // not know is answered with 0.
  int Dispatch(Callback& call);

 private:
  const std::string id_;
  const v1::Notifier::Kind kind_;
};

}  // namespace mmfault::client

#endif  // MMFAULT_CLIENTS_CPP_REMOTE_NOTIFIER_H_
