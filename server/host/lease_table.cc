// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/host/lease_table.h"

#include <utility>

#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/host/hosted_world.h"
#include "server/host/names.h"
#include "server/host/wall_time.h"

namespace mmfault::host {

// Requires the lock.
absl::StatusOr<std::string> LeaseTable::NewName(const std::string& wanted) {
  RETURN_IF_ERROR(CheckQuota("server", "max_leases", kMaxLeases,
                             static_cast<int64_t>(leases_.size()) + 1));
  std::string name = "leases/" + wanted;
  if (!wanted.empty()) {
    if (leases_.contains(name)) {
      return AlreadyExists("lease", "LEASE_EXISTS", name);
    }
    return name;
  }
  for (uint64_t number = next_serial_;; ++number) {
    name = "leases/lease-" + std::to_string(number);
    if (!leases_.contains(name)) {
      return name;
    }
  }
}

absl::StatusOr<v1::Lease> LeaseTable::Open(
    const v1::HoldLeaseRequest::Open& open, std::chrono::milliseconds ttl,
    LeverHook hook) {
  if (open.client().empty()) {
    return base::InvalidFieldError("open.client", "FIELD_MISSING",
                                   "say whose lease it is");
  }
  RETURN_IF_ERROR(CheckId(open.client(), "open.client"));
  if (!open.lease_id().empty()) {
    RETURN_IF_ERROR(CheckId(open.lease_id(), "open.lease_id"));
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  ASSIGN_OR_RETURN(const std::string name, NewName(open.lease_id()));
  Entry& entry = leases_[name];
  entry.lease.set_name(name);
  entry.lease.set_client(open.client());
  *entry.lease.mutable_ttl() = ToProto(ttl);
  entry.serial = next_serial_++;
  entry.hook = std::move(hook);
  return entry.lease;
}

void LeaseTable::Close(const std::string& name) {
  Entry ended;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto it = leases_.find(name);
    if (it == leases_.end()) {
      return;
    }
    ended = std::move(it->second);
    leases_.erase(it);
  }
  for (const auto& [world_name, weak] : ended.worlds) {
    const std::shared_ptr<HostedWorld> world = weak.lock();
    if (world == nullptr) {
      continue;
    }
    world->Post(
        [raw = world.get(), serial = ended.serial](const absl::Status& alive) {
          if (alive.ok()) {
            raw->EndLease(serial);
          }
        });
  }
}

absl::StatusOr<LeaseHold> LeaseTable::Use(
    const std::string& name, const std::shared_ptr<HostedWorld>& world) {
  RETURN_IF_ERROR(ParseName(name, {"leases"}, "lease").status());
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto it = leases_.find(name);
  if (it == leases_.end()) {
    return NotFound("lease", "LEASE_NOT_FOUND", name);
  }
  // One of that name may have been deleted and made again.
  it->second.worlds[world->name()] = world;
  return LeaseHold{it->second.serial, it->second.lease.client()};
}

void LeaseTable::TellPulled(const v1::SafetyLever& lever) {
  std::vector<LeverHook> hooks;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const auto& [name, entry] : leases_) {
      if (lever.client().empty() || lever.client() == entry.lease.client()) {
        hooks.push_back(entry.hook);
      }
    }
  }
  for (const LeverHook& hook : hooks) {
    hook(lever);
  }
}

std::vector<v1::Lease> LeaseTable::All() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<v1::Lease> all;
  for (const auto& [name, entry] : leases_) {
    all.push_back(entry.lease);
    for (const auto& [world, weak] : entry.worlds) {
      if (!weak.expired()) {
        all.back().add_worlds(world);
      }
    }
  }
  return all;
}

}  // namespace mmfault::host
