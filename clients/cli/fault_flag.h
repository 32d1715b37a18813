// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// fault_flag.h: `--fault 'POINT [FILTER=ID...]: TRIGGER'`, as replay lines have
// it. Filters are task, mm, notifier and operation.

#ifndef MMFAULT_CLIENTS_CLI_FAULT_FLAG_H_
#define MMFAULT_CLIENTS_CLI_FAULT_FLAG_H_

#include <string>

#include "mmfault/v1/fault.pb.h"

namespace mmfault::cli {

// False, with `error` set, when there is no colon, or something else than a
// filter before it. Whether point, ids and trigger are right is the server's to
// say.
bool ParseFaultFlag(const std::string& text, v1::FaultRule* rule,
                    std::string* error);

}  // namespace mmfault::cli

#endif  // MMFAULT_CLIENTS_CLI_FAULT_FLAG_H_
