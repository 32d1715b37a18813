// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// json.h: just enough JSON to write a report.
//
// Threads: pure functions.

#ifndef MMFAULT_SERVER_REPORT_JSON_H_
#define MMFAULT_SERVER_REPORT_JSON_H_

#include <string>
#include <string_view>
#include <vector>

namespace mmfault::report {

// A JSON string. Ids and replay lines are UTF-8, which JSON carries as it is.
std::string Quoted(std::string_view text);

// A list of them.
std::string QuotedList(const std::vector<std::string>& texts);

}  // namespace mmfault::report

#endif  // MMFAULT_SERVER_REPORT_JSON_H_
