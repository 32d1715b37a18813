// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// lease_table.h: the leases of a server, and what ends with them.
//
// A lease is held by a client's stream (api/lease_stream.h), which closes it
// when the stream ends or the client is silent for too long. Closing takes the
// lease away first, so that nothing can be armed under it any more, and then
// has every world in which it was used disarm what it holds.
//
// Arming calls Use() on the world's runner: whatever was armed before the lease
// was taken away is disarmed by the message that closing posts behind it.
//
// Locks: one, for the map; never held while a world is posted to.
//
// Threads: every function may be called from any thread.

#ifndef MMFAULT_SERVER_HOST_LEASE_TABLE_H_
#define MMFAULT_SERVER_HOST_LEASE_TABLE_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mmfault/v1/fault_service.pb.h"

namespace mmfault::host {

class HostedWorld;

// A lease as faults keep it. `serial` is never used again, unlike the name.
struct LeaseHold {
  uint64_t serial = 0;  // 0: no lease
  std::string client;
};

class LeaseTable {
 public:
  static constexpr int64_t kMaxLeases = 4096;
  // Told when a lever that covers the lease is pulled. Must not block.
  using LeverHook = std::function<void(const v1::SafetyLever& lever)>;

  // A lease is open from here until Close().
  //
  // Errors: INVALID_ARGUMENT (FIELD_MISSING, NAME_MALFORMED). ALREADY_EXISTS
  // (LEASE_EXISTS). RESOURCE_EXHAUSTED (QUOTA_EXCEEDED).
  absl::StatusOr<v1::Lease> Open(const v1::HoldLeaseRequest::Open& open,
                                 std::chrono::milliseconds ttl, LeverHook hook);

  // Ends it: its faults are disarmed everywhere, their held tasks resumed. Does
  // nothing when it has ended already.
  void Close(const std::string& name);

  // The lease of that name, which from now on is used in the world.
  //
  // Errors: NOT_FOUND (LEASE_NOT_FOUND): never there, or ended.
  absl::StatusOr<LeaseHold> Use(const std::string& name,
                                const std::shared_ptr<HostedWorld>& world);

  // Tells the leases of a client, empty for all, that its lever is pulled.
  void TellPulled(const v1::SafetyLever& lever);

  // By name.
  std::vector<v1::Lease> All() const;

 private:
  struct Entry {
    v1::Lease lease;
    uint64_t serial = 0;
    LeverHook hook;
    std::map<std::string, std::weak_ptr<HostedWorld>> worlds;  // by name
  };

  absl::StatusOr<std::string> NewName(const std::string& wanted);

  mutable std::mutex mutex_;
  std::map<std::string, Entry> leases_;  // by name
  uint64_t next_serial_ = 1;
};

}  // namespace mmfault::host

#endif  // MMFAULT_SERVER_HOST_LEASE_TABLE_H_
