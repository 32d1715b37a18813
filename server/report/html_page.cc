// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/report/html_page.h"

#include "server/report/xml.h"

namespace mmfault::report {
namespace {

constexpr std::string_view kBegin = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
)";

constexpr std::string_view kPalette =
    R"(:root { --page: #fff; --ink: #1b1b1b; --faint: #595959; --line: #c8c8c8;
  --bad: #fbd5d0; --bad-ink: #7a0c00; --lives: #fdeebd; --lives-ink: #5c4400;
  --good: #dcefdc; --good-ink: #14521b; --open: #dfe6f5; --open-ink: #1f3a78;
  --link: #0b4fa3; }
@media (prefers-color-scheme: dark) {
  :root { --page: #161616; --ink: #e8e8e8; --faint: #a8a8a8; --line: #444;
    --bad: #5a1712; --bad-ink: #ffd2cb; --lives: #4a3a08; --lives-ink: #ffe9a3;
    --good: #173a1c; --good-ink: #c9f0cd; --open: #1d2c4f; --open-ink: #d3e0ff;
    --link: #8dbbff; } }
)";

}  // namespace

std::string HtmlHead(std::string_view title, std::string_view style) {
  std::string head(kBegin);
  head += "<title>" + XmlEscape(title) + "</title>\n<style>\n";
  head += kPalette;
  head += style;
  return head + "</style>\n</head>\n<body>\n";
}

}  // namespace mmfault::report
