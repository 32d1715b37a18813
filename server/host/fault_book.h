// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// fault_book.h: the faults that clients have armed in a world, by name.
//
// A fault is a set of rules that come and go together. The registry (faults/)
// knows rules by number and evaluates them; the book knows which fault they are
// of, in what words they were asked for, and whose they are.
//
// Threads: the world's runner only.

#ifndef MMFAULT_SERVER_HOST_FAULT_BOOK_H_
#define MMFAULT_SERVER_HOST_FAULT_BOOK_H_

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "faults/points.h"
#include "mmfault/v1/fault.pb.h"
#include "server/scenario/machine.h"

namespace mmfault::host {

// What rules have counted at a point.
struct PointCounts {
  uint64_t hits = 0;   // of the rule with the most
  uint64_t fires = 0;  // of all together
};
PointCounts CountsAt(scenario::Machine& machine, faults::Point point);

class FaultBook {
 public:
  static constexpr size_t kMaxFaults = 256;
  static constexpr int kMaxRules = 64;
  // Names of disarmed faults that are remembered.
  static constexpr size_t kMaxDisarmed = 1024;

  // `world` is the resource name, `worlds/w1`.
  explicit FaultBook(std::string world) : world_(std::move(world)) {}

  // Arms every rule or none. `id` may be empty: then one is chosen. With
  // `validate_only` everything is checked and nothing is done.
  //
  // Errors: those of FaultService.ArmFault about the rules and the id.
  absl::StatusOr<v1::Fault> Arm(scenario::Machine* machine,
                                const std::string& id, const v1::Fault& fault,
                                bool validate_only);

  // Disarms one and resumes the tasks that stand at its holds. Nothing for one
  // that is disarmed already.
  //
  // Errors: NOT_FOUND (FAULT_NOT_FOUND): it was never armed, or too long ago.
  absl::StatusOr<std::vector<v1::Fault>> Disarm(scenario::Machine* machine,
                                                const std::string& id);
  std::vector<v1::Fault> DisarmAll(scenario::Machine* machine);
  // Those that a client holds.
  void DisarmClient(scenario::Machine* machine, const std::string& client);

  absl::StatusOr<v1::Fault> Get(scenario::Machine& machine,
                                const std::string& id) const;
  std::vector<std::string> Ids() const;

  // The world begins anew, without any.
  void Clear();

 private:
  struct Entry {
    v1::Fault fault;  // as it was armed
    std::vector<uint32_t> rules;
  };

  std::string NameOf(const std::string& id) const;
  absl::Status Check(const std::string& id, const v1::Fault& fault) const;
  v1::Fault View(scenario::Machine& machine, const Entry& entry) const;
  v1::Fault Remove(scenario::Machine* machine, const std::string& id);

  const std::string world_;
  std::map<std::string, Entry> entries_;  // by id
  std::deque<std::string> disarmed_;      // ids, oldest first
  int64_t next_number_ = 1;
};

}  // namespace mmfault::host

#endif  // MMFAULT_SERVER_HOST_FAULT_BOOK_H_
