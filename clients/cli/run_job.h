// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// run_job.h: one run on the server, from its creation to its results.

#ifndef MMFAULT_CLIENTS_CLI_RUN_JOB_H_
#define MMFAULT_CLIENTS_CLI_RUN_JOB_H_

#include <functional>
#include <string>

#include "clients/cli/context.h"
#include "clients/cli/progress.h"
#include "clients/cpp/answer.h"
#include "mmfault/v1/run_service.pb.h"

namespace mmfault::cli {

// Follows a run until it is over: draws its progress and hands each case over
// as it ends. A stream that breaks is taken up again. Returns the run with all
// its results. A Ctrl-C meanwhile cancels the run on the server, which keeps
// what it has found; then it is over like any other.
client::Answer<v1::Run> FollowRun(
    client::Session& session, const std::string& name, Progress& progress,
    const std::function<void(const v1::CaseResult&)>& on_case);

// The exit code that a finished run stands for: 0, 1, 2, or 125 when it ended
// without its results.
int ExitCodeFor(const v1::Run& run);

// Adds the results of `part` to `whole`, whose outcome becomes the worse one.
void MergeRun(const v1::Run& part, v1::Run* whole);

}  // namespace mmfault::cli

#endif  // MMFAULT_CLIENTS_CLI_RUN_JOB_H_
