// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// lease.h: a lease that is kept for as long as an object lives.
//
//   auto lease = Lease::Hold(*session, {.client = "kvm"});
//   request.mutable_fault()->set_lease(lease.value->name());
//
// What is armed under the lease is disarmed when the object goes, when its
// process dies, and when the server hears nothing for the lease's time.
//
// Threads: two of its own, one that speaks and one that reads. All members may
// be called from any thread.

#ifndef MMFAULT_CLIENTS_CPP_LEASE_H_
#define MMFAULT_CLIENTS_CPP_LEASE_H_

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "clients/cpp/answer.h"
#include "clients/cpp/session.h"
#include "mmfault/v1/fault_service.grpc.pb.h"

namespace mmfault::client {

class Lease {
 public:
  struct Options {
    std::string client;  // required: whose it is
    std::string id;      // empty: the server chooses
    // The longest silence; 0 means the server's default. It speaks three times
    // as often.
    std::chrono::milliseconds ttl{0};
    // Told of levers that are pulled, on the reader's thread.
    std::function<void(const v1::SafetyLever&)> on_lever = nullptr;
  };

  // Errors: those of FaultService.HoldLease.
  static Answer<std::unique_ptr<Lease>> Hold(Session& session, Options options);
  // Ends it, and waits until the server has disarmed what it holds.
  ~Lease();
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  // `leases/{lease}`.
  const std::string& name() const { return lease_.name(); }

  // Ends it in good order; WaitForEnd() returns soon. May be repeated.
  void Close();

  // Waits until it has ended, and returns why: OK after Close().
  grpc::Status WaitForEnd();

 private:
  using Stream =
      grpc::ClientReaderWriter<v1::HoldLeaseRequest, v1::HoldLeaseResponse>;

  explicit Lease(Options options) : options_(std::move(options)) {}
  grpc::Status Open(Session& session);
  void Read();
  void KeepAlive();

  const Options options_;
  grpc::ClientContext context_;
  std::unique_ptr<Stream> stream_;
  v1::Lease lease_;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool closing_ = false;
  bool ended_ = false;
  grpc::Status status_;
  std::thread reader_;
  std::thread speaker_;
};

}  // namespace mmfault::client

#endif  // MMFAULT_CLIENTS_CPP_LEASE_H_
