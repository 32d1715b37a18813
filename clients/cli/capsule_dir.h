// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// capsule_dir.h: a capsule for each violation of a run, in a directory.

#ifndef MMFAULT_CLIENTS_CLI_CAPSULE_DIR_H_
#define MMFAULT_CLIENTS_CLI_CAPSULE_DIR_H_

#include <string>

#include "clients/cli/context.h"
#include "mmfault/v1/run_service.pb.h"

namespace mmfault::cli {

// Makes the directory, if it is not there, and writes
// SCENARIO-PROTOCOL-CHECKER.mmfault for each violation that the results of a
// finished run have kept: the first of each checker in each case. A file of
// that name is overwritten. False with the context's error.
bool WriteCapsules(Context& context, client::Session& session,
                   const v1::Run& run, const std::string& dir);

}  // namespace mmfault::cli

#endif  // MMFAULT_CLIENTS_CLI_CAPSULE_DIR_H_
