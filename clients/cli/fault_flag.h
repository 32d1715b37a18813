// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// fault_flag.h: `--fault 'POINT: TRIGGER'`, as replay lines have it.

#ifndef MMFAULT_CLIENTS_CLI_FAULT_FLAG_H_
#define MMFAULT_CLIENTS_CLI_FAULT_FLAG_H_

#include <string>

#include "mmfault/v1/fault.pb.h"

namespace mmfault::cli {

// False, with `error` set, when there is no colon. Whether point and trigger
// are right is the server's to say.
bool ParseFaultFlag(const std::string& text, v1::FaultRule* rule,
                    std::string* error);

}  // namespace mmfault::cli

#endif  // MMFAULT_CLIENTS_CLI_FAULT_FLAG_H_
