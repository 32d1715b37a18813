// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// fault_book.h: the faults that clients have armed in a world, by name.
//
// A fault is a set of rules that come and go together. The registry (faults/)
// knows rules by number and evaluates them; the book knows which fault they are
// of, in what words they were asked for, and whose they are: nobody's, those of
// an attached client, or those of a lease.
//
// Every change of the set is one epoch, however many faults it arms or disarms.
// Disarming takes no account of what a rule is doing: tasks that it holds go
// on, and those that others hold at the same point do not.
//
// Threads: the world's runner only.

#ifndef MMFAULT_SERVER_HOST_FAULT_BOOK_H_
#define MMFAULT_SERVER_HOST_FAULT_BOOK_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "faults/points.h"
#include "mmfault/v1/fault.pb.h"
#include "server/host/lease_table.h"
#include "server/scenario/machine.h"

namespace mmfault::host {

// What rules have counted at a point.
struct PointCounts {
  uint64_t hits = 0;            // of the rule with the most
  uint64_t fires = 0;           // of all together
  uint64_t last_fire_step = 0;  // of the one that acted last; 0: none has
};
PointCounts CountsAt(scenario::Machine& machine, faults::Point point);

// A fault that is to be armed.
struct WantedFault {
  std::string id;     // empty: one is chosen
  v1::Fault fault;    // its `client` and `lease` are right
  LeaseHold lease;    // what `lease` stands for
  std::string field;  // its place in the request
};

// What was taken away.
struct Disarmed {
  std::vector<v1::Fault> faults;  // with their last counts
  int resumed = 0;                // tasks
};

class FaultBook {
 public:
  // What sched::TaskRecord::client says of an attached client; 0 for one that
  // is not attached.
  using ClientNumber = std::function<uint32_t(const std::string& client)>;

  static constexpr size_t kMaxFaults = 256;
  static constexpr int kMaxRules = 64;
  // Names of disarmed faults that are remembered.
  static constexpr size_t kMaxDisarmed = 1024;

  // `world` is the resource name, `worlds/w1`.
  explicit FaultBook(std::string world) : world_(std::move(world)) {}

  // Arms every rule of every fault, or none, at one step and in one epoch. With
  // `dry_run` everything is resolved and nothing is done.
  //
  // Errors: those of FaultService.ArmFault about the rules and the ids.
  absl::StatusOr<std::vector<v1::Fault>> Arm(
      scenario::Machine* machine, const std::vector<WantedFault>& wanted,
      const ClientNumber& client_number, bool dry_run);

  // Disarms one and resumes the tasks that stand at its holds. Nothing for one
  // that is disarmed already.
  //
  // Errors: NOT_FOUND (FAULT_NOT_FOUND): it was never armed, or too long ago.
  absl::StatusOr<std::vector<v1::Fault>> Disarm(scenario::Machine* machine,
                                                const std::string& id);
  // Those that `wanted` says, given the fault and its lease's serial.
  using Wanted = std::function<bool(const v1::Fault& fault, uint64_t lease)>;
  Disarmed DisarmThose(scenario::Machine* machine, const Wanted& wanted);

  absl::StatusOr<v1::Fault> Get(scenario::Machine& machine,
                                const std::string& id) const;
  std::vector<std::string> Ids() const;

  // The fault of a rule; null for a rule that is none's.
  const v1::Fault* OfRule(uint32_t rule) const;

  // How often the set of faults was changed.
  int64_t epoch() const { return epoch_; }

  // The world begins anew, without any.
  void Clear();

 private:
  struct Entry {
    v1::Fault fault;  // as it was armed
    uint64_t lease = 0;
    std::vector<uint32_t> rules;
  };
  // One that is resolved and not armed yet.
  struct Draft {
    std::string id;
    Entry entry;
    std::vector<faults::Rule> rules;
  };
  using Drafts = std::vector<Draft>;

  std::string NameOf(const std::string& id) const;
  absl::Status Check(const WantedFault& wanted, const Drafts& others) const;
  absl::StatusOr<Draft> Resolve(const scenario::Machine& machine,
                                const WantedFault& wanted,
                                const ClientNumber& client_number) const;
  void ChooseIds(Drafts* drafts);
  static absl::Status ArmRules(scenario::Machine* machine, Drafts* drafts);
  v1::Fault View(scenario::Machine& machine, const Entry& entry) const;
  v1::Fault Remove(scenario::Machine* machine, const std::string& id,
                   int* resumed);

  const std::string world_;
  std::map<std::string, Entry> entries_;  // by id
  std::deque<std::string> disarmed_;      // ids, oldest first
  int64_t next_number_ = 1;
  int64_t epoch_ = 0;
};

}  // namespace mmfault::host

#endif  // MMFAULT_SERVER_HOST_FAULT_BOOK_H_
