// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// report_format.h: in which form a matrix is written.

#ifndef MMFAULT_CLIENTS_CLI_REPORT_FORMAT_H_
#define MMFAULT_CLIENTS_CLI_REPORT_FORMAT_H_

#include <string>
#include <string_view>

#include "clients/cli/context.h"

namespace mmfault::cli {

// `text`, `json` or `html`: as asked, or as the file's name says, or as
// everything else is printed. Empty: not asked; no file.
std::string ReportFormat(const Context& context, const std::string& asked,
                         std::string_view file);

}  // namespace mmfault::cli

#endif  // MMFAULT_CLIENTS_CLI_REPORT_FORMAT_H_
