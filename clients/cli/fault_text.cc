// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/fault_text.h"

#include <vector>

#include "clients/cli/output.h"

namespace mmfault::cli {
namespace {

std::string OrDash(const std::string& text) {
  return text.empty() ? "-" : text;
}

}  // namespace

std::string RulesText(const v1::Fault& fault) {
  std::vector<std::string> rules;
  for (const v1::FaultRule& rule : fault.rules()) {
    rules.push_back(rule.point() + ": " + rule.trigger());
  }
  return Joined(rules, "; ");
}

std::string FaultTable(
    const google::protobuf::RepeatedPtrField<v1::Fault>& faults) {
  Table table({"FAULT", "FIRED", "PASSED", "HELD BY", "RULES"});
  for (const v1::Fault& fault : faults) {
    int64_t fired = 0;
    int64_t passed = 0;
    for (const int64_t count : fault.fire_counts()) fired += count;
    for (const int64_t count : fault.hit_counts()) passed += count;
    table.Add({fault.name(), std::to_string(fired), std::to_string(passed),
               OrDash(fault.lease().empty() ? fault.client() : fault.lease()),
               RulesText(fault)});
  }
  return table.ToString();
}

std::string HoldTable(
    const google::protobuf::RepeatedPtrField<v1::Hold>& holds) {
  Table table({"HOLD", "TASK", "IN", "POINT", "FAULT", "LOCKS HELD"});
  for (const v1::Hold& hold : holds) {
    table.Add({hold.name(), hold.task(), OrDash(hold.operation()), hold.point(),
               OrDash(hold.fault()), JoinedOf(hold.held_locks())});
  }
  return table.ToString();
}

}  // namespace mmfault::cli
