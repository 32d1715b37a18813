// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// fault_text.h: faults as `mmfault fault` prints them.

#ifndef MMFAULT_CLIENTS_CLI_FAULT_TEXT_H_
#define MMFAULT_CLIENTS_CLI_FAULT_TEXT_H_

#include <google/protobuf/repeated_field.h>

#include <string>

#include "mmfault/v1/fault.pb.h"

namespace mmfault::cli {

// Points and triggers: `mm/exit_mmap/enter: 1*hold; ...`.
std::string RulesText(const v1::Fault& fault);

// One line a fault, with its counts and who holds it.
std::string FaultTable(
    const google::protobuf::RepeatedPtrField<v1::Fault>& faults);

// One line a task that stands at a hold.
std::string HoldTable(
    const google::protobuf::RepeatedPtrField<v1::Hold>& holds);

}  // namespace mmfault::cli

#endif  // MMFAULT_CLIENTS_CLI_FAULT_TEXT_H_
