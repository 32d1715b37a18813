// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// What clients arm in a world, who holds it, and how it ends.

#include <chrono>
#include <utility>

#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/host/hosted_world.h"
#include "server/host/names.h"
#include "server/host/safety_levers.h"

namespace mmfault::host {

absl::Status HostedWorld::CheckLever(const std::string& client) const {
  return plan_.levers == nullptr ? absl::OkStatus()
                                 : plan_.levers->Check(client);
}

// Whose the fault will be, and whether they may arm.
absl::Status HostedWorld::FindHolder(LeaseTable* leases, WantedFault* wanted) {
  v1::Fault& fault = wanted->fault;
  if (!fault.lease().empty() && leases != nullptr) {
    ASSIGN_OR_RETURN(wanted->lease,
                     leases->Use(fault.lease(), shared_from_this()));
    if (!fault.client().empty() && fault.client() != wanted->lease.client) {
      return base::InvalidFieldError(
          wanted->field + ".client", "UNSUPPORTED_SETTING",
          "the lease is that of client \"" + wanted->lease.client + "\"",
          {{"value", fault.client()}});
    }
    fault.set_client(wanted->lease.client);
  } else if (!fault.client().empty() && !HasClient(fault.client())) {
    return base::MissingResourceError(
        fault.client(), "CLIENT_NOT_FOUND",
        "no client \"" + fault.client() + "\" is attached",
        {{"name", fault.client()}, {"field", wanted->field + ".client"}});
  }
  return CheckLever(fault.client());
}

absl::StatusOr<std::vector<v1::Fault>> HostedWorld::ArmFaults(
    LeaseTable* leases, std::vector<WantedFault> wanted, bool dry_run) {
  RETURN_IF_ERROR(CheckArena());
  for (WantedFault& one : wanted) {
    RETURN_IF_ERROR(FindHolder(leases, &one));
  }
  return faults_.Arm(
      machine_.get(), wanted,
      [this](const std::string& id) {
        const ClientPtr client = FindClient(id);
        return client == nullptr ? 0 : client->number;
      },
      dry_run);
}

Disarmed HostedWorld::DisarmThose(const FaultBook::Wanted& wanted) {
  Disarmed gone = faults_.DisarmThose(machine_.get(), wanted);
  if (!gone.faults.empty()) {
    AllowSteps(0);
  }
  return gone;
}

void HostedWorld::EndLease(uint64_t serial) {
  DisarmThose([serial](const v1::Fault& /*fault*/, uint64_t lease) {
    return lease == serial;
  });
}

// Rule: the server's lever leaves nothing armed, whoever armed it. Breakpoints
// of AdvanceWorld are no faults.
Disarmed HostedWorld::StopFaults(const std::string& client) {
  Disarmed gone =
      DisarmThose([&client](const v1::Fault& fault, uint64_t /*lease*/) {
        return client.empty() || fault.client() == client;
      });
  if (!client.empty()) {
    return gone;
  }
  const sched::World::Scope scope(&world());
  std::vector<uint32_t> rules;
  for (const auto& [id, rule] : world().faults().rules()) {
    if (!rule.silent) {
      rules.push_back(id);
    }
  }
  for (const uint32_t id : rules) {
    world().faults().Disarm(id);
    gone.resumed += kernel::ResumeHeldBy(&world(), id);
  }
  AllowSteps(0);
  return gone;
}

// FREE_RUNNING: somebody outside may resume a task that is held for some time,
// so where there is nothing else to wait for, virtual time keeps step with wall
// time instead of being over at once.
void HostedWorld::AwaitHoldEnd() {
  const uint64_t end = world().NextHoldEnd();
  if (end == 0 || end == hold_end_) {
    return;
  }
  hold_end_ = end;
  const std::chrono::nanoseconds left(end - world().state().time_ns);
  executor_->RunAt(Executor::Clock::now() + left, [weak = weak_from_this(),
                                                   serial = ++hold_serial_] {
    const std::shared_ptr<HostedWorld> self = weak.lock();
    if (self != nullptr) {
      self->Post([raw = self.get(), serial](const absl::Status& alive) {
        if (alive.ok()) {
          raw->OnHoldEnd(serial);
        }
      });
    }
  });
}

void HostedWorld::OnHoldEnd(uint64_t serial) {
  if (serial != hold_serial_ || hold_end_ == 0) {
    return;  // another world by now, or another hold ends earlier
  }
  if (world().NextHoldEnd() == std::exchange(hold_end_, 0)) {
    world().PassHold();
    AllowSteps(0);
  }
}

}  // namespace mmfault::host
