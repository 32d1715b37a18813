// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// html_page.h: what every HTML report begins with.
//
// Threads: pure functions.

#ifndef MMFAULT_SERVER_REPORT_HTML_PAGE_H_
#define MMFAULT_SERVER_REPORT_HTML_PAGE_H_

#include <string>
#include <string_view>

namespace mmfault::report {

// A document without scripts or other files, up to and with `<body>`. Its
// colours are light or dark as the reader's system; `style` may use them: page,
// ink, faint, line, link, and for outcomes bad, lives, good and open, each with
// an ink of its own.
std::string HtmlHead(std::string_view title, std::string_view style);

}  // namespace mmfault::report

#endif  // MMFAULT_SERVER_REPORT_HTML_PAGE_H_
