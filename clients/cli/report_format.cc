// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/report_format.h"

namespace mmfault::cli {

std::string ReportFormat(const Context& context, const std::string& asked,
                         std::string_view file) {
  if (!asked.empty()) return asked;
  if (file.ends_with(".html")) return "html";
  if (file.ends_with(".json")) return "json";
  return file.empty() && context.is_json() ? "json" : "text";
}

}  // namespace mmfault::cli
